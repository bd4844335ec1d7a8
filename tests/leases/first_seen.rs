//! `--trust MAC`: trusted at the port where the address is first seen.

use pxeguard_lab::frames::Message;
use pxeguard_lab::{Guard, skip_unless};

use crate::scene::{Scene, offer_of, server_behind, text, total};
use crate::wire::SOON;

#[test]
fn first_reply_binds_an_address_and_the_second_place_is_a_spoof() {
    skip_unless!();
    let scene = Scene::new();
    // Nobody has heard of it, so that no forwarding table tells where it is.
    let mac = "02:00:00:00:77:01";
    let guard = scene.guard(&["--trust", mac]);
    assert_eq!(bound(&guard), None);
    let offer = offer_of(mac.parse().unwrap());
    assert!(scene.arrives(&scene.trusted, &offer));
    assert!(!scene.arrives(&scene.rogue, &offer));
    guard.process().wait_line(|line| line.contains("is bound to p-trusted, where its first reply"), 2 * SOON).unwrap();
    assert_eq!(bound(&guard).as_deref(), Some(scene.trusted.port()));
    assert!(scene.arrives(&scene.trusted, &offer));
    assert!(!scene.arrives(&scene.rogue, &offer));
    assert_eq!(server_behind(&guard, &scene.rogue)["reason"], "spoof");
    assert_eq!(total(&guard, "dropped", "spoof"), 2);
    guard.process().wait_line(|line| line.contains("port=p-rogue") && line.contains("a spoof"), SOON).unwrap();
}

#[test]
fn address_is_bound_where_the_forwarding_table_has_it() {
    skip_unless!();
    let scene = Scene::new();
    let request = Message::request().with(|request| request.source_mac = scene.trusted.mac()).frame();
    assert!(scene.arrives(&scene.trusted, &request), "the bridge has learnt where it is");
    let guard = scene.guard(&["--trust", &text(scene.trusted.mac())]);
    assert_eq!(bound(&guard).as_deref(), Some(scene.trusted.port()));
    // Though it is first, it is not taken for the server.
    assert!(!scene.arrives(&scene.rogue, &offer_of(scene.trusted.mac())));
    assert!(scene.offer_arrives(&scene.trusted));
}

/// Where the only trust is bound.
fn bound(guard: &Guard<'_>) -> Option<String> {
    let trusts = guard.json("trust list").unwrap();
    trusts[0]["bound"].as_str().map(str::to_owned)
}
