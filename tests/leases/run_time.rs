//! `trust add|remove|list`: at once, and for good.

use pxeguard_lab::frames::Message;
use pxeguard_lab::{Guard, skip_unless};

use crate::scene::{Scene, place};

#[test]
fn trust_that_is_added_or_removed_counts_at_once_and_after_a_crash() {
    skip_unless!();
    let scene = Scene::new();
    let (trusted, rogue) = (place(&scene.trusted), place(&scene.rogue));
    let guard = scene.guard(&["--trust", &trusted]);
    let heard = || (scene.offer_arrives(&scene.trusted), scene.offer_arrives(&scene.rogue));
    assert_eq!(heard(), (true, false));

    assert_eq!(guard.run(["trust", "add", &rogue]).unwrap(), format!("{rogue} is trusted from now on\n"));
    assert_eq!(heard(), (true, true));
    let both = [(trusted.clone(), "flag"), (rogue.clone(), "state")];
    assert_eq!(listed(&guard), both.map(|(trust, source)| (trust, source.to_owned())));
    guard.kill9().unwrap();
    assert_eq!(heard(), (true, true), "without a daemon");
    let guard = scene.guard(&["--trust", &trusted]);
    assert_eq!(heard(), (true, true));
    assert_eq!(listed(&guard).len(), 2);

    assert_eq!(guard.run(["trust", "remove", &rogue]).unwrap(), format!("{rogue} is not trusted any more\n"));
    assert_eq!(heard(), (true, false));
    guard.kill9().unwrap();
    assert_eq!(heard(), (true, false), "without a daemon");
    let guard = scene.guard(&["--trust", &trusted]);
    assert_eq!(heard(), (true, false));
    assert_eq!(listed(&guard).len(), 1);
}

#[test]
fn first_trust_begins_to_enforce_and_the_last_one_ends_it() {
    skip_unless!();
    let scene = Scene::new();
    let guard = scene.guard(&[]);
    let mode = |guard: &Guard<'_>| guard.json("status").unwrap()["mode"].clone();
    assert!(mode(&guard) == "observe" && scene.offer_arrives(&scene.rogue));
    guard.run(["trust", "add", "--port", scene.trusted.port()]).unwrap();
    assert!(mode(&guard) == "enforce" && !scene.offer_arrives(&scene.rogue));
    guard.kill9().unwrap();
    let guard = scene.guard(&[]);
    assert!(mode(&guard) == "enforce" && !scene.offer_arrives(&scene.rogue));
    guard.run(["trust", "remove", "--port", scene.trusted.port()]).unwrap();
    assert!(mode(&guard) == "observe" && scene.offer_arrives(&scene.rogue));
}

#[test]
fn wider_trust_that_is_removed_leaves_the_narrower_one() {
    skip_unless!();
    let scene = Scene::new();
    let guard = scene.guard(&["--trust", &format!("{},pxe", place(&scene.trusted))]);
    let mac = scene.trusted.mac();
    let proxy = Message::proxy_offer().with(|offer| offer.source_mac = mac).frame();
    let heard = || (scene.offer_arrives(&scene.trusted), scene.arrives(&scene.trusted, &proxy));
    assert_eq!(heard(), (false, true));
    guard.run(["trust", "add", &place(&scene.trusted)]).unwrap();
    assert_eq!(heard(), (true, true));
    guard.run(["trust", "remove", &place(&scene.trusted)]).unwrap();
    assert_eq!(heard(), (false, true));
}

/// Each trust and its source.
fn listed(guard: &Guard<'_>) -> Vec<(String, String)> {
    let trusts = guard.json("trust list").unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    trusts.as_array().unwrap().iter().map(|entry| (text(&entry["trust"]), text(&entry["source"]))).collect()
}
