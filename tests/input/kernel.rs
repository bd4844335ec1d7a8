//! Kernels that lack what the guard needs.

use nix::libc;
use pxeguard_lab::{Lab, skip_unless};

use crate::ended::{Ended, assert_nothing_attached, guard, pxeguard};
use crate::seccomp::refuse;

#[test]
fn kernel_without_bpf_is_told_from_one_that_forbids_it() {
    skip_unless!("bpftool");
    let lab = Lab::new().unwrap();
    let _guest = lab.attach("guest").unwrap();
    let needs = "pxeguard needs Linux 5.15 or later with CONFIG_BPF_SYSCALL";
    let cases = [(libc::ENOSYS, "Function not implemented"), (libc::EPERM, "Operation not permitted")];
    for (errno, why) in cases {
        let command = refuse(pxeguard("run --iface vmbr0"), libc::SYS_bpf, errno);
        Ended::of_command(lab.hypervisor(), command).failed(&["cannot load the kernel programs", needs, why]);
    }
    assert_nothing_attached(lab.hypervisor());
    // Without the filter the same command works.
    let guard = guard(&lab, "--iface vmbr0");
    assert_eq!(guard.json("status").unwrap()["ports"], 1);
}

#[test]
fn what_is_guarded_stays_so_when_a_new_daemon_cannot_load_its_programs() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let _guest = lab.attach("guest").unwrap();
    guard(&lab, "--iface vmbr0").kill9().unwrap();
    let links = || {
        let links = lab.hypervisor().run(["ls", "/sys/fs/bpf/pxeguard/links"]).unwrap();
        assert!(links.contains("ingress") && links.contains("egress"), "{links}");
        links
    };
    let before = links();
    let command = refuse(pxeguard("run --iface vmbr0"), libc::SYS_bpf, libc::EPERM);
    Ended::of_command(lab.hypervisor(), command).failed(&["cannot load the kernel programs"]);
    assert_eq!(links(), before);
}
