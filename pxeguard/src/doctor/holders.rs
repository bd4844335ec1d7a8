//! Ports that somebody else has.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use super::processes::Process;
use super::{Check, Finding, Host};
use crate::port_holder::{PortHolder, PortKind};

/// A port, what it is for, and who has it.
#[derive(Clone, Debug)]
struct Port {
    kind: PortKind,
    number: u16,
    need: Need,
    /// Those who have it, but for pxeguard; `None` for who is not seen from here.
    held: Vec<Option<Process>>,
    /// Whether pxeguard has it.
    is_ours: bool,
}

/// Whether pxeguard works without the port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Need {
    /// It does not start.
    Needed,
    /// It does as well.
    Spared,
}

pub(super) fn check(host: &Host<'_>) -> Vec<Finding> {
    gather(host).iter().map(judge).collect()
}

fn gather(host: &Host<'_>) -> Vec<Port> {
    let addresses: Vec<_> = host.networks.addresses().into_iter().collect();
    let mut ports = Vec::new();
    let mut add = |kind, number, need, addresses: &[Ipv4Addr]| {
        let all = addresses.iter().flat_map(|address| PortHolder::all(kind, SocketAddrV4::new(*address, number)));
        let (ours, others): (Vec<_>, Vec<_>) = all.partition(|holder| holder.as_ref().is_some_and(Host::is_ours));
        let mut held: Vec<_> =
            others.into_iter().map(|holder| holder.and_then(|holder| Process::of(holder.pid))).collect();
        held.dedup();
        ports.push(Port { kind, number, need, held, is_ours: !ours.is_empty() });
    };
    if let Some(boot) = &host.config.boot {
        add(PortKind::Udp, 67, Need::Spared, &addresses);
        add(PortKind::Udp, 69, Need::Needed, &addresses);
        add(PortKind::Udp, 4011, Need::Spared, &addresses);
        add(PortKind::Tcp, boot.http_port, Need::Needed, &addresses);
    }
    if let IpAddr::V4(address) = host.config.listen.ip()
        && host.config.listen.port() != 0
    {
        add(PortKind::Tcp, host.config.listen.port(), Need::Needed, &[address]);
    }
    ports
}

fn judge(port: &Port) -> Finding {
    let kind = match port.kind {
        PortKind::Udp => "udp",
        PortKind::Tcp => "tcp",
    };
    let subject = format!("{kind} {}", port.number);
    let who = |holder: &Option<Process>| match holder {
        Some(process) => format!("{} (pid {})", process.name, process.pid),
        None => "a process that cannot be seen from here (the doctor needs root for that)".to_owned(),
    };
    match (port.held.first(), port.need) {
        (None, _) if port.is_ours => Finding::pass(Check::Holder, &subject, "held by pxeguard"),
        (None, _) => Finding::pass(Check::Holder, &subject, "free"),
        // Without rights, it cannot be told from pxeguard itself.
        (Some(None), Need::Needed) => Finding::warn(Check::Holder, &subject, format!("held by {}", who(&None)), None),
        (Some(holder @ Some(process)), Need::Needed) => {
            let also = match process.name.as_str() {
                "dnsmasq" if port.number == 69 => "; taking enable-tftp out of its configuration does as well",
                _ => "",
            };
            let evidence = format!("held by {}: pxeguard run cannot start{also}", who(holder));
            Finding::fail(Check::Holder, &subject, evidence, Some(process.stop()))
        }
        (Some(holder), Need::Spared) => {
            let evidence = format!("held by {}, which is as good: pxeguard reads from a packet socket", who(holder));
            Finding::pass(Check::Holder, &subject, evidence)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;

    fn port(number: u16, need: Need, held: Vec<Option<Process>>, is_ours: bool) -> Finding {
        judge(&Port { kind: PortKind::Udp, number, need, held, is_ours })
    }

    fn dnsmasq() -> Process {
        Process { pid: 812, name: "dnsmasq".to_owned(), ..Process::default() }
    }

    #[test]
    fn a_port_that_is_needed_and_held_fails_with_who_and_how_to_stop_it() {
        let finding = port(69, Need::Needed, vec![Some(dnsmasq())], false);
        assert_eq!((finding.result, finding.remedy.as_deref()), (Outcome::Fail, Some("kill 812")));
        assert!(finding.evidence.starts_with("held by dnsmasq (pid 812)"), "{}", finding.evidence);
    }

    #[test]
    fn a_port_that_is_free_or_ours_or_spared_is_well() {
        for finding in [
            port(69, Need::Needed, Vec::new(), false),
            port(69, Need::Needed, Vec::new(), true),
            port(67, Need::Spared, vec![Some(dnsmasq())], false),
            port(67, Need::Spared, vec![None], false),
        ] {
            assert_eq!(finding.result, Outcome::Pass, "{}", finding.evidence);
        }
    }

    #[test]
    fn a_holder_that_cannot_be_seen_may_be_pxeguard_itself() {
        assert_eq!(port(69, Need::Needed, vec![None], false).result, Outcome::Warn);
    }
}
