//! Trust in one VLAN.

use pxeguard_lab::frames::{Carried, Message, ether_type};
use pxeguard_lab::{Guest, skip_unless};

use crate::scene::{Scene, place, server_behind, total};

/// VLAN tags, from the outside to the inside, and the VLAN in which such a frame is.
const TAGGED: [(&[(u16, u16)], u16); 7] = [
    (&[], 0),
    (&[(ether_type::VLAN, 0)], 0),
    (&[(ether_type::VLAN, 5)], 5),
    (&[(ether_type::SERVICE_VLAN, 5)], 5),
    (&[(ether_type::VLAN, 0), (ether_type::VLAN, 5)], 5),
    (&[(ether_type::VLAN, 5), (ether_type::VLAN, 6)], 5),
    (&[(ether_type::VLAN, 6)], 6),
];

#[test]
fn server_is_trusted_in_its_vlan_only() {
    skip_unless!();
    let scene = Scene::new();
    for (vlan, number) in [("5", 5), ("untagged", 0), ("6", 6)] {
        let guard = scene.guard(&["--trust", &format!("{},vlan={vlan}", place(&scene.trusted))]);
        let before = (total(&guard, "dropped", "untrusted"), total(&guard, "dropped", "spoof"));
        for (tags, tagged) in TAGGED {
            let frame = offer(&scene.trusted, tags);
            assert_eq!(scene.arrives(&scene.trusted, &frame), tagged == number, "vlan={vlan}, {tags:x?}");
            assert!(!scene.arrives(&scene.rogue, &frame), "vlan={vlan}, {tags:x?}");
        }
        // At another port it is a spoof in its VLAN, and in others it is nobody.
        let trusted = TAGGED.iter().filter(|(_, tagged)| *tagged == number).count() as u64;
        let others = TAGGED.len() as u64 - trusted;
        let after = (total(&guard, "dropped", "untrusted"), total(&guard, "dropped", "spoof"));
        assert_eq!((after.0 - before.0, after.1 - before.1), (2 * others, trusted), "vlan={vlan}");
        guard.stop().unwrap();
    }
}

#[test]
fn port_is_trusted_in_its_vlan_only() {
    skip_unless!();
    let scene = Scene::new();
    let guard = scene.guard(&["--trust-port", &format!("{},vlan=5", scene.trusted.port())]);
    for (tags, tagged) in TAGGED {
        // Whoever sends there.
        for sender in [&scene.trusted, &scene.rogue] {
            assert_eq!(scene.arrives(&scene.trusted, &offer(sender, tags)), tagged == 5, "{tags:x?}");
        }
        assert!(!scene.arrives(&scene.rogue, &offer(&scene.rogue, tags)), "{tags:x?}");
    }
    assert_eq!(total(&guard, "dropped", "spoof"), 0);
}

#[test]
fn server_is_listed_with_its_vlan() {
    skip_unless!();
    let scene = Scene::new();
    let guard = scene.guard(&[]);
    assert!(scene.arrives(&scene.rogue, &offer(&scene.rogue, &[(ether_type::VLAN, 5)])));
    assert_eq!(server_behind(&guard, &scene.rogue)["vlan"], 5);
    let option = format!("--trust {},vlan=5", place(&scene.rogue));
    assert!(guard.run(["servers"]).unwrap().contains(&option), "{option}");
}

/// An OFFER behind VLAN tags.
fn offer(from: &Guest, tags: &[(u16, u16)]) -> Vec<u8> {
    let offer = Message::offer().with(|offer| offer.source_mac = from.mac());
    offer.framed(&Carried::tags(offer.carried(), tags))
}
