//! What systemd sees of the daemon, and what it leaves behind.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use pxeguard_lab::{Lab, skip_unless};

use crate::scene::Scene;

const SOCKET: &str = "/run/pxeguard/pxeguard.sock";

#[test]
fn daemon_says_that_it_is_ready_and_ends_with_exit_code_0() {
    skip_unless!();
    let scene = Scene::new();
    // Returns after READY=1, when all that was asked for is in force.
    let guard = scene.guard(&[]);
    assert!(!scene.offer_arrives(&scene.rogue));
    assert_eq!(guard.stop().unwrap().code(), Some(0));
}

#[test]
fn control_socket_is_for_root_alone_and_goes_with_the_daemon() {
    skip_unless!();
    let scene = Scene::new();
    let guard = scene.guard(&[]);
    assert_eq!(mode(&scene.lab), Some(0o600));
    assert_eq!(guard.json("status").unwrap()["mode"], "enforce");
    guard.stop().unwrap();
    assert_eq!(mode(&scene.lab), None);
}

#[test]
fn control_socket_of_a_dead_daemon_is_replaced() {
    skip_unless!();
    let scene = Scene::new();
    scene.guard(&[]).kill9().unwrap();
    assert_eq!(mode(&scene.lab), Some(0o600), "it is left behind");
    let guard = scene.guard(&[]);
    assert_eq!(guard.json("status").unwrap()["mode"], "enforce");
    assert_eq!(guard.stop().unwrap().code(), Some(0));
    assert_eq!(mode(&scene.lab), None);
}

/// The permissions of the control socket, if it is there.
fn mode(lab: &Lab) -> Option<u32> {
    let found = lab.hypervisor().enter(|| fs::symlink_metadata(Path::new(SOCKET))).unwrap();
    found.ok().map(|socket| socket.permissions().mode() & 0o777)
}
