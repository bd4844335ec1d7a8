//! Who is not root.

use std::process::Command;

use pxeguard_lab::{BRIDGE, Host, Lab, guard, skip_unless};

use crate::ended::{Ended, assert_nothing_attached, guard};

/// Where everybody may run the program, wherever it was built.
const COPY: &str = "/run/lab/pxeguard";

/// `pxeguard LINE` as somebody without any right; `setpriv` changes who.
fn as_nobody(host: &Host, line: &str) -> Ended {
    let nobody = "--reuid=65534 --regid=65534 --clear-groups --bounding-set=-all --inh-caps=-all";
    with_privileges(host, nobody, line)
}

fn with_privileges(host: &Host, privileges: &str, line: &str) -> Ended {
    let program = guard::program().unwrap();
    host.run(["cp".as_ref(), program.as_os_str(), COPY.as_ref()]).unwrap();
    let mut command = Command::new("setpriv");
    command.args(privileges.split(' ')).arg(COPY).args(line.split(' ')).current_dir("/");
    Ended::of_command(host, command)
}

#[test]
fn who_is_not_root_cannot_guard_and_is_told_so() {
    skip_unless!("setpriv", "bpftool");
    let lab = Lab::new().unwrap();
    let _guest = lab.attach("guest").unwrap();
    let host = lab.hypervisor();
    as_nobody(host, "run --iface vmbr0").failed(&["must be root", "CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"]);
    as_nobody(host, "detach").failed(&["must be root"]);
    // A container's root has not all of root's rights.
    let contained = "--bounding-set=-bpf,-sys_admin --inh-caps=-bpf,-sys_admin";
    with_privileges(host, contained, "run --iface vmbr0").failed(&["must be root", "CAP_BPF"]);
    assert_nothing_attached(host);
}

#[test]
fn who_is_not_root_cannot_ask_or_stop_the_guard() {
    skip_unless!("setpriv");
    let lab = Lab::new().unwrap();
    let _guest = lab.attach("guest").unwrap();
    let guard = guard(&lab, &format!("--iface {BRIDGE} --trust-port p-guest"));
    for question in ["status", "servers", "ports", "trust list", "trust remove *@p-guest"] {
        as_nobody(lab.hypervisor(), question).failed(&["must be root", "/run/pxeguard/pxeguard.sock"]);
    }
    as_nobody(lab.hypervisor(), "detach").failed(&["must be root"]);
    assert_eq!(guard.json("status").unwrap()["ports"], 1);
}
