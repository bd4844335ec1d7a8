//! `/metrics`, judged by Prometheus' own programs.

use pxeguard_lab::{BRIDGE, Client, Guest, Host, Lab, Pool, Process, Server, skip_unless, until};
use serde_json::Value;

use crate::ended::guard;
use crate::prometheus::Prometheus;
use crate::{SOON, http};

/// A name that Linux gives to an interface, and that has to be escaped in a label (and in JSON).
const HOSTILE: &str = r#"p"\n{x="1"}"#;

/// Two servers, a client, and the rogue's port with a hostile name.
struct Network {
    lab: Lab,
    client: Guest,
    _guests: [Guest; 2],
    _servers: [Process; 2],
}

impl Network {
    fn new() -> Self {
        let lab = Lab::new().unwrap();
        let guests = ["trusted", "rogue"].map(|name| lab.attach(name).unwrap());
        let client = lab.attach("client").unwrap();
        lab.hypervisor().run(["ip", "link", "set", "p-rogue", "name", HOSTILE]).unwrap();
        let trusted = Server::Dnsmasq.start(&guests[0], &Pool::TRUSTED).unwrap();
        let rogue = Server::Dnsmasq.start(&guests[1], &Pool::ROGUE).unwrap();
        Self { lab, client, _guests: guests, _servers: [trusted, rogue] }
    }

    fn host(&self) -> &Host {
        self.lab.hypervisor()
    }

    fn lease(&self) {
        assert_eq!(Client::Udhcpc.lease(&self.client).unwrap().server_id, Pool::TRUSTED.server);
    }
}

#[test]
fn promtool_finds_no_fault_in_the_metrics_of_real_traffic() {
    skip_unless!("dnsmasq", "busybox", "promtool");
    let network = Network::new();
    let _guard = guard(&network.lab, &format!("--iface {BRIDGE} --trust-port p-trusted"));
    network.lease();
    let metrics = http::get(network.host(), 9467, "/metrics");
    assert!(metrics.contains(r#"port="p\"\\n{x=\"1\"}""#), "{metrics}");
    assert!(metrics.contains("\npxeguard_enforcing 1\n"), "{metrics}");
    let judge = |text: &str| {
        network.host().write("/run/lab/metrics", text).unwrap();
        network.host().output(["sh", "-c", "promtool check metrics </run/lab/metrics 2>&1"]).unwrap()
    };
    let judged = judge(&metrics);
    assert!(judged.output.status.success(), "{}\n{metrics}", String::from_utf8_lossy(&judged.output.stdout));
    // It does read them: without the help texts, or with the name unescaped, there is fault to find.
    assert!(!judge(&metrics.replace("# HELP", "# NOTE")).output.status.success());
    assert!(!judge(&metrics.replace(r#"\""#, "\"")).output.status.success());
}

#[test]
fn prometheus_has_the_numbers_that_the_command_line_shows() {
    skip_unless!("dnsmasq", "busybox", "prometheus");
    let network = Network::new();
    let guard = guard(&network.lab, &format!("--iface {BRIDGE} --trust-port p-trusted"));
    let prometheus = Prometheus::start(network.host());
    for _ in 0..2 {
        network.lease();
    }
    let (mut servers, mut series) = (Value::Null, Value::Null);
    let agree = until(SOON, "Prometheus has the numbers", || {
        servers = guard.json("servers").unwrap();
        series = prometheus.query("sum by (port, verdict) (pxeguard_server_replies_total)");
        [("p-trusted", "passed"), (HOSTILE, "dropped")].iter().all(|(port, verdict)| {
            let shown = servers.as_array().unwrap().iter().find(|server| server["port"] == *port);
            let shown = shown.and_then(|server| server[verdict].as_u64()).unwrap_or(0);
            shown > 0 && value(&series, port, verdict) == Some(shown.to_string())
        })
    });
    agree.unwrap_or_else(|why| panic!("{why}: {series:#}, {servers:#}"));
    assert_eq!(value(&series, HOSTILE, "passed").as_deref(), Some("0"));
    assert_eq!(prometheus.query("up")[0]["value"][1], "1");
}

/// The value of the series with these labels, as Prometheus writes it.
fn value(vector: &Value, port: &str, verdict: &str) -> Option<String> {
    let series = vector.as_array()?.iter();
    let mut matching = series.filter(|one| one["metric"]["port"] == port && one["metric"]["verdict"] == verdict);
    matching.next()?["value"][1].as_str().map(str::to_owned)
}
