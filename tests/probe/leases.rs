//! Nothing is left behind: no lease, no port, whatever server is asked.

use std::time::Duration;

use nix::sys::signal::Signal;
use pxeguard_lab::guard::program;
use pxeguard_lab::{BRIDGE, Lab, Pool, Server, skip_unless, until};
use serde_json::json;

use crate::scene::{Scene, probe};

#[test]
fn dnsmasq_has_no_lease_afterwards() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    scene.probe(&[]);
    let asked = scene.dhcp.output();
    assert!(asked.contains("DHCPOFFER(eth0)") && asked.contains("DHCPACK(eth0)"), "an INFORM is acknowledged: {asked}");
    assert!(!asked.contains("DHCPREQUEST"), "{asked}");
    assert_eq!(scene.leases(), "");
}

const KEA: &str = "/etc/kea/kea-dhcp4.conf";
const KEA_LEASES: &str = "/var/lib/kea/leases.csv";

#[test]
fn kea_has_no_lease_afterwards() {
    skip_unless!("kea-dhcp4");
    let lab = Lab::new().unwrap();
    let router = lab.attach("router").unwrap();
    let Pool { server, first, last } = Pool::TRUSTED;
    router.ip(&format!("address add {server}/16 broadcast + dev eth0\n")).unwrap();
    let config = json!({ "Dhcp4": {
        "interfaces-config": { "interfaces": ["eth0"] },
        "lease-database": { "type": "memfile", "name": KEA_LEASES },
        "subnet4": [{
            "id": 1,
            "subnet": format!("{server}/16"),
            "pools": [{ "pool": format!("{first} - {last}") }],
            "boot-file-name": "undionly.kpxe",
            "next-server": server,
        }],
        "loggers": [{ "name": "kea-dhcp4", "severity": "INFO", "output_options": [{ "output": "stdout", "flush": true }] }],
    }});
    router.write(KEA, config.to_string()).unwrap();
    router.run(["mkdir", "-p", "/var/lib/kea"]).unwrap();
    let kea = ["env", "KEA_PIDFILE_DIR=/run/lab", "KEA_LOCKFILE_DIR=/run/lab", "kea-dhcp4", "-c", KEA];
    let kea = router.spawn(kea).unwrap();
    kea.wait_line(|line| line.contains("DHCP4_STARTED"), Duration::from_secs(20)).unwrap();

    let probed = probe(lab.hypervisor(), &["--arch", "bios"]);
    assert_eq!(probed.code, 0, "{:#}", probed.report);
    let rows = || router.read(KEA_LEASES).unwrap().lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(rows(), Vec::<String>::new());

    let probed = probe(lab.hypervisor(), &["--arch", "bios", "--boot"]);
    assert_eq!(probed.steps().0, ["offer", "lease", "release"], "{:#}", probed.report);
    // It notes a lease that has ended with a lifetime of 0, or another state than 0.
    until(Duration::from_secs(5), "Kea has taken the address back", || {
        let rows = rows();
        let last: Vec<_> = rows.last().map_or("", |row| row).split(',').collect();
        rows.len() >= 2 && (last[3] == "0" || last[9] != "0")
    })
    .unwrap_or_else(|why| panic!("{why}: {:?}\n{}", rows(), kea.output()));
}

#[test]
fn a_probe_that_is_killed_leaves_no_port_behind() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let program = program().unwrap();
    let argv = [program.to_str().unwrap(), "probe", "--iface", BRIDGE, "--timeout", "60"];
    let running = lab.hypervisor().spawn(argv).unwrap();
    let ports = || lab.hypervisor().run(["ip", "-o", "link", "show", "master", BRIDGE]).unwrap();
    until(Duration::from_secs(10), "it has a port", || ports().contains("pxgprobe0")).unwrap();
    running.signal(Signal::SIGKILL).unwrap();
    until(Duration::from_secs(10), "the kernel deletes its port", || !ports().contains("pxgprobe")).unwrap();
}

#[test]
fn the_bridge_keeps_its_address_and_its_mtu() {
    skip_unless!("dnsmasq");
    let lab = Lab::new().unwrap();
    let server = lab.attach("server").unwrap();
    let _dhcp = Server::Dnsmasq.start(&server, &Pool::TRUSTED).unwrap();
    lab.hypervisor().ip(&format!("link set {} mtu 9000\n", server.port())).unwrap();
    let seen = || {
        let read = |file: &str| lab.hypervisor().read(format!("/sys/class/net/{BRIDGE}/{file}")).unwrap();
        (read("address"), read("mtu"))
    };
    let before = seen();
    assert_eq!(before.1.trim(), "9000");
    let program = program().unwrap();
    let argv = [program.to_str().unwrap(), "probe", "--iface", BRIDGE, "--timeout", "1"];
    let running = lab.hypervisor().spawn(argv).unwrap();
    let ports = || lab.hypervisor().run(["ip", "-o", "link", "show", "master", BRIDGE]).unwrap();
    until(Duration::from_secs(10), "it has a port", || ports().contains("pxgprobe0")).unwrap();
    while running.is_running() {
        assert_eq!(seen(), before);
    }
}
