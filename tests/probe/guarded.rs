//! Beside a guard, which drops what the probe would otherwise see.

use std::os::unix::net::UnixListener;
use std::thread;

use pxeguard_lab::{Pool, Server, skip_unless};
use serde_json::json;

use crate::scene::{PROXY, Scene};

#[test]
fn a_blocked_rogue_is_listed_with_its_port_and_is_no_conflict() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let rogue = scene.lab.attach("rogue").unwrap();
    let _rogue = Server::Dnsmasq.start(&rogue, &Pool::ROGUE).unwrap();
    let _guard = scene.guard();
    let probed = scene.probe(&[]);
    assert_eq!((probed.code, probed.findings()), (0, vec!["blocked"]), "{:#}", probed.report);
    let blocked = &probed.report["blocked"][0];
    assert_eq!((&blocked["port"], &blocked["ip"]), (&json!(rogue.port()), &json!(Pool::ROGUE.server)));
    assert!(blocked["dropped"].as_u64().unwrap() >= 2, "an offer to each that asked: {blocked:#}");
    assert!(probed.report["responders"].as_array().unwrap().iter().all(|one| one["ip"] != "10.66.0.1"));
}

#[test]
fn a_foreign_pxe_server_that_is_blocked_does_not_come_through() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let _guard = scene.guard();
    let (proxy, _running) = scene.foreign_proxy();
    let probed = scene.probe(&[]);
    assert_eq!((probed.code, probed.findings()), (0, vec!["blocked"]), "{:#}", probed.report);
    assert_eq!(probed.report["blocked"][0]["port"], proxy.port());
    assert_eq!(probed.report["blocked"][0]["ip"], PROXY.server.to_string());
}

#[test]
fn who_is_trusted_twice_over_is_no_conflict() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let second = scene.lab.attach("second").unwrap();
    let pool = Pool { server: [10, 77, 0, 9].into(), ..Pool::TRUSTED };
    let _second = Server::Dnsmasq.start(&second, &pool).unwrap();
    let ports = [scene.router.port().to_owned(), second.port().to_owned()];
    let _guard = scene.guard_with(&["--trust-port", &ports[0], "--trust-port", &ports[1]]);
    let probed = scene.probe(&[]);
    assert_eq!((probed.code, probed.findings()), (0, vec![]), "{:#}", probed.report);
}

#[test]
fn a_guard_that_cannot_be_asked_is_said_and_the_network_is_asked_all_the_same() {
    skip_unless!("dnsmasq");
    const SOCKET: &str = "/run/lab/other.sock";
    let scene = Scene::new();
    let listener = scene.lab.hypervisor().enter(|| UnixListener::bind(SOCKET)).unwrap().unwrap();
    // It hangs up on whoever asks; the thread ends with the test's process.
    thread::spawn(move || listener.incoming().for_each(drop));
    let probed = scene.probe(&["--control", SOCKET]);
    assert_eq!((probed.code, probed.findings()), (0, vec!["no-pxe", "guard-unknown"]), "{:#}", probed.report);
}
