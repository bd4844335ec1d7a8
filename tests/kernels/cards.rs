//! Cards of several drivers, on Debian 13's kernel: which hook each gets, and why.

use std::sync::OnceLock;

use crate::linux::Linux;
use crate::machine::Script;
use crate::story::{ROGUE, Story, Told};

fn story() -> Option<&'static Story> {
    static STORY: OnceLock<Told> = OnceLock::new();
    Story::of(&Script::CARDS, Linux { series: "6.12-amd64", with_cards: true }, &STORY)
}

/// Asserts hook and reason of each card, by one answer of `pxeguard ports --json`.
fn assert_hooks<const N: usize>(story: &Story, answer: &str, expected: [(&str, &str, &str); N]) {
    for (name, hook, reason) in expected {
        let port = story.port(answer, name);
        assert_eq!((&port["hook"], &port["reason"]), (&hook.into(), &reason.into()), "{name}");
    }
}

const VIRTIO: &str = "the driver virtio_net runs XDP";
const VMXNET3: &str = "the driver vmxnet3 runs XDP, but without VLAN tags";
const BLIND: &str = "without mergeable buffers virtio_net may receive frames that it does not show XDP";
const JOINED: &str = "XDP ends GRO in hardware, which bulk throughput needs";

#[test]
fn each_card_gets_the_hook_that_suits_it() {
    let Some(story) = story() else { return };
    let jumbo = "the MTU is 9000, and the driver vmxnet3 runs XDP on frames in one buffer only \
                 (an MTU of 1500 always fits)";
    let expected = [
        ("plain", "xdp", VIRTIO),
        ("e1000", "tcx", "the driver e1000 does not run XDP"),
        ("tags", "xdp", VMXNET3),
        ("jumbo", "tcx", jumbo),
        ("joined", "tcx", JOINED),
        ("fixed", "tcx", JOINED),
        ("big", "tcx", BLIND),
    ];
    assert_hooks(story, "auto", expected);
    assert_eq!(story.port("auto", "plain")["driver"], "virtio_net");
    assert_eq!(story.port("auto", "e1000")["xdp_features"], serde_json::json!([]));
}

#[test]
fn a_card_with_xdp_drops_what_a_rogue_sends() {
    let Some(story) = story() else { return };
    assert_eq!(story.said("unguarded"), ROGUE);
    assert_eq!(story.said("guarded"), "nobody");
    assert!(story.port("dropped", "plain")["dropped"].as_u64() > Some(0));
}

#[test]
fn a_trust_in_a_vlan_moves_a_card_that_takes_tags_off_to_tcx_and_nothing_moves_it_back() {
    let Some(story) = story() else { return };
    let tags = "VLAN tags are taken off before XDP sees a frame, and a trust names a VLAN";
    for answer in ["with_vlan", "without_vlan"] {
        assert_hooks(story, answer, [("plain", "xdp", VIRTIO), ("tags", "tcx", tags)]);
        assert_eq!(story.guarded_since(answer), story.guarded_since("auto"), "{answer}");
    }
}

#[test]
fn xdp_that_is_asked_for_is_tried_and_a_refusal_names_its_cause() {
    let Some(story) = story() else { return };
    let refused = "this virtio_net card cannot tell its host to send whole frames with checksums, as XDP needs them";
    let expected = [
        ("plain", "xdp", "asked for"),
        ("tags", "xdp", "asked for, but without VLAN tags"),
        ("e1000", "tcx", "the driver e1000 does not run XDP"),
        ("joined", "xdp", &format!("asked for; {JOINED}")),
        ("fixed", "tcx", refused),
    ];
    assert_hooks(story, "asked", expected);
    assert_eq!(story.guarded_since("asked"), story.guarded_since("auto"));
}

#[test]
fn a_card_that_receives_past_xdp_is_guarded_all_the_same() {
    let Some(story) = story() else { return };
    assert_hooks(story, "asked", [("big", "tcx", &format!("XDP was asked for, but {BLIND}"))]);
    assert_eq!(story.said("asked_guarded"), "nobody");
    assert!(story.port("asked_dropped", "big")["dropped"].as_u64() > Some(0));
}
