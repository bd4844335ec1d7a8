//! Two daemons: the first one goes on, the second one is told why not.

use pxeguard_lab::{BRIDGE, Guard, guard, skip_unless};

use crate::scene::Scene;

#[test]
fn second_daemon_with_the_same_control_socket_is_refused() {
    skip_unless!();
    let scene = Scene::new();
    let guard = scene.guard(&[]);
    let why = refusal(&scene, &["--listen", "127.0.0.1:0"]);
    assert!(why.contains("/run/pxeguard/pxeguard.sock: another pxeguard (pid "), "{why}");
    goes_on(&scene, &guard);
}

#[test]
fn second_daemon_with_a_control_socket_of_its_own_is_refused() {
    skip_unless!();
    let scene = Scene::new();
    let guard = scene.guard(&[]);
    let why = refusal(&scene, &["--listen", "127.0.0.1:0", "--control", "/run/second.sock"]);
    assert!(why.contains("another pxeguard holds /sys/fs/bpf/pxeguard"), "{why}");
    assert!(scene.lab.hypervisor().read("/run/second.sock").is_err(), "its socket is removed");
    goes_on(&scene, &guard);
}

#[test]
fn daemon_in_another_network_namespace_with_other_pins_is_none_of_its_business() {
    skip_unless!();
    let (scene, other) = (Scene::new(), Scene::new());
    let (guard, another) = (scene.guard(&[]), other.guard(&[]));
    goes_on(&scene, &guard);
    goes_on(&other, &another);
}

/// What a second daemon says when it fails to start: one line.
fn refusal(scene: &Scene, more: &[&str]) -> String {
    let ran = guard::run_any(scene.lab.hypervisor(), [&["run", "--iface", BRIDGE], more].concat()).unwrap();
    let said = String::from_utf8(ran.output.stderr).unwrap();
    assert_eq!(ran.output.status.code(), Some(1), "{said}");
    let why = said.lines().last().unwrap_or_default();
    assert!(why.starts_with("pxeguard: "), "{said}");
    why.to_owned()
}

fn goes_on(scene: &Scene, guard: &Guard<'_>) {
    assert!(guard.process().is_running());
    assert!(scene.offer_arrives(&scene.trusted));
    scene.assert_blocked(guard, &scene.rogue);
}
