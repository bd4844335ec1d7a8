//! Each hook: attached, blocking, outliving the daemon, removed; and exchanged for another one.

use std::thread;

use pxeguard_lab::{BRIDGE, guard, skip_unless};

use crate::attached;
use crate::flood::Flood;
use crate::scene::{HOOKS, Scene, guarded};

#[test]
fn every_hook_blocks_outlives_the_daemon_and_is_removed() {
    skip_unless!("tc");
    let scene = Scene::new();
    let hypervisor = scene.lab.hypervisor();
    for hook in HOOKS {
        assert!(scene.offer_arrives(&scene.rogue), "before {hook}");
        let guard = scene.guard(&["--hook", hook]);
        let before = guarded(&guard, scene.rogue.port());
        assert_eq!((&before["hook"], &before["reason"]), (&hook.into(), &reason(hook).into()));
        assert_eq!(attached::at(hypervisor, scene.rogue.port()), attached::expected(hook));
        scene.assert_blocked(&guard, &scene.rogue);
        assert!(scene.offer_arrives(&scene.trusted), "{hook}");

        guard.kill9().unwrap();
        assert!(!scene.offer_arrives(&scene.rogue), "{hook} after its daemon's death");
        let guard = scene.guard(&["--hook", hook]);
        let after = guarded(&guard, scene.rogue.port());
        assert_eq!((&after["hook"], &after["guarded_since"]), (&hook.into(), &before["guarded_since"]));
        assert_eq!(after["dropped"], 2, "{hook}");
        assert_eq!(attached::at(hypervisor, scene.rogue.port()), attached::expected(hook));
        scene.assert_blocked(&guard, &scene.rogue);

        guard.stop().unwrap();
        guard::run(hypervisor, ["detach"]).unwrap();
        for guest in [&scene.trusted, &scene.rogue, &scene.client] {
            assert_eq!(attached::at(hypervisor, guest.port()), [""; 0], "{hook}");
        }
    }
}

#[test]
fn flood_is_not_heard_while_one_hook_is_exchanged_for_another() {
    skip_unless!("tc");
    let scene = Scene::new();
    let mut guard = scene.guard(&["--hook", "tcx"]);
    let since = guarded(&guard, scene.rogue.port())["guarded_since"].clone();
    // Each of the twelve exchanges.
    let order = [
        "xdp",
        "tcx",
        "xdp-generic",
        "tcx",
        "clsact",
        "xdp",
        "xdp-generic",
        "clsact",
        "xdp-generic",
        "xdp",
        "clsact",
        "tcx",
    ];
    thread::scope(|scope| {
        let flood = Flood::start(scope, &scene.rogue);
        for hook in order {
            guard.kill9().unwrap();
            guard = scene.guard(&["--hook", hook]);
            let port = guarded(&guard, scene.rogue.port());
            assert_eq!((&port["hook"], &port["guarded_since"]), (&hook.into(), &since), "{port:#}");
            let attached = attached::at(scene.lab.hypervisor(), scene.rogue.port());
            assert_eq!(attached, attached::expected(hook), "{hook}");
            flood.goes_on();
        }
        assert_eq!(flood.leaked_to(&scene.at_client), 0);
        scene.assert_blocked(&guard, &scene.rogue);
    });
}

#[test]
fn virtual_ports_get_tcx_unless_told_otherwise() {
    skip_unless!("tc");
    let scene = Scene::new();
    let guard = scene.guard(&[]);
    let port = guarded(&guard, scene.rogue.port());
    assert_eq!(port["hook"], "tcx");
    assert_eq!(port["reason"], "a veth port: XDP leaves a sixth of bulk TCP");
}

#[test]
fn xdp_guards_a_veth_that_takes_jumbo_frames() {
    skip_unless!("tc");
    let scene = Scene::new();
    let hypervisor = scene.lab.hypervisor();
    scene.rogue.run(["ip", "link", "set", "eth0", "mtu", "9000"]).unwrap();
    hypervisor.run(["ip", "link", "set", scene.rogue.port(), "mtu", "9000"]).unwrap();
    let guard = scene.guard(&["--hook", "xdp"]);
    assert_eq!(guarded(&guard, scene.rogue.port())["hook"], "xdp");
    scene.assert_blocked(&guard, &scene.rogue);
}

#[test]
fn veth_that_has_fewer_queues_than_its_other_end_is_told_as_the_cause() {
    skip_unless!("tc", "ethtool");
    let scene = Scene::new();
    let hypervisor = scene.lab.hypervisor();
    hypervisor.ip("link add narrow numrxqueues 1 type veth peer name wide numtxqueues 2\nlink set wide up\n").unwrap();
    hypervisor.run(["ethtool", "-L", "wide", "tx", "2"]).unwrap();
    scene.lab.join_port("narrow", BRIDGE).unwrap();
    let guard = scene.guard(&["--hook", "xdp"]);
    let port = guarded(&guard, "narrow");
    assert_eq!(port["hook"], "tcx");
    let cause = "the other end of this veth sends by more queues than this end receives by";
    assert!(port["reason"].as_str().is_some_and(|reason| reason.starts_with(cause)), "{port:#}");
}

/// What is said of a hook that was asked for, and what it costs.
fn reason(hook: &str) -> &'static str {
    match hook {
        "xdp" => "asked for, but without VLAN tags; a veth port: XDP leaves a sixth of bulk TCP",
        "xdp-generic" => "asked for, but without VLAN tags; XDP behind the driver copies what it could pass",
        _ => "asked for",
    }
}
