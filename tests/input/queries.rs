//! Commands that need a daemon, and none runs; `detach` with nothing to detach.

use pxeguard_lab::{Lab, skip_unless};

use crate::ended::{Ended, guard};

#[test]
fn question_to_nobody_says_how_to_start_somebody() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    for question in [
        "status",
        "servers",
        "servers --json",
        "ports",
        "trust list",
        "trust add 52:54:00:12:34:56",
        "clients",
        "clients --json",
        "boot list",
        "boot set 52:54:00:12:34:56 memtest86+ --once",
        "boot unset 52:54:00:12:34:56",
    ] {
        let ended = Ended::of(lab.hypervisor(), question);
        ended.failed(&["no pxeguard runs here", "/run/pxeguard/pxeguard.sock", "start it with pxeguard run"]);
    }
    let ended = Ended::of(lab.hypervisor(), "status --control /etc/passwd");
    ended.failed(&["/etc/passwd"]);
}

#[test]
fn detach_without_a_guard_does_nothing_and_says_so() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let _guest = lab.attach("guest").unwrap();
    let detach = || Ended::of(lab.hypervisor(), "detach");
    detach().succeeded(&["nothing was guarded"]);
    guard(&lab, "--iface vmbr0").stop().unwrap();
    detach().succeeded(&["no longer guarded: 1"]);
    detach().succeeded(&["nothing was guarded"]);
    let left = lab.hypervisor().run(["ls", "/sys/fs/bpf"]).unwrap();
    assert!(!left.contains("pxeguard"), "{left}");
}

#[test]
fn token_is_shown_while_a_daemon_runs_and_each_has_its_own() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let nobody = || Ended::of(lab.hypervisor(), "token");
    nobody().failed(&["no pxeguard runs here", "/run/pxeguard/pxeguard.token", "start it with pxeguard run"]);
    let token = || {
        let running = guard(&lab, "--iface vmbr0");
        let token = running.run(["token"]).unwrap();
        let mode = lab.hypervisor().run(["stat", "-c", "%a", "/run/pxeguard/pxeguard.token"]).unwrap();
        assert_eq!(mode.trim(), "600");
        running.stop().unwrap();
        token
    };
    let tokens = [token(), token()];
    assert!(tokens.iter().all(|token| token.trim_end().len() == 32), "{tokens:?}");
    assert_ne!(tokens[0], tokens[1]);
    nobody().failed(&["no pxeguard runs here"]);
}
