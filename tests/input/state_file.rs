//! The state file, damaged, of another version or in a place that cannot be written.

use pxeguard_lab::{Lab, skip_unless};

use crate::SOON;
use crate::ended::{Ended, assert_nothing_attached, guard};

const STATE: &str = "/var/lib/pxeguard/state.toml";

#[test]
fn damaged_state_is_kept_aside_and_told_and_the_daemon_runs() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let _guest = lab.attach("guest").unwrap();
    let host = lab.hypervisor();
    for damaged in ["version = 1\ntrust = [\"52:54:0", "\u{0}\u{0}\u{0}", ""] {
        host.write(STATE, damaged).unwrap();
        let guard = guard(&lab, "--iface vmbr0");
        let told = guard.process().wait_line(|line| line.contains("is damaged"), SOON).unwrap();
        assert!(told.contains(STATE) && told.contains("set at run time are lost"), "{told}");
        let aside = told.rsplit(' ').next().unwrap();
        assert!(aside.starts_with("/var/lib/pxeguard/state.toml.damaged-"), "{told}");
        assert_eq!(host.read(aside).unwrap(), damaged);
        assert_eq!(guard.json("status").unwrap()["ports"], 1);
        // The new file is a good one.
        assert!(host.read(STATE).unwrap().contains("version = 2"));
        guard.stop().unwrap();
    }
}

#[test]
fn state_of_a_newer_format_is_neither_used_nor_lost() {
    skip_unless!("bpftool");
    let lab = Lab::new().unwrap();
    let newer = "version = 99\nservers = \"of a kind unknown\"\n";
    lab.hypervisor().write(STATE, newer).unwrap();
    let refused = Ended::of(lab.hypervisor(), "run --iface vmbr0");
    refused.failed(&[STATE, "format 99", "install the newer one, or move it away"]);
    assert_eq!(lab.hypervisor().read(STATE).unwrap(), newer);
    assert_nothing_attached(lab.hypervisor());
}

#[test]
fn state_that_cannot_be_written_is_told_and_the_guard_holds() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let _guest = lab.attach("guest").unwrap();
    let host = lab.hypervisor();
    host.run(["sh", "-c", "mkdir /run/read-only && mount -t tmpfs -o ro tmpfs /run/read-only"]).unwrap();
    host.write("/etc/pxeguard/pxeguard.toml", "iface = \"vmbr0\"\nstate = \"/run/read-only/state.toml\"\n").unwrap();
    let guard = guard(&lab, "--hook auto");
    let told = |line: &str| line.contains("ERROR") && line.contains("/run/read-only/state.toml");
    let told = guard.process().wait_line(told, SOON).unwrap();
    assert!(told.contains("Read-only file system"), "{told}");
    // A trust is in force at once, and whoever added it knows that it will not last.
    let added = Ended::of(host, "trust add --port p-guest");
    added.failed(&["*@p-guest is trusted now, but", "/run/read-only/state.toml", "Read-only file system"]);
    assert_eq!(guard.json("trust list").unwrap()[0]["trust"], "*@p-guest");
    assert_eq!(guard.json("status").unwrap()["mode"], "enforce");
}

#[test]
fn folder_of_the_state_is_made_or_it_is_told_why_not() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let host = lab.hypervisor();
    let config =
        |state: &str| host.write("/etc/pxeguard/pxeguard.toml", format!("iface = \"vmbr0\"\nstate = \"{state}\"\n"));
    config("/proc/pxeguard/state.toml").unwrap();
    Ended::of(host, "run --iface vmbr0").failed(&["cannot make the folder /proc/pxeguard", "No such file"]);
    config("/run/a/new/folder/state.toml").unwrap();
    let guard = guard(&lab, "--hook auto");
    guard.run(["trust", "add", "--port", "eno1"]).unwrap();
    assert!(host.read("/run/a/new/folder/state.toml").unwrap().contains("*@eno1"));
}
