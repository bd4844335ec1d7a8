//! What is wrong with a segment is named first.

use std::time::Duration;

use pxeguard_lab::servers::dnsmasq;
use pxeguard_lab::{BRIDGE, Lab, Pool, Server, skip_unless};
use serde_json::json;

use crate::scene::{PROXY, Scene, probe};

#[test]
fn a_second_dhcp_server_is_a_conflict() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let rogue = scene.lab.attach("rogue").unwrap();
    let _rogue = Server::Dnsmasq.start(&rogue, &Pool::ROGUE).unwrap();
    let probed = scene.probe(&[]);
    let said = probed.assert_first("conflict", 1);
    assert!(said.contains("10.77.0.1") && said.contains("10.66.0.1"), "{said}");
    assert!(said.contains("behind port p-rogue"), "{said}");
    assert_eq!(probed.report["verdict"], "conflict");
}

#[test]
fn a_foreign_pxe_server_beside_this_hosts_own_is_named() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let _guard = scene.guard_with(&["--mode", "observe"]);
    let (proxy, _running) = scene.foreign_proxy();
    let probed = scene.probe(&[]);
    let said = probed.assert_first("foreign-pxe", 1);
    assert!(said.contains(&PROXY.server.to_string()) && said.contains(proxy.port()), "{said}");
    assert_eq!(probed.report["verdict"], "conflict");
}

#[test]
fn two_pxe_servers_are_named_where_no_pxeguard_runs() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let _first = scene.foreign_proxy();
    let other = scene.lab.attach("other").unwrap();
    let pool = Pool { server: [10, 77, 0, 4].into(), ..Pool::TRUSTED };
    let _second = dnsmasq::start_proxy(&other, &pool, &["--pxe-service=X86-64_EFI,Other,other.efi"]).unwrap();
    let said = scene.probe(&[]).assert_first("foreign-pxe", 1);
    assert!(said.contains("10.77.0.3") && said.contains("10.77.0.4"), "{said}");
}

#[test]
fn option_60_of_the_dhcp_server_itself_is_named_when_nobody_is_on_port_4011() {
    skip_unless!("dnsmasq");
    let scene = Scene::with_dhcp(&["--dhcp-option-force=60,PXEClient"]);
    let _guard = scene.guard();
    let probed = scene.probe(&[]);
    let said = probed.assert_first("option-60", 1);
    assert!(said.contains("PXE-E55") && said.contains("10.77.0.1"), "{said}");
    assert_eq!(probed.findings(), ["option-60"], "it is no second PXE server: {:#}", probed.report);
    assert_eq!(probed.report["verdict"], "problem");
}

#[test]
fn a_boot_server_behind_a_firewall_is_silent_on_port_4011() {
    skip_unless!("dnsmasq", "nft");
    let scene = Scene::new();
    let (proxy, _running) = scene.foreign_proxy();
    drop_udp(&proxy, 4011);
    let probed = scene.probe(&["--boot"]);
    let said = probed.assert_first("no-4011", 1);
    assert!(said.contains("port 4011 of 10.77.0.3"), "{said}");
    let asked = &probed.responder(PROXY.server)["port_4011"][0];
    assert_eq!((&asked["answered"], &asked["is_needed"], &asked["way"]), (&json!(false), &json!(true), &json!("binl")));
    assert_eq!(probed.findings(), ["no-4011", "boot-4011"]);
    assert_eq!(probed.steps(), (vec!["offer", "lease", "release"], Some("4011")));
}

/// A firewall's rule.
pub fn drop_udp(host: &pxeguard_lab::Host, port: u16) {
    let rules = format!(
        "add table ip f\nadd chain ip f in {{ type filter hook input priority 0; }}\nadd rule ip f in udp dport {port} drop\n"
    );
    host.write("/run/lab/rules", rules).unwrap();
    host.run(["nft", "-f", "/run/lab/rules"]).unwrap();
}

