//! A bridge that swallows a guest's first seconds.
//!
//! Only STP makes a port wait: `br_make_forwarding` (net/bridge/br_stp.c) has a port forward at once where STP is off, whatever
//! the forward delay; with STP it listens and then learns, as long as the forward delay each, and the kernel takes no
//! delay below two seconds then (`br_stp_start`).

use std::time::Duration;

use super::processes::quoted;
use super::{Check, Finding, Host, read};
use crate::ports::Snapshot;

/// What a client bears: its first DISCOVER is lost, the second one comes four seconds later (RFC 2131 §4.1).
const BEARABLE: Duration = Duration::from_secs(4);

/// A bridge.
#[derive(Clone, Debug)]
struct Bridge {
    name: String,
    is_up: bool,
    /// `None` where sysfs does not tell, for it is of another network namespace.
    stp: Option<Stp>,
    ports: Vec<Port>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Stp {
    /// `BR_NO_STP`, `BR_KERNEL_STP`, `BR_USER_STP` (net/bridge/br_private.h).
    state: u8,
    forward_delay: Duration,
}

/// One of its ports.
#[derive(Clone, Debug)]
struct Port {
    name: String,
    is_up: bool,
    /// Whether there is a cable, and a card behind it.
    has_link: Option<bool>,
    is_physical: bool,
    /// `BR_STATE_*` of linux/if_bridge.h.
    state: Option<u8>,
}

/// `BR_STATE_*`.
const LISTENING: u8 = 1;
const LEARNING: u8 = 2;
const BLOCKING: u8 = 4;

pub(super) fn check(host: &Host<'_>) -> Vec<Finding> {
    let mut names: Vec<_> = host.segments.iter().filter_map(|segment| segment.bridge.clone()).collect();
    names.dedup();
    names.iter().filter_map(|name| gather(&host.snapshot, name)).flat_map(|bridge| judge(&bridge)).collect()
}

fn gather(snapshot: &Snapshot, name: &str) -> Option<Bridge> {
    let link = snapshot.link_named(name)?;
    let number = |path: String| read(format!("/sys/class/net/{path}")).and_then(|text| text.parse::<u64>().ok());
    let state = number(format!("{name}/bridge/stp_state"));
    // In hundredths of a second (`USER_HZ`).
    let delay = number(format!("{name}/bridge/forward_delay")).map(|delay| Duration::from_millis(delay * 10));
    let stp = state.zip(delay).map(|(state, forward_delay)| Stp { state: state as u8, forward_delay });
    let ports = snapshot.members(link.index).map(|port| Port {
        name: port.name.clone(),
        is_up: port.up,
        has_link: number(format!("{}/carrier", port.name)).map(|carrier| carrier == 1),
        is_physical: port.physical,
        state: number(format!("{}/brport/state", port.name)).map(|state| state as u8),
    });
    Some(Bridge { name: link.name.clone(), is_up: link.up, stp, ports: ports.collect() })
}

fn judge(bridge: &Bridge) -> Vec<Finding> {
    let name = &bridge.name;
    let mut findings = Vec::new();
    if !bridge.is_up {
        findings.push(Finding::fail(
            Check::Bridge,
            name,
            "the bridge is down",
            Some(format!("ip link set {} up", quoted(name))),
        ));
    }
    // The kernel refuses a delay of 0 as long as STP is on, and without STP the delay is no matter.
    // A blocked port is one end of a loop: without STP its broadcasts go round for ever.
    let has_loop = bridge.ports.iter().any(|port| port.is_up && port.state == Some(BLOCKING));
    let mend = if has_loop { "forward_delay 200" } else { "stp_state 0" };
    let off = format!("ip link set {} type bridge {mend}", quoted(name));
    findings.push(match bridge.stp {
        None => {
            let why = format!("/sys/class/net/{name}/bridge cannot be read: STP and forward delay are not known");
            Finding::warn(Check::Bridge, name, why, None)
        }
        Some(Stp { state: 0, .. }) => {
            Finding::pass(Check::Bridge, name, "STP is off: a port forwards as soon as it joins")
        }
        Some(Stp { state: 1, forward_delay }) => {
            let lost = forward_delay * 2;
            let evidence = format!(
                "STP is on with a forward delay of {} s: a guest's port drops everything for its first {} s, and with \
                 it the first DHCP",
                forward_delay.as_secs_f32(),
                lost.as_secs_f32()
            );
            let finding = if lost > BEARABLE { Finding::fail } else { Finding::warn };
            finding(Check::Bridge, name, evidence, Some(off.clone()))
        }
        Some(Stp { forward_delay, .. }) => {
            let evidence = format!(
                "a program outside of the kernel does STP here (mstpd); where it does not know a guest's port for an edge \
                 port, that port learns for {} s and drops everything",
                forward_delay.as_secs_f32()
            );
            Finding::warn(Check::Bridge, name, evidence, Some(format!("mstpctl setportadminedge {} PORT yes", quoted(name))))
        }
    });
    let has_stp = bridge.stp.is_some_and(|stp| stp.state != 0);
    let off = (has_stp && !has_loop).then_some(off.as_str());
    findings.extend(bridge.ports.iter().map(|port| port.judge(name, has_stp, off)));
    findings
}

impl Port {
    /// `off` ends STP, where it is on and may be ended: else the kernel refuses to change a port's state.
    fn judge(&self, bridge: &str, has_stp: bool, off: Option<&str>) -> Finding {
        let name = &self.name;
        let forward = format!("bridge link set dev {} state 3", quoted(name));
        let forward = match (has_stp, off) {
            (false, _) => Some(forward),
            (true, Some(off)) => Some(format!("{off} && {forward}")),
            (true, None) => None,
        };
        match self.state {
            _ if !self.is_up => {
                let evidence = format!("a port of {bridge}, and down");
                Finding::warn(Check::Bridge, name, evidence, Some(format!("ip link set {} up", quoted(name))))
            }
            Some(state @ (LISTENING | LEARNING)) => {
                let state = if state == LISTENING { "listening" } else { "learning" };
                let evidence = format!("a port of {bridge}, which is {state}: it drops everything for now");
                Finding::fail(Check::Bridge, name, evidence, forward)
            }
            Some(BLOCKING) => {
                let evidence = format!(
                    "a port of {bridge}, blocked: by STP, because there is another way to what is behind it, or by hand"
                );
                Finding::warn(Check::Bridge, name, evidence, forward)
            }
            _ if self.has_link == Some(false) && self.is_physical => {
                let evidence = format!("a port of {bridge}, and without a link: no cable, or nothing at its other end");
                Finding::warn(Check::Bridge, name, evidence, None)
            }
            _ if self.has_link == Some(false) => {
                Finding::pass(Check::Bridge, name, format!("a port of {bridge}; nobody is behind it now"))
            }
            _ => Finding::pass(Check::Bridge, name, format!("a port of {bridge}, which forwards")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;

    fn port(state: u8) -> Port {
        Port { name: "tap0".to_owned(), is_up: true, has_link: Some(true), is_physical: false, state: Some(state) }
    }

    fn judged(stp: u8, forward_delay_s: u64, ports: Vec<Port>) -> Vec<Finding> {
        let stp = Some(Stp { state: stp, forward_delay: Duration::from_secs(forward_delay_s) });
        judge(&Bridge { name: "vmbr0".to_owned(), is_up: true, stp, ports })
    }

    #[test]
    fn a_forward_delay_without_stp_is_no_matter() {
        assert!(judged(0, 15, vec![port(3)]).iter().all(|finding| finding.result == Outcome::Pass));
    }

    #[test]
    fn stp_with_fifteen_seconds_fails_and_with_the_least_delay_is_doubtful() {
        let finding = &judged(1, 15, Vec::new())[0];
        assert_eq!(finding.result, Outcome::Fail);
        assert!(finding.evidence.contains("first 30 s"), "{}", finding.evidence);
        assert_eq!(finding.remedy.as_deref(), Some("ip link set vmbr0 type bridge stp_state 0"));
        assert_eq!(judged(1, 2, Vec::new())[0].result, Outcome::Warn);
        assert_eq!(judged(2, 15, Vec::new())[0].result, Outcome::Warn);
    }

    #[test]
    fn a_port_that_does_not_forward_yet_fails_and_stp_has_to_end_first() {
        for state in [LISTENING, LEARNING] {
            let finding = &judged(1, 15, vec![port(state)])[1];
            assert_eq!(finding.result, Outcome::Fail);
            let remedy = "ip link set vmbr0 type bridge stp_state 0 && bridge link set dev tap0 state 3";
            assert_eq!(finding.remedy.as_deref(), Some(remedy));
        }
        let remedy = judged(0, 0, vec![port(LISTENING)])[1].remedy.clone();
        assert_eq!(remedy.as_deref(), Some("bridge link set dev tap0 state 3"));
    }

    #[test]
    fn a_guest_that_is_off_is_no_fault_but_an_uplink_without_a_cable_is_doubtful() {
        let off = Port { has_link: Some(false), ..port(0) };
        assert_eq!(judged(0, 0, vec![off.clone()])[1].result, Outcome::Pass);
        assert_eq!(judged(0, 0, vec![Port { is_physical: true, ..off.clone() }])[1].result, Outcome::Warn);
        assert_eq!(judged(0, 0, vec![Port { is_up: false, ..off }])[1].result, Outcome::Warn);
    }
}
