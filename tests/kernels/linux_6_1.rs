//! Debian 12's own kernel, 6.1.  It has no TCX, which came with 6.6: clsact guards ports there.

use std::sync::OnceLock;

use crate::linux::Linux;
use crate::machine::Script;
use crate::story::{ROGUE, Story, TRUSTED, Told};

fn story() -> Option<&'static Story> {
    static STORY: OnceLock<Told> = OnceLock::new();
    Story::of(&Script::PORTS, Linux { series: "6.1", with_cards: false }, &STORY)
}

#[test]
fn without_a_guard_the_rogue_wins() {
    let Some(story) = story() else { return };
    assert_eq!(story.said("unguarded"), ROGUE);
}

#[test]
fn the_verifier_accepts_the_tc_programs_and_the_xdp_program() {
    let Some(story) = story() else { return };
    assert_eq!(story.said("programs"), "3 3 3 6");
}

#[test]
fn every_port_is_guarded_by_clsact() {
    let Some(story) = story() else { return };
    assert_eq!(story.hooks("ports"), ["p-trusted clsact", "p-rogue clsact", "p-client clsact"]);
    for program in ["pxeguard_ingress direct-action", "pxeguard_egress direct-action"] {
        assert!(story.said("filters").contains(program), "{program}: {}", story.said("filters"));
    }
}

#[test]
fn the_lease_comes_from_the_trusted_server() {
    let Some(story) = story() else { return };
    assert_eq!(story.said("guarded"), TRUSTED);
}

#[test]
fn the_filters_outlive_a_daemon_that_is_killed() {
    let Some(story) = story() else { return };
    assert_eq!(story.said("killed"), TRUSTED);
}

#[test]
fn the_next_daemon_takes_the_filters_over() {
    let Some(story) = story() else { return };
    assert_eq!(story.said("adopted"), TRUSTED);
    assert_eq!(story.guarded_since("adopted_ports"), story.guarded_since("ports"));
    let filters = |when| story.said(when).matches("direct-action").count();
    assert_eq!((filters("filters"), filters("adopted_filters")), (2, 2), "one at ingress, one at egress");
}

#[test]
fn detach_removes_the_filters() {
    let Some(story) = story() else { return };
    assert_eq!(story.said("stopped"), TRUSTED);
    assert_eq!(story.said("detached_filters"), "");
    assert_eq!(story.said("detached"), ROGUE);
}
