//! Ports of a bridge that come, go, and are called something else.

use macaddr::MacAddr6;
use pxeguard_common::port::MAX_PORTS;
use pxeguard_lab::{BRIDGE, Guard, Raw, skip_unless, until};

use crate::attached;
use crate::scene::{HOOKS, Scene, guarded, offer_of, port, released};
use crate::wire::SOON;

const NOTHING: [&str; 0] = [];

#[test]
fn port_that_joins_is_guarded_and_one_that_leaves_is_released() {
    skip_unless!("tc");
    let scene = Scene::new();
    let hypervisor = scene.lab.hypervisor();
    let late = scene.lab.attach_detached("late").unwrap();
    for hook in HOOKS {
        let guard = scene.guard(&["--hook", hook]);
        assert_eq!(port(&guard, late.port()), None);
        scene.lab.join(&late, BRIDGE).unwrap();
        assert_eq!(guarded(&guard, late.port())["hook"], hook);
        assert_eq!(attached::at(hypervisor, late.port()), attached::expected(hook));
        scene.assert_blocked(&guard, &late);

        scene.lab.leave(&late).unwrap();
        released(&guard, late.port());
        assert_eq!(attached::at(hypervisor, late.port()), NOTHING, "{hook}");
        // And at once back again: nothing of before is in the way.
        scene.lab.join(&late, BRIDGE).unwrap();
        assert_eq!(guarded(&guard, late.port())["hook"], hook);
        scene.lab.leave(&late).unwrap();
        released(&guard, late.port());
        guard.stop().unwrap();
    }
}

#[test]
fn port_that_is_renamed_staysguarded_and_keeps_its_binding() {
    skip_unless!();
    let mut scene = Scene::new();
    let (mac, forged) = unheard_mac();
    let Scene { lab, trusted, .. } = &mut scene;
    let guard = Guard::start(lab, ["--iface", BRIDGE, "--trust", &mac]).unwrap();
    let since = guarded(&guard, trusted.port())["guarded_since"].clone();
    // What makes the binding.
    trusted.raw().unwrap().send(&offer_of(forged)).unwrap();
    bound(&guard, trusted.port());
    lab.rename(trusted, "uplink0").unwrap();
    let port = guarded(&guard, "uplink0");
    assert_eq!((&port["guarded_since"], &port["passed"]), (&since, &1.into()));
    bound(&guard, "uplink0");
    guard.kill9().unwrap();
    let guard = Guard::start(lab, ["--iface", BRIDGE, "--trust", &mac]).unwrap();
    bound(&guard, "uplink0");
    guard.stop().unwrap();
    assert!(scene.offer_of_arrives(&scene.trusted, forged));
    assert!(!scene.offer_of_arrives(&scene.rogue, forged));
}

#[test]
fn ports_whose_numbers_want_the_same_slot_are_counted_apart() {
    skip_unless!();
    let scene = Scene::new();
    let hypervisor = scene.lab.hypervisor();
    let guard = scene.guard(&[]);
    let near = guarded(&guard, scene.rogue.port())["ifindex"].as_u64().unwrap();
    let far = near + u64::from(MAX_PORTS);
    hypervisor.ip(&format!("link add far index {far} type veth peer name far-end\nlink set far-end up\n")).unwrap();
    scene.lab.join_port("far", BRIDGE).unwrap();
    let (near, far) = (scene.rogue.raw().unwrap(), Raw::open(hypervisor, "far-end").unwrap());
    guarded(&guard, "far");
    let dropped = |near: u64, far: u64| {
        let counted = || [scene.rogue.port(), "far"].map(|name| guarded(&guard, name)["dropped"].as_u64().unwrap());
        until(SOON, &format!("{near} and {far} are dropped"), || counted() == [near, far]).unwrap();
    };
    for sent in 1..=3 {
        near.send(&offer_of(scene.rogue.mac())).unwrap();
        far.send(&offer_of(scene.rogue.mac())).unwrap();
        far.send(&offer_of(scene.client.mac())).unwrap();
        dropped(sent, 2 * sent);
    }
    // One goes and comes again: the other is counted where it was.
    scene.lab.leave(&scene.rogue).unwrap();
    released(&guard, scene.rogue.port());
    far.send(&offer_of(scene.rogue.mac())).unwrap();
    scene.lab.join(&scene.rogue, BRIDGE).unwrap();
    guarded(&guard, scene.rogue.port());
    dropped(0, 7);
}

