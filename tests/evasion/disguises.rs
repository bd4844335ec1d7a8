//! Every disguise of a server's reply that is known to get by some filter, by every hook.

use std::collections::HashSet;

use pxeguard_lab::frames::{Mutation, mutations};
use pxeguard_lab::skip_unless;

use crate::crossing::{Crossing, Way, dropped, missing, send};

#[test]
fn no_disguised_reply_passes_xdp() {
    none_passes("xdp");
}

#[test]
fn no_disguised_reply_passes_generic_xdp() {
    none_passes("xdp-generic");
}

#[test]
fn no_disguised_reply_passes_tcx() {
    none_passes("tcx");
}

#[test]
fn no_disguised_reply_passes_clsact() {
    none_passes("clsact");
}

fn none_passes(hook: &str) {
    skip_unless!();
    let crossing = Crossing::new();
    let [trusted, rogue, client] =
        [&crossing.trusted, &crossing.rogue, &crossing.client].map(|guest| guest.raw().unwrap());
    let mutations = mutations();
    let frames: Vec<_> = mutations.iter().flat_map(|mutation| &mutation.frames).map(Vec::as_slice).collect();

    for way in Way::ALL {
        let lost = missing(&frames, &send(&rogue, &client, way, &frames));
        assert!(lost.is_empty(), "{way:?}: the bridge itself keeps {:?}", named(&mutations, &lost));
    }

    let guard = crossing.guard(hook);
    for way in Way::ALL {
        let before = dropped(&guard, &crossing.rogue);
        let arrived = send(&rogue, &client, way, &frames);
        let arrived: HashSet<_> = arrived.iter().map(Vec::as_slice).collect();
        let passed: Vec<_> = mutations.iter().filter(|mutation| arrived.contains(telling(mutation))).collect();
        let names: Vec<_> = passed.iter().map(|mutation| &mutation.name).collect();
        assert!(names.is_empty(), "{hook} {way:?} lets pass: {names:?}");
        // None is on its way any more, and none was dropped by somebody else.
        let kept = frames.iter().filter(|frame| !arrived.contains(*frame)).count();
        assert_eq!(dropped(&guard, &crossing.rogue) - before, kept as u64, "{hook} {way:?}");

        let lost = missing(&frames, &send(&trusted, &client, way, &frames));
        assert!(lost.is_empty(), "{hook} {way:?} keeps from the trusted port: {:?}", named(&mutations, &lost));
    }
}

fn telling(mutation: &Mutation) -> &[u8] {
    &mutation.frames[mutation.telling]
}

fn named<'a>(mutations: &'a [Mutation], frames: &[&[u8]]) -> Vec<&'a str> {
    let has = |mutation: &&Mutation| mutation.frames.iter().any(|frame| frames.contains(&frame.as_slice()));
    mutations.iter().filter(has).map(|mutation| mutation.name.as_str()).collect()
}
