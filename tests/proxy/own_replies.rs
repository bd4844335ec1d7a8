//! Clients that are told something of their own, and are answered in the kernel all the same.

use std::time::Duration;

use macaddr::MacAddr6;
use pxeguard_lab::{Guard, skip_unless, until};

use crate::fast_path::{daemon_answers, kernel_answers, stranger, wait_for_fast_path};
use crate::scene::{PROGRAM, SOON, Scene};

const CONFIG: &str = "/etc/pxeguard/pxeguard.toml";
const OTHER: &str = "other.efi";

/// Where the client's firmware is told another program than all.
fn with_choice() -> Scene {
    let scene = Scene::new();
    scene.add_program(OTHER);
    choose(&scene, OTHER, "direct");
    scene
}

/// Says in the configuration what the client's firmware loads, and how it is told.
fn choose(scene: &Scene, program: &str, strategy: &str) {
    configure(scene, &section(scene.client.mac(), program, strategy));
}

fn section(mac: MacAddr6, program: &str, strategy: &str) -> String {
    format!("[boot.clients.\"{mac}\"]\nprogram = \"{program}\"\nstrategy = \"{strategy}\"\n")
}

fn configure(scene: &Scene, sections: &str) {
    scene.lab.hypervisor().write(CONFIG, sections).unwrap();
}

#[test]
fn a_client_for_whom_a_program_is_named_is_told_it_by_the_kernel() {
    skip_unless!();
    let scene = with_choice();
    let guard = scene.guard(&[]);
    let before = wait_for_fast_path(&scene, &guard);
    let by_daemon = daemon_answers(&guard);
    assert_eq!(scene.ask(&scene.discover(1)).file, OTHER);
    assert_eq!(scene.ask(&scene.boot_server_request(2, [10, 77, 0, 50].into())).file, OTHER);
    assert_eq!(scene.ask(&stranger(&scene, 3)).file, PROGRAM, "nobody else is");
    assert_eq!(kernel_answers(&guard), Some(before + 3));
    assert_eq!(daemon_answers(&guard), by_daemon);

    // It holds without the daemon, too.
    guard.kill9().unwrap();
    assert_eq!(scene.ask(&scene.discover(4)).file, OTHER);
}

#[test]
fn another_choice_is_told_from_then_on() {
    skip_unless!();
    let scene = with_choice();
    let guard = scene.guard(&[]);
    wait_for_fast_path(&scene, &guard);
    assert_eq!(scene.ask(&scene.discover(1)).file, OTHER);

    choose(&scene, OTHER, "binl");
    guard.reload().unwrap();
    let is_direct = || scene.ask(&scene.discover(2)).options.contains_key(&43);
    until(SOON, "it is told to ask on port 4011", || !is_direct()).unwrap();
    by_the_kernel(&scene, &guard, || assert!(!is_direct(), "what it was told before"));

    configure(&scene, "");
    guard.reload().unwrap();
    until(SOON, "it is told what all are", || scene.ask(&scene.discover(3)).file == PROGRAM).unwrap();
    assert!(is_direct());
}

#[test]
fn another_daemon_tells_a_client_what_its_own_configuration_says() {
    skip_unless!();
    let scene = with_choice();
    let mut guard = scene.guard(&[]);
    wait_for_fast_path(&scene, &guard);
    by_the_kernel(&scene, &guard, || assert_eq!(scene.ask(&scene.discover(1)).file, OTHER));
    for config in [section(scene.client.mac(), PROGRAM, "menu"), String::new()] {
        guard.kill9().unwrap();
        configure(&scene, &config);
        guard = scene.guard(&[]);
        wait_for_fast_path(&scene, &guard);
        let request = scene.boot_server_request(2, [10, 77, 0, 50].into());
        by_the_kernel(&scene, &guard, || assert_eq!(scene.ask(&request).file, PROGRAM, "{config}"));
    }
}

#[test]
fn a_client_entered_under_another_policy_is_the_daemons() {
    skip_unless!("bpftool");
    let scene = Scene::new();
    let guard = scene.guard(&[]);
    let before = wait_for_fast_path(&scene, &guard);
    // Between a policy's coming into force and the entries of its clients this is what the kernel finds.
    let [a, b, c, d, e, f] = scene.client.mac().into_array().map(|byte| byte.to_string());
    let map = format!("/sys/fs/bpf/pxeguard/maps-{}/SPECIAL", pxeguard_common::LAYOUT);
    let update = ["bpftool", "map", "update", "pinned", &map, "key", &a, &b, &c, &d, &e, &f, "1", "0", "value"];
    let another_generation = ["255", "255", "0", "0", "0", "0", "0", "0"];
    scene.lab.hypervisor().run([&update[..], &another_generation].concat()).unwrap();
    let by_daemon = daemon_answers(&guard);
    scene.ask(&scene.discover(1));
    assert_eq!((kernel_answers(&guard), daemon_answers(&guard)), (Some(before), by_daemon + 1));
}

/// Asks again and again until it was the kernel that answered.
fn by_the_kernel(scene: &Scene, guard: &Guard<'_>, ask: impl Fn()) {
    until(SOON, "the kernel answers", || {
        let before = kernel_answers(guard);
        ask();
        kernel_answers(guard) > before
    })
    .unwrap();
    // Nobody else has answered the same question.
    assert!(scene.ours(Duration::from_millis(100), |_| true).is_none());
}
