//! The capabilities in the service's unit: with them the daemon does all that it does, and without any one of them it
//! does not start.

use std::process::Command;
use std::time::Duration;

use pxeguard_lab::{Host, Process, guard, skip_unless};
use pxeguard_package::UNIT;

use crate::hosts::Scene;

/// Where everybody may run the program, wherever it was built.
const COPY: &str = "/run/lab/pxeguard";

/// For what takes a debug build some time.
const SOON: Duration = Duration::from_secs(20);

/// What setpriv(1) calls the capabilities of a line of the unit.
fn capabilities(setting: &str) -> Vec<String> {
    let line = UNIT.lines().find_map(|line| line.strip_prefix(setting)?.strip_prefix('=')).expect("the unit says it");
    line.split(' ').map(|name| name.trim_start_matches("CAP_").to_lowercase()).collect()
}

/// A guard with everything: ports of a bridge, packet sockets, ports 69 and 8067; as nobody with these capabilities.
fn start(host: &Host, capabilities: &[String]) -> Process {
    // As pxeguard-pins.service and RuntimeDirectory= and StateDirectory= have it.
    let folders = "/run/pxeguard /var/lib/pxeguard /sys/fs/bpf/pxeguard";
    host.run(["sh", "-ec", &format!("mkdir -p {folders}; chown -R nobody {folders}; chmod 711 /sys/fs/bpf")]).unwrap();
    host.run(["cp".as_ref(), guard::program().unwrap().as_os_str(), COPY.as_ref()]).unwrap();
    let given: String = capabilities.iter().map(|capability| format!(",+{capability}")).collect();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--no-new-privs"]);
    command.args(["bounding-set", "inh-caps", "ambient-caps"].map(|set| format!("--{set}=-all{given}")));
    command.arg(COPY).args("run --iface vmbr0 --trust-port p-trusted --boot-root /run/lab/boot".split(' '));
    host.spawn_command(command).unwrap()
}

#[test]
fn none_of_the_units_capabilities_can_be_left_out_and_no_other_is_needed() {
    skip_unless!("setpriv");
    let scene = Scene::new();
    let host = scene.lab.hypervisor();
    host.write("/run/lab/boot/undionly.kpxe", b"not looked into").unwrap();
    host.ip("address add 10.9.0.1/24 dev vmbr0\n").unwrap();
    let all = capabilities("CapabilityBoundingSet");
    assert_eq!(all, capabilities("AmbientCapabilities"));
    for left_out in &all {
        let rest: Vec<_> = all.iter().filter(|capability| *capability != left_out).cloned().collect();
        let daemon = start(host, &rest);
        let ended = daemon.wait(SOON).unwrap_or_else(|why| panic!("without {left_out}: {why}"));
        assert_eq!(ended.code(), Some(1), "without {left_out}: {}", daemon.output());
    }
    let daemon = start(host, &all);
    daemon.wait_line(|line| line.contains("enforcing on 3 ports"), SOON).unwrap();
    assert!(!scene.offer_arrives(&scene.rogue));
    assert!(scene.offer_arrives(&scene.trusted));
}
