//! What is none of the guard's business, frame by frame: it passes from an untrusted port, by every hook.

use pxeguard_lab::frames::{Message, innocent};
use pxeguard_lab::skip_unless;

use crate::crossing::{Crossing, Way, dropped, send};

#[test]
fn everything_but_replies_passes_xdp() {
    all_pass("xdp");
}

#[test]
fn everything_but_replies_passes_generic_xdp() {
    all_pass("xdp-generic");
}

#[test]
fn everything_but_replies_passes_tcx() {
    all_pass("tcx");
}

#[test]
fn everything_but_replies_passes_clsact() {
    all_pass("clsact");
}

fn all_pass(hook: &str) {
    skip_unless!();
    let crossing = Crossing::new();
    let [rogue, client] = [&crossing.rogue, &crossing.client].map(|guest| guest.raw().unwrap());
    let guard = crossing.guard(hook);
    let innocents = innocent();
    let offer = Message::offer().frame();
    // The guard is there: it keeps the offer between them.
    let frames = innocents.iter().map(|innocent| innocent.frame.as_slice());
    let frames: Vec<_> = frames.flat_map(|frame| [offer.as_slice(), frame]).collect();
    for way in Way::ALL {
        let arrived = send(&rogue, &client, way, &frames);
        for (innocent, arrived) in innocents.iter().zip(&arrived) {
            assert_eq!(arrived, &innocent.frame, "{hook} {way:?}: not {}", innocent.name);
        }
        assert_eq!(arrived.len(), innocents.len(), "{hook} {way:?}");
    }
    assert_eq!(dropped(&guard, &crossing.rogue), 2 * innocents.len() as u64);
}
