//! A first start: nobody is trusted, nothing is dropped, and it is said how to go on.

use std::time::Duration;

use pxeguard_lab::{BRIDGE, Client, Guard, Lab, Pool, Server, skip_unless};

use crate::scene::{Scene, place, server_behind, total};
use crate::wire::SOON;

#[test]
fn nothing_is_dropped_while_nobody_is_trusted() {
    skip_unless!();
    let scene = Scene::new();
    let guard = scene.guard(&[]);
    assert_eq!(guard.json("status").unwrap()["mode"], "observe");
    assert!(scene.offer_arrives(&scene.rogue) && scene.offer_arrives(&scene.trusted));
    assert_eq!((total(&guard, "dropped", "untrusted"), total(&guard, "would_drop", "untrusted")), (0, 2));
    let server = server_behind(&guard, &scene.rogue);
    assert_eq!((&server["dropped"], &server["would_drop"]), (&0.into(), &1.into()));

    // Whoever says so has it otherwise, by the same counters.
    guard.stop().unwrap();
    let guard = scene.guard(&["--mode", "enforce"]);
    assert!(!scene.offer_arrives(&scene.rogue));
    assert_eq!((total(&guard, "dropped", "untrusted"), total(&guard, "would_drop", "untrusted")), (1, 2));
    guard.stop().unwrap();
    let guard = scene.guard(&["--mode", "observe", "--trust", &place(&scene.trusted)]);
    assert!(scene.offer_arrives(&scene.rogue));
    assert_eq!(total(&guard, "would_drop", "untrusted"), 3);
}

#[test]
fn option_that_is_printed_works_when_it_is_pasted() {
    skip_unless!("dnsmasq", "ethtool", "busybox");
    let lab = Lab::new().unwrap();
    let trusted = lab.attach_slow("trusted", Duration::from_millis(30)).unwrap();
    let (rogue, client) = (lab.attach("rogue").unwrap(), lab.attach("client").unwrap());
    let _trusted = Server::Dnsmasq.start(&trusted, &Pool::TRUSTED).unwrap();
    let _rogue = Server::Dnsmasq.start(&rogue, &Pool::ROGUE).unwrap();

    let guard = Guard::start(&lab, ["--iface", BRIDGE]).unwrap();
    assert_eq!(Client::Udhcpc.lease(&client).unwrap().server_id, Pool::ROGUE.server, "nothing is dropped");
    // As an operator does who knows the server's address.
    let address = format!("ip={} ", Pool::TRUSTED.server);
    let told = guard.process().wait_line(|line| line.contains(&address), SOON).unwrap();
    let (_, option) = told.split_once("; if it is yours: ").unwrap();
    assert_eq!(option, format!("--trust {}", place(&trusted)));
    let listed = guard.run(["servers"]).unwrap();
    for guest in [&trusted, &rogue] {
        let option = format!("--trust {}", place(guest));
        assert!(listed.lines().any(|line| line.contains(&option)), "{option} is not in {listed}");
    }
    guard.stop().unwrap();

    let pasted = format!("--iface {BRIDGE} {option}");
    let guard = Guard::start(&lab, pasted.split(' ')).unwrap();
    assert_eq!(guard.json("status").unwrap()["mode"], "enforce");
    for _ in 0..3 {
        assert_eq!(Client::Udhcpc.lease(&client).unwrap().server_id, Pool::TRUSTED.server);
    }
    assert!(total(&guard, "dropped", "untrusted") >= 3);
}
