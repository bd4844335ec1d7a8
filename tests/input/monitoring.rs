//! The dashboard and the alert rules of the repository: each of their queries finds something in the metrics of a real
//! daemon, by a real Prometheus.

use std::path::PathBuf;

use pxeguard_lab::{Client, Pool, Server, provided, skip_unless, until};
use serde_json::Value;

use crate::SOON;
use crate::booting::{Firmware, MEMTEST, Scene, UNDIONLY};
use crate::prometheus::Prometheus;

/// A file that is installed with pxeguard.
fn packaged(name: &str) -> PathBuf {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging")).join(name);
    path.canonicalize().unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

fn rules() -> PathBuf {
    packaged("prometheus/pxeguard.rules.yml")
}

#[test]
fn promtool_takes_the_rules_and_they_fire_when_they_should() {
    skip_unless!("promtool");
    let lab = pxeguard_lab::Lab::new().unwrap();
    for (what, file) in [("check", rules()), ("test", packaged("prometheus/pxeguard.test.yml"))] {
        let said = lab.hypervisor().run(["promtool", what, "rules", file.to_str().unwrap()]).unwrap();
        assert!(said.contains("SUCCESS"), "{said}");
    }
}

#[test]
fn every_query_of_the_dashboard_and_the_rules_finds_something() {
    skip_unless!("dnsmasq", "busybox", "curl", "prometheus", MEMTEST, UNDIONLY);
    let scene = Scene::new(&[MEMTEST, UNDIONLY]);
    let [trusted, rogue] = ["trusted", "rogue"].map(|name| scene.lab.attach(name).unwrap());
    let _servers = [(&trusted, Pool::within(10, 78)), (&rogue, Pool::ROGUE)]
        .map(|(host, pool)| Server::Dnsmasq.start(host, &pool));
    let guard = scene.guard("--trust-port p-trusted");
    let prometheus = Prometheus::start_with_rules(scene.lab.hypervisor(), &rules());
    let other = scene.lab.attach("other").unwrap();
    assert!(Pool::within(10, 78).contains(Client::Udhcpc.lease(&other).unwrap().address));
    scene.is_offered(Firmware::Bios, "undionly.kpxe");
    let fetched = scene.client.run([
        "curl",
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "http://10.77.0.1:8067/undionly.kpxe",
    ]);
    assert_eq!(fetched.unwrap(), "200");
    assert!(provided(UNDIONLY).is_some());

    let queries = dashboard_queries().into_iter().chain(rule_queries(&prometheus)).collect::<Vec<_>>();
    assert!(queries.len() > 30, "{queries:?}");
    for query in queries {
        // A rate wants two scrapes.
        until(SOON, "it finds something", || {
            prometheus.query(&query).as_array().is_some_and(|found| !found.is_empty())
        })
        .unwrap_or_else(|why| panic!("{query}: {why}\n{}", guard.process().output()));
    }
}

/// The queries of all panels, with all hosts chosen.
fn dashboard_queries() -> Vec<String> {
    let text = std::fs::read_to_string(packaged("grafana/pxeguard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    let queries = targets.map(|target| target["expr"].as_str().expect("a target has a query"));
    queries.map(|query| query.replace("$instance", ".*").replace("$__rate_interval", "1m")).collect()
}

/// The queries of all rules, which Prometheus has evaluated, without what they are compared with.
fn rule_queries(prometheus: &Prometheus<'_>) -> Vec<String> {
    let groups = || prometheus.get("/api/v1/rules")["data"]["groups"].clone();
    let rules = |groups: &Value| -> Vec<Value> {
        let groups = groups.as_array().unwrap().iter();
        groups.flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
    };
    until(SOON, "all rules are evaluated", || rules(&groups()).iter().all(|rule| rule["health"] == "ok")).unwrap();
    let rules = rules(&groups());
    assert!(rules.len() >= 12, "{rules:?}");
    let query = |rule: &Value| {
        let query = rule["query"].as_str().unwrap();
        let compared = [" > ", " == "].iter().find_map(|sign| query.rsplit_once(sign));
        compared.unwrap_or_else(|| panic!("{query} compares nothing")).0.to_owned()
    };
    rules.iter().map(query).collect()
}
