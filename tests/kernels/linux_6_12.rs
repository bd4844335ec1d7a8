//! Debian 13's kernel, 6.12, which Debian 12 has beside its own: TCX guards ports there.

use std::sync::OnceLock;

use crate::linux::Linux;
use crate::machine::Script;
use crate::story::{ROGUE, Story, TRUSTED, Told};

fn story() -> Option<&'static Story> {
    static STORY: OnceLock<Told> = OnceLock::new();
    Story::of(&Script::PORTS, Linux { series: "6.12", with_cards: false }, &STORY)
}

#[test]
fn the_verifier_accepts_the_tc_programs_and_the_xdp_program() {
    let Some(story) = story() else { return };
    assert_eq!(story.said("programs"), "3 3 3 6");
}

#[test]
fn every_port_is_guarded_by_tcx() {
    let Some(story) = story() else { return };
    assert_eq!(story.hooks("ports"), ["p-trusted tcx", "p-rogue tcx", "p-client tcx"]);
    assert_eq!(story.said("filters"), "", "filters of clsact");
}

#[test]
fn the_trusted_server_wins_from_the_start_of_the_guard_until_detach() {
    let Some(story) = story() else { return };
    for (when, winner) in [
        ("unguarded", ROGUE),
        ("guarded", TRUSTED),
        ("killed", TRUSTED),
        ("adopted", TRUSTED),
        ("stopped", TRUSTED),
        ("detached", ROGUE),
    ] {
        assert_eq!(story.said(when), winner, "{when}");
    }
}
