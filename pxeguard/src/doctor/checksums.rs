//! A DHCP server on this host whose replies reach a guest with a checksum that nobody has computed.
//!
//! The kernel leaves a UDP checksum to the device that sends (`CHECKSUM_PARTIAL`), and a bridge says that it can.  A guest's
//! tap or veth hands the frame over as it is, with a flag beside it; a DHCP client in the guest that reads a packet
//! socket without asking for that flag (`PACKET_AUXDATA`) sees a wrong checksum, and drops the reply.  Servers that write
//! whole frames (Kea, ISC dhcpd) compute it themselves.

use super::command::output;
use super::dnsmasq::{self, Served};
use super::processes::quoted;
use super::{Check, Finding, Host};
use crate::ports::Kind;

/// What is known of one bridge.
#[derive(Clone, Debug)]
struct Facts {
    bridge: String,
    /// The server on this host that sends by UDP sockets there, with its process id.
    server: Option<(String, u32)>,
    /// Ports that hand frames over as they are.
    ports: usize,
    /// Whether the bridge leaves checksums to who receives; `None` where that is not told.
    leaves_checksums: Option<bool>,
    /// What computes them on the way.
    filled_by: Option<&'static str>,
}

pub(super) fn check(host: &Host<'_>) -> Vec<Finding> {
    let servers = dnsmasq::gather();
    let bridges = host.segments.iter().filter_map(|segment| segment.bridge.as_ref().map(|bridge| (segment, bridge)));
    let all = bridges.map(|(segment, bridge)| {
        let is_software = |name: &&String| {
            host.snapshot.link_named(name).is_some_and(|link| matches!(link.kind, Kind::Tap | Kind::Veth))
        };
        let own = host.networks.own.iter().filter(|network| network.name == segment.name);
        let served = Served { ifaces: vec![bridge.clone()], nets: own.map(|network| network.address).collect() };
        let server = servers.iter().find(|server| server.gives_addresses(&served));
        let server = server.map(|server| (server.process.name.clone(), server.process.pid));
        let is_asked = server.is_some();
        Facts {
            bridge: bridge.clone(),
            server,
            ports: segment.ports.iter().filter(is_software).count(),
            leaves_checksums: is_asked.then(|| leaves_checksums(bridge)).flatten(),
            filled_by: is_asked.then(|| filled_by(bridge)).flatten(),
        }
    });
    all.map(|facts| judge(&facts)).collect()
}

fn leaves_checksums(bridge: &str) -> Option<bool> {
    let features = output(&["ethtool", "-k", bridge]).ok()?;
    let line = features.lines().find_map(|line| line.trim().strip_prefix("tx-checksumming: "))?;
    Some(line.starts_with("on"))
}

/// libvirt adds one or the other to its own bridges.
fn filled_by(bridge: &str) -> Option<&'static str> {
    let is_here = |line: &str| line.split_once(" -o ").is_none_or(|(_, rest)| rest.split(' ').next() == Some(bridge));
    let is_dhcp = |line: &str| line.contains("--dport 68") || !line.contains("--dport");
    let fills = |line: &str| line.contains("-j CHECKSUM") && is_here(line) && is_dhcp(line);
    // Without a table's name, which would make the table.
    let saves = [output(&["iptables-nft-save"]), output(&["iptables-save"])];
    if saves.into_iter().flatten().any(|rules| rules.lines().any(fills)) {
        return Some("a rule of iptables with the target CHECKSUM");
    }
    let filters = output(&["tc", "filter", "show", "dev", bridge]).unwrap_or_default();
    filters.contains("csum").then_some("a tc filter with the action csum")
}

fn judge(facts: &Facts) -> Finding {
    let Facts { bridge, server, ports, leaves_checksums, filled_by } = facts;
    let Some((name, pid)) = server else {
        return Finding::pass(
            Check::Checksum,
            bridge,
            "no DHCP server on this host leaves its checksums to somebody else",
        );
    };
    let pass =
        |why: &str| Finding::pass(Check::Checksum, bridge, format!("{name} (pid {pid}) gives addresses here; {why}"));
    match (leaves_checksums, filled_by) {
        _ if *ports == 0 => pass("no virtual machine or container is behind a port"),
        (_, Some(filler)) => pass(&format!("{filler} computes its checksums")),
        (Some(false), None) => pass("the bridge has checksums computed before it sends"),
        (Some(true) | None, None) => {
            let evidence = format!(
                "{name} (pid {pid}) gives addresses here, and {bridge} sends its replies to the ports of guests ({ports}) with UDP \
                 checksums that are not computed: DHCP clients of guests that do not know of that drop them"
            );
            Finding::warn(Check::Checksum, bridge, evidence, Some(format!("ethtool -K {} tx off", quoted(bridge))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;

    fn facts() -> Facts {
        let server = Some(("dnsmasq".to_owned(), 7));
        Facts { bridge: "vmbr0".to_owned(), server, ports: 2, leaves_checksums: Some(true), filled_by: None }
    }

    #[test]
    fn checksums_left_to_guests_are_doubtful_and_are_computed_once_the_bridge_offers_nothing() {
        let finding = judge(&facts());
        assert_eq!((finding.result, finding.remedy.as_deref()), (Outcome::Warn, Some("ethtool -K vmbr0 tx off")));
        assert_eq!(judge(&Facts { leaves_checksums: None, ..facts() }).result, Outcome::Warn);
    }

    #[test]
    fn without_a_server_a_guest_or_with_somebody_who_fills_them_in_all_is_well() {
        for facts in [
            Facts { server: None, ..facts() },
            Facts { ports: 0, ..facts() },
            Facts { leaves_checksums: Some(false), ..facts() },
            Facts { filled_by: Some("a tc filter with the action csum"), ..facts() },
        ] {
            assert_eq!(judge(&facts).result, Outcome::Pass, "{facts:?}");
        }
    }
}
