//! Interfaces that are not there, or cannot be guarded.

use pxeguard_lab::{BRIDGE, Lab, skip_unless};

use crate::ended::{Ended, assert_nothing_attached, guard};

#[test]
fn interface_that_does_not_exist_has_a_similar_one_suggested() {
    skip_unless!("bpftool");
    let lab = Lab::new().unwrap();
    let _guest = lab.attach("guest").unwrap();
    let refused = |line: &str| Ended::of(lab.hypervisor(), line);
    refused("run --iface vmbr").failed(&["vmbr: no such interface", "did you mean vmbr0?"]);
    refused("run --iface p-gest").failed(&["p-gest: no such interface", "did you mean p-guest?"]);
    refused("run --iface enp94s0f1np1").failed(&["enp94s0f1np1: no such interface", BRIDGE]);
    // One wrong name among right ones: nothing is half guarded.
    refused("run --iface vmbr0 --iface vmbr1").failed(&["vmbr1: no such interface", "did you mean vmbr0?"]);
    assert_nothing_attached(lab.hypervisor());
    let made = lab.hypervisor().enter(|| std::path::Path::new("/sys/fs/bpf/pxeguard").exists()).unwrap();
    assert!(!made, "maps are left behind");
    // What was wrong is the name alone.
    let guard = guard(&lab, "--iface vmbr0");
    assert_eq!(guard.json("ports").unwrap()[0]["name"], "p-guest");
}

#[test]
fn loopback_and_tunnels_are_refused_by_what_they_are() {
    skip_unless!("bpftool");
    let lab = Lab::new().unwrap();
    lab.hypervisor().run(["ip", "tuntap", "add", "tun0", "mode", "tun"]).unwrap();
    Ended::of(lab.hypervisor(), "run --iface lo").failed(&["lo: ", "loopback", "no other machine"]);
    Ended::of(lab.hypervisor(), "run --iface tun0").failed(&["tun0: ", "no Ethernet", "name a bridge"]);
    assert_nothing_attached(lab.hypervisor());
}