#[test]
fn port_that_is_deleted_and_made_anew_is_guarded_and_keeps_its_binding() {
    skip_unless!();
    let mut scene = Scene::new();
    let (mac, forged) = unheard_mac();
    let start = || ["--iface", BRIDGE, "--trust", &mac];
    let guard = Guard::start(&scene.lab, start()).unwrap();
    assert!(scene.offer_of_arrives(&scene.trusted, forged));
    let before = guarded(&guard, "p-trusted");
    // Its host goes, and the other end of its cable with it.
    drop(scene.trusted);
    released(&guard, "p-trusted");
    // Whoever forges the address of a server that is away is not taken for it.
    scene.trusted = scene.lab.attach("stranger").unwrap();
    guarded(&guard, "p-stranger");
    assert!(!scene.offer_of_arrives(&scene.trusted, forged));
    scene.trusted = scene.lab.attach("trusted").unwrap();
    let after = guarded(&guard, "p-trusted");
    assert_ne!(before["ifindex"], after["ifindex"]);
    assert!(scene.offer_of_arrives(&scene.trusted, forged));
    assert!(!scene.offer_of_arrives(&scene.rogue, forged));
    guard.kill9().unwrap();
    let guard = Guard::start(&scene.lab, start()).unwrap();
    assert_eq!(guard.json("trust list").unwrap()[0]["bound"], "p-trusted");
    assert!(scene.offer_of_arrives(&scene.trusted, forged));
}

#[test]
fn binding_to_a_port_that_nobody_can_name_any_more_locks_nobody_out() {
    skip_unless!();
    let mut scene = Scene::new();
    let (mac, forged) = unheard_mac();
    let start = || ["--iface", BRIDGE, "--trust", &mac];
    Guard::start(&scene.lab, start()).unwrap().kill9().unwrap();
    // The kernel binds the address, and the port goes, before a daemon sees either.
    assert!(scene.offer_of_arrives(&scene.trusted, forged));
    scene.lab.hypervisor().run(["ip", "link", "delete", scene.trusted.port()]).unwrap();
    drop(scene.trusted);
    let guard = Guard::start(&scene.lab, start()).unwrap();
    scene.trusted = scene.lab.attach("trusted").unwrap();
    guarded(&guard, "p-trusted");
    assert!(scene.offer_of_arrives(&scene.trusted, forged));
    assert!(!scene.offer_of_arrives(&scene.rogue, forged));
}

#[test]
fn trusted_port_that_is_made_anew_under_its_name_is_trusted_again() {
    skip_unless!();
    let mut scene = Scene::new();
    let guard = Guard::start(&scene.lab, ["--iface", BRIDGE, "--trust-port", "p-trusted"]).unwrap();
    drop(scene.trusted);
    released(&guard, "p-trusted");
    let note = guard.json("trust list").unwrap()[0]["note"].clone();
    assert_eq!(note, "its port is not there");
    scene.trusted = scene.lab.attach("trusted").unwrap();
    guarded(&guard, "p-trusted");
    assert!(scene.offer_arrives(&scene.trusted));
    scene.assert_blocked(&guard, &scene.rogue);
}

#[test]
fn port_that_goes_while_no_daemon_runs_leaves_nothing_behind() {
    skip_unless!();
    let scene = Scene::new();
    let pins = || scene.lab.hypervisor().run(["ls", "/sys/fs/bpf/pxeguard/links"]).unwrap();
    for hook in HOOKS {
        let passing = scene.lab.attach("passing").unwrap();
        let guard = scene.guard(&["--hook", hook]);
        let of_passing = format!("{}_", guarded(&guard, passing.port())["ifindex"]);
        assert!(pins().lines().any(|pin| pin.starts_with(&of_passing)), "{hook}");
        guard.kill9().unwrap();
        // At once, while a namespace that ends lets go of its devices some time later.
        scene.lab.hypervisor().run(["ip", "link", "delete", passing.port()]).unwrap();
        drop(passing);
        let guard = scene.guard(&["--hook", hook]);
        assert!(!pins().lines().any(|pin| pin.starts_with(&of_passing)), "{hook}: {}", pins());
        // Ingress and egress of the three that stay.
        assert_eq!(pins().lines().count(), 6, "{hook}");
        scene.assert_blocked(&guard, &scene.rogue);
        guard.stop().unwrap();
    }
}

/// Waits until the first trust is bound to a port.
fn bound(guard: &Guard<'_>, name: &str) {
    until(SOON, &format!("it is bound to {name}"), || guard.json("trust list").unwrap()[0]["bound"] == name).unwrap();
}

/// An address that no forwarding table has.
fn unheard_mac() -> (String, MacAddr6) {
    let mac = "02:00:00:00:77:01";
    (mac.to_owned(), mac.parse().unwrap())
}
