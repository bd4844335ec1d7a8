//! Crash, restart and upgrade: the programs at the ports go on.

use std::thread;

use pxeguard_lab::{BRIDGE, Guard, guard, skip_unless};
use serde_json::Value;

use crate::flood::Flood;
use crate::scene::{Scene, guarded, offer};

/// How often the daemon ends and begins.
const ROUNDS: usize = 3;

#[test]
fn flood_is_not_heard_while_the_daemon_is_killed_and_started_again() {
    skip_unless!();
    let scene = Scene::new();
    let mut guard = scene.guard(&[]);
    thread::scope(|scope| {
        let flood = Flood::start(scope, &scene.rogue);
        for _ in 0..ROUNDS {
            guard.kill9().unwrap();
            flood.goes_on();
            guard = scene.guard(&[]);
            flood.goes_on();
        }
        assert_eq!(flood.leaked_to(&scene.at_client), 0);
        scene.assert_blocked(&guard, &scene.rogue);
    });
}

#[test]
fn flood_is_not_heard_while_the_daemon_is_replaced() {
    skip_unless!();
    let scene = Scene::new();
    let mut guard = scene.guard(&[]);
    thread::scope(|scope| {
        let flood = Flood::start(scope, &scene.rogue);
        for _ in 0..ROUNDS {
            assert!(guard.stop().unwrap().success());
            flood.goes_on();
            guard = scene.guard(&[]);
            flood.goes_on();
        }
        assert_eq!(flood.leaked_to(&scene.at_client), 0);
        guard.stop().unwrap();
    });
    // And it is the guard that keeps them from the client.
    guard::run(scene.lab.hypervisor(), ["detach"]).unwrap();
    assert!(scene.offer_arrives(&scene.rogue));
}

#[test]
fn next_daemon_goes_on_with_the_counters() {
    skip_unless!();
    let scene = Scene::new();
    let socket = scene.rogue.raw().unwrap();
    let send = |count: usize| (0..count).for_each(|_| socket.send(&offer(&scene.rogue)).unwrap());
    let figures = |guard: &Guard<'_>| {
        // A frame that is blocked after the others, so that all of them are counted.
        assert!(!scene.offer_arrives(&scene.rogue));
        let [server]: [Value; 1] = guard.json("servers").unwrap().as_array().unwrap().clone().try_into().unwrap();
        let ports = [&scene.trusted, &scene.rogue, &scene.client].map(|guest| guarded(guard, guest.port()));
        let since = ports.map(|port| port["guarded_since"].clone());
        (server["offers"].clone(), server["dropped"].clone(), server["first_seen"].clone(), since)
    };

    let guard = scene.guard(&[]);
    send(10);
    let (offers, dropped, first_seen, since) = figures(&guard);
    assert_eq!((offers, dropped), (11.into(), 11.into()));
    guard.stop().unwrap();
    send(20);
    let guard = scene.guard(&[]);
    assert_eq!(figures(&guard), (32.into(), 32.into(), first_seen.clone(), since.clone()));
    guard.kill9().unwrap();
    send(30);
    let guard = scene.guard(&[]);
    assert_eq!(figures(&guard), (63.into(), 63.into(), first_seen, since));
}

#[test]
fn next_daemon_knows_where_a_server_was_first_seen() {
    skip_unless!();
    let scene = Scene::new();
    // Nobody has heard of it, so that no forwarding table tells where it is.
    let mac = "02:00:00:00:77:01";
    let is_heard = |from| scene.offer_of_arrives(from, mac.parse().unwrap());
    let start = || Guard::start(&scene.lab, ["--iface", BRIDGE, "--trust", mac]).unwrap();
    let guard = start();
    assert!(is_heard(&scene.trusted) && !is_heard(&scene.rogue));
    // Killed at once: what the kernel has bound does not wait for the daemon to write it down.
    guard.kill9().unwrap();
    assert!(is_heard(&scene.trusted) && !is_heard(&scene.rogue));
    let guard = start();
    assert!(is_heard(&scene.trusted) && !is_heard(&scene.rogue));
    let trusts = guard.json("trust list").unwrap();
    assert_eq!(trusts[0]["bound"], scene.trusted.port(), "{trusts:#}");
}
