//! Hosts where nobody has mounted the BPF file system.

use nix::libc;
use pxeguard_lab::{Lab, skip_unless};

use crate::ended::{Ended, guard, pxeguard};
use crate::seccomp::refuse;

fn lab_without_bpffs() -> Lab {
    let lab = Lab::new().unwrap();
    lab.hypervisor().run(["umount", "/sys/fs/bpf"]).unwrap();
    lab
}

fn file_system(lab: &Lab) -> String {
    lab.hypervisor().run(["stat", "--file-system", "--format=%T", "/sys/fs/bpf"]).unwrap()
}

#[test]
fn missing_bpf_file_system_is_mounted() {
    skip_unless!();
    let lab = lab_without_bpffs();
    let _guest = lab.attach("guest").unwrap();
    assert_eq!(file_system(&lab), "sysfs\n");
    let daemon = guard(&lab, "--iface vmbr0");
    assert_eq!(file_system(&lab), "bpf_fs\n");
    daemon.process().wait_line(|line| line.contains("mounted a BPF file system at /sys/fs/bpf"), crate::SOON).unwrap();
    // It serves its purpose: the guard outlives the daemon and is taken over.
    daemon.kill9().unwrap();
    let daemon = guard(&lab, "--iface vmbr0");
    daemon.process().wait_line(|line| line.contains("1 taken over"), crate::SOON).unwrap();
}

#[test]
fn bpf_file_system_that_may_not_be_mounted_is_asked_for() {
    skip_unless!();
    let lab = lab_without_bpffs();
    let _guest = lab.attach("guest").unwrap();
    let command = refuse(pxeguard("run --iface vmbr0"), libc::SYS_mount, libc::EPERM);
    Ended::of_command(lab.hypervisor(), command).failed(&[
        "no BPF file system at /sys/fs/bpf",
        "mount -t bpf bpf /sys/fs/bpf",
        "Operation not permitted",
    ]);
    assert_eq!(file_system(&lab), "sysfs\n");
    // What it says helps.
    lab.hypervisor().run("mount -t bpf bpf /sys/fs/bpf".split(' ')).unwrap();
    guard(&lab, "--iface vmbr0");
}

/// As the service has it: its folder of the BPF file system is mounted alone, and where the rest was is nothing.
#[test]
fn folder_of_a_bpf_file_system_is_enough() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let _guest = lab.attach("guest").unwrap();
    let hidden = "mkdir /sys/fs/bpf/pxeguard /run/lab/pins; mount --bind /sys/fs/bpf/pxeguard /run/lab/pins
        mount -t tmpfs tmpfs /sys/fs/bpf; mkdir /sys/fs/bpf/pxeguard; mount --move /run/lab/pins /sys/fs/bpf/pxeguard";
    lab.hypervisor().run(["sh", "-ec", hidden]).unwrap();
    let daemon = guard(&lab, "--iface vmbr0");
    assert_eq!(file_system(&lab), "tmpfs\n");
    daemon.kill9().unwrap();
    let daemon = guard(&lab, "--iface vmbr0");
    daemon.process().wait_line(|line| line.contains("1 taken over"), crate::SOON).unwrap();
}

#[test]
fn detach_finds_nothing_where_there_is_no_bpf_file_system() {
    skip_unless!();
    let lab = lab_without_bpffs();
    Ended::of(lab.hypervisor(), "detach").succeeded(&["nothing was guarded"]);
    assert_eq!(file_system(&lab), "sysfs\n");
}
