//! A trusted MAC address where it does not belong.

use pxeguard_lab::skip_unless;

use crate::scene::{Scene, offer_of, place, server_behind, text, total};
use crate::wire::SOON;

#[test]
fn trusted_address_at_another_port_is_dropped_counted_and_told() {
    skip_unless!();
    let scene = Scene::new();
    let guard = scene.guard(&["--trust", &place(&scene.trusted)]);
    assert!(scene.offer_arrives(&scene.trusted));
    let seen = guard.process().seen();
    let forged = offer_of(scene.trusted.mac());
    for _ in 0..3 {
        assert!(!scene.arrives(&scene.rogue, &forged));
    }
    let spoof = server_behind(&guard, &scene.rogue);
    assert_eq!(spoof["mac"], text(scene.trusted.mac()));
    assert_eq!((&spoof["trusted"], &spoof["reason"]), (&false.into(), &"spoof".into()), "{spoof:#}");
    assert_eq!((&spoof["dropped"], &spoof["passed"]), (&3.into(), &0.into()), "{spoof:#}");
    assert_eq!(total(&guard, "dropped", "spoof"), 3);
    assert_eq!((total(&guard, "dropped", "untrusted"), total(&guard, "passed", "trusted")), (0, 1));
    let told = format!("{} ip=10.66.0.1 port={}: OFFER", text(scene.trusted.mac()), scene.rogue.port());
    let line = guard.process().wait_line_from(seen, |line| line.contains(&told), SOON).unwrap();
    assert!(line.contains("dropped") && line.contains("a spoof"), "{line}");
    assert!(!line.contains("if it is yours"), "nobody is led to trust it: {line}");

    // The server itself is none the worse for it.
    assert!(scene.offer_arrives(&scene.trusted));
    assert_eq!(server_behind(&guard, &scene.trusted)["passed"], 2);
}

#[test]
fn address_that_is_trusted_everywhere_is_no_spoof() {
    skip_unless!();
    let scene = Scene::new();
    let guard = scene.guard(&["--trust", &format!("{}@*", text(scene.trusted.mac()))]);
    assert!(scene.arrives(&scene.rogue, &offer_of(scene.trusted.mac())));
    assert!(!scene.offer_arrives(&scene.rogue), "its own address is not trusted");
    assert_eq!(total(&guard, "dropped", "spoof"), 0);
}
