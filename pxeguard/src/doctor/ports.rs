//! The guarded ports: what is known of each, and how it is or would be guarded.

use std::fs;
use std::path::Path;

use super::processes::quoted;
use super::{Check, Finding, Host};
use crate::daemon::vlan_use;
use crate::dataplane::{self, candidates};
use crate::ports::{Device, Target};
use crate::time::Timestamp;

/// Where the BPF file system is.
const BPFFS: &str = "/sys/fs/bpf";

/// A port, and the guard that it has.
#[derive(Clone, Debug)]
struct Port {
    name: String,
    kind: String,
    mtu: u32,
    /// The bridge, and its MTU.
    bridge: Option<(String, u32)>,
    device: Device,
    /// The hook that is tried first, and why.
    choice: Option<(String, String)>,
    /// Somebody else's XDP program.
    foreign: Option<String>,
    guard: Guard,
}

/// How a port is guarded.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Guard {
    /// By the running daemon.
    Now { hook: String, since: String },
    /// By programs that an earlier daemon left.
    Left { hook: String, since: String },
    /// The running daemon could not guard it.
    Failed(String),
    /// Nobody guards it.
    None,
}

pub(super) fn check(host: &Host<'_>) -> Vec<Finding> {
    host.targets.ports.iter().map(|target| judge(&gather(host, target))).collect()
}

fn gather(host: &Host<'_>, target: &Target) -> Port {
    let link = &target.link;
    let device = link.device();
    let foreign = link.xdp.map(|xdp| dataplane::of_program(Path::new(BPFFS), xdp.prog_id));
    let foreign = foreign.filter(|name| !name.contains("pxeguard"));
    let port = dataplane::Port {
        index: link.index,
        name: &link.name,
        kind: link.kind.name(),
        physical: link.physical,
        bridge_port: target.is_bridge_port,
        only_xdp: target.only_xdp,
        choice: host.config.hook,
        xdp_program: link.xdp.map(|xdp| xdp.prog_id),
        mtu: link.mtu,
        device: &device,
        vlan_use: vlan_use(&host.snapshot, target, None, &host.trusts),
    };
    let choice = candidates(&port).into_iter().next().map(|(hook, reason)| (hook.to_string(), reason));
    let bridge = host.snapshot.bridge_of(link).map(|bridge| (bridge.name.clone(), bridge.mtu));
    let (name, kind, mtu) = (link.name.clone(), link.kind.name().to_owned(), link.mtu);
    let guard = guard(host, target);
    Port { name, kind, mtu, bridge, device, choice, foreign, guard }
}

fn guard(host: &Host<'_>, target: &Target) -> Guard {
    let now = Timestamp::now();
    let known =
        host.daemon.as_ref().ok().and_then(|ports| ports.iter().find(|port| port.ifindex == target.link.index.0));
    match known {
        Some(port) => match (&port.hook, port.guarded_since) {
            (Some(hook), Some(since)) => Guard::Now { hook: hook.clone(), since: since.ago(now) },
            _ => Guard::Failed(port.reason.clone()),
        },
        None => left(target.link.index.0, now),
    }
}

/// What an earlier daemon left, by its pins: `pxeguard/links/IFINDEX_HOOK_ingress`.
fn left(ifindex: u32, now: Timestamp) -> Guard {
    let pins = fs::read_dir(Path::new(BPFFS).join("pxeguard/links")).into_iter().flatten().flatten();
    for pin in pins {
        let name = pin.file_name().to_string_lossy().into_owned();
        let parts: Vec<_> = name.split('_').collect();
        if let [index, hook, "ingress"] = parts[..]
            && index == ifindex.to_string()
        {
            let made = pin.metadata().ok().and_then(|metadata| metadata.modified().ok());
            let since = made.map(|made| Timestamp(made).ago(now));
            return Guard::Left {
                hook: hook.to_owned(),
                since: since.unwrap_or_else(|| "a time not known".to_owned()),
            };
        }
    }
    Guard::None
}

fn judge(port: &Port) -> Finding {
    let Port { name, kind, mtu, bridge, device, choice, foreign, guard } = port;
    if let Guard::Failed(why) = guard {
        return Finding::fail(Check::Port, name, format!("the running pxeguard does not guard it: {why}"), None);
    }
    if let Some((bridge, of_bridge)) = bridge.as_ref().filter(|(_, of_bridge)| of_bridge > mtu) {
        let evidence = format!(
            "its MTU is {mtu}, and that of {bridge} is {of_bridge}: longer packets to what is behind it are lost, and TFTP and \
             HTTP with them"
        );
        return Finding::warn(Check::Port, name, evidence, Some(format!("ip link set {} mtu {mtu}", quoted(bridge))));
    }
    let mut facts = vec![kind.clone(), format!("MTU {mtu}")];
    facts.extend(device.driver.as_ref().map(|driver| format!("driver {driver}")));
    if let Some(features) = device.xdp {
        let names: Vec<_> = features.names().collect();
        facts.push(format!("XDP {}", if names.is_empty() { "none".to_owned() } else { names.join(" ") }));
    }
    if device.takes_vlan_tags {
        facts.push("VLAN tags taken off by the card".to_owned());
    }
    facts.extend(foreign.as_ref().map(|owner| format!("{owner} is here")));
    let (chosen, reason) = choice.clone().unwrap_or_default();
    let guarded = match guard {
        Guard::Now { hook, since } => format!("guarded by {hook} since {since}"),
        Guard::Left { hook, since } => format!("guarded by {hook} since {since}, though no pxeguard runs"),
        _ => format!("not guarded; pxeguard run takes {chosen}"),
    };
    let reason = if reason.is_empty() { reason } else { format!(" ({reason})") };
    Finding::pass(Check::Port, name, format!("{guarded}{reason}: {}", facts.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;

    fn port(mtu: u32, guard: Guard) -> Port {
        Port {
            name: "tap0".to_owned(),
            kind: "tap".to_owned(),
            mtu,
            bridge: Some(("vmbr0".to_owned(), 1500)),
            device: Device { driver: Some("tun".to_owned()), ..Device::default() },
            choice: Some(("tcx".to_owned(), "a tap port".to_owned())),
            foreign: None,
            guard,
        }
    }

    #[test]
    fn a_port_that_the_daemon_could_not_guard_fails_and_one_that_nobody_guards_yet_does_not() {
        let failed = judge(&port(1500, Guard::Failed("why".to_owned())));
        assert_eq!(failed.result, Outcome::Fail);
        let none = judge(&port(1500, Guard::None));
        assert_eq!(none.result, Outcome::Pass);
        assert_eq!(none.evidence, "not guarded; pxeguard run takes tcx (a tap port): tap, MTU 1500, driver tun");
    }

    #[test]
    fn a_port_with_a_smaller_mtu_than_its_bridge_is_doubtful() {
        let finding = judge(&port(1400, Guard::None));
        assert_eq!((finding.result, finding.remedy.as_deref()), (Outcome::Warn, Some("ip link set vmbr0 mtu 1400")));
    }
}