#[test]
fn nobody_is_another_exit_code() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let probed = probe(lab.hypervisor(), &[]);
    let said = probed.assert_first("nobody", 2);
    assert!(said.contains("relay"), "{said}");
    assert_eq!((&probed.report["responders"], &probed.report["verdict"]), (&json!([]), &json!("nobody")));
}

#[test]
fn a_checksum_that_a_card_was_to_compute_is_told() {
    skip_unless!("dnsmasq", "ethtool");
    let lab = Lab::new().unwrap();
    let server = lab.attach_slow("server", Duration::ZERO).unwrap();
    // Its wire is a relay by packet sockets, which knows nothing of what is left to a card.
    server.run(["ethtool", "-K", "eth0", "tx", "on"]).unwrap();
    let _dhcp = Server::Dnsmasq.start(&server, &Pool::TRUSTED).unwrap();
    let probed = probe(lab.hypervisor(), &["--arch", "bios"]);
    let said = probed.assert_first("bad-checksum", 1);
    assert!(said.contains("pseudo header"), "{said}");
    assert_eq!(probed.responder(Pool::TRUSTED.server)["checksum"], "unfinished");
}

#[test]
fn a_bridge_with_a_forward_delay_is_waited_for_and_told() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    scene.lab.hypervisor().ip(&format!("link set {BRIDGE} type bridge forward_delay 200 stp_state 1\n")).unwrap();
    let probed = scene.probe(&[]);
    let said = probed.assert_first("forward-delay", 1);
    assert!(said.contains("stp_state 0"), "{said}");
    assert!(probed.report["forwarding_after_ms"].as_u64().unwrap() >= 2000, "{:#}", probed.report);
    assert_eq!(probed.responder(Pool::TRUSTED.server)["gives_addresses"], true, "it was asked all the same");
}

#[test]
fn a_server_behind_a_relay_is_listed_with_it() {
    skip_unless!("dnsmasq");
    let lab = Lab::new().unwrap();
    lab.add_bridge("far").unwrap();
    let (relay, server) = (lab.attach("relay").unwrap(), lab.attach_detached("server").unwrap());
    lab.join(&server, "far").unwrap();
    lab.hypervisor().ip(&format!("link add p-relay-far type veth peer name eth1 netns {}\n", relay.pid())).unwrap();
    relay.ip("link set eth1 up\n").unwrap();
    lab.join_port("p-relay-far", "far").unwrap();
    relay.ip("address add 10.77.0.1/16 dev eth0\naddress add 10.88.0.1/16 dev eth1\n").unwrap();
    let pool = Pool { server: [10, 88, 0, 2].into(), ..Pool::TRUSTED };
    let back = "route add 10.77.0.0/16 via 10.88.0.1\n";
    server.ip("address add 10.88.0.2/16 dev eth0\n").unwrap();
    server.ip(back).unwrap();
    let _dhcp = dnsmasq::start(&server, &pool, &[]).unwrap();
    let relaying =
        ["dnsmasq", "--keep-in-foreground", "--port=0", "--conf-file=/dev/null", "--user=root", "--log-facility=-"];
    let relaying = relay.spawn([&relaying[..], &["--dhcp-relay=10.77.0.1,10.88.0.2"]].concat()).unwrap();
    relaying.wait_line(|line| line.contains("DHCP relay"), Duration::from_secs(10)).unwrap();
    let probed = probe(lab.hypervisor(), &["--arch", "bios"]);
    assert_eq!((probed.code, probed.findings()), (0, vec!["no-pxe"]), "{:#}", probed.report);
    let responder = &probed.report["responders"][0];
    assert_eq!(
        (&responder["relay"], &responder["server_id"]),
        (&json!("10.77.0.1"), &json!("10.88.0.2")),
        "{responder:#}"
    );

    // A relay that forwards nothing any more.
    drop_udp(&relay, 67);
    probe(lab.hypervisor(), &["--arch", "bios"]).assert_first("nobody", 2);
}
