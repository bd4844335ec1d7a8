//! Packet filters in the way: of clients' questions, of our answers, of files, and of DHCP between ports.
//!
//! What matters depends on how a packet travels (net/core/dev.c, net/bridge, net/packet, Linux 6.12).  pxeguard answers
//! in a port's tc program, which runs before any rule of netfilter's; or it reads from a packet socket on the
//! interface, which netfilter's `input` does not come before, but a bridge's own hooks do.  Files go by ordinary sockets.

mod iptables;
mod nft;
mod packet;
mod rules;
#[cfg(test)]
mod tests;
mod traffic;
mod walk;
mod way;

use std::fs;

use super::command::{Silent, output};
use super::processes::quoted;
use super::{Check, Finding, Host, Segment};
use rules::{Chain, Family, Hook, Place, Ruleset, Tool};
use traffic::Traffic;
use walk::{Cause, Outcome};
use way::{IP, Kind, Step, Way, Wire};

/// Ports of one bridge that are looked at one by one.
const MAX_PORTS: usize = 64;
/// What is known of the filters of this host.
#[derive(Debug, Default)]
pub(super) struct Facts {
    ruleset: Ruleset,
    /// What could not be read, and why, with what helps.
    unread: Vec<(String, Option<String>)>,
    /// Where files are served.
    boot: Option<Boot>,
    wires: Vec<Wire>,
}

/// Where files are served.
#[derive(Clone, Copy, Debug)]
struct Boot {
    http_port: u16,
}

pub(super) fn check(host: &Host<'_>) -> Vec<Finding> {
    judge(&gather(host))
}

fn gather(host: &Host<'_>) -> Facts {
    let mut facts =
        Facts { boot: host.config.boot.as_ref().map(|boot| Boot { http_port: boot.http_port }), ..Facts::default() };
    let is_on = |path: &str| fs::read_to_string(path).is_ok_and(|value| value.trim() == "1");
    let everywhere = is_on("/proc/sys/net/bridge/bridge-nf-call-iptables");
    facts.wires = host.segments.iter().map(|segment| wire(segment, host, everywhere)).collect();
    let saved = output(&["iptables-nft-save"]).or_else(|_| output(&["iptables-save"]));
    let saved = saved.ok().filter(|saved| iptables::is_nf_tables(saved));
    let of_iptables = saved.as_deref().map(iptables::parse).unwrap_or_default();
    match output(&["nft", "-j", "list", "ruleset"]) {
        Ok(json) => {
            let text = output(&["nft", "-a", "list", "ruleset"]).unwrap_or_default();
            match nft::parse(&json, &text) {
                Some(chains) => facts.ruleset.chains = chains,
                None => facts.unread.push(("nft -j list ruleset writes something else than rules".to_owned(), None)),
            }
        }
        Err(why) => {
            let helps = match &why {
                Silent::Missing(_) => Some("apt install nftables".to_owned()),
                Silent::Failed { .. } => None,
            };
            facts.unread.push((format!("the rules of nftables cannot be read: {why}"), helps));
        }
    }
    // Of these, iptables-save says more.
    let is_doubled = |chain: &Chain| {
        chain.place.family == Family::Ip && of_iptables.iter().any(|other| other.place.table == chain.place.table)
    };
    facts.ruleset.chains.retain(|chain| !is_doubled(chain));
    facts.ruleset.chains.extend(of_iptables);
    // Asking iptables-legacy for tables that are not there would make them.
    let legacy = fs::read_to_string("/proc/thread-self/net/ip_tables_names").unwrap_or_default();
    if !legacy.trim().is_empty() {
        match output(&["iptables-legacy-save"]).or_else(|_| output(&["iptables-save"])) {
            Ok(saved) if !iptables::is_nf_tables(&saved) => facts.ruleset.chains.extend(iptables::parse(&saved)),
            Ok(_) => facts.unread.push(("the rules of iptables-legacy cannot be read".to_owned(), None)),
            Err(why) => facts.unread.push((format!("the rules of iptables-legacy cannot be read: {why}"), None)),
        }
    }
    facts
}

fn wire(segment: &Segment, host: &Host<'_>, everywhere: bool) -> Wire {
    let bridge = segment.bridge.as_ref().unwrap_or(&segment.name);
    let here = fs::read_to_string(format!("/sys/class/net/{bridge}/bridge/nf_call_iptables"));
    let net = host.networks.own.iter().find(|network| network.name == segment.name).map(|network| network.address);
    Wire {
        name: bridge.clone(),
        ports: segment.ports.iter().take(MAX_PORTS).cloned().collect(),
        is_bridge: segment.bridge.is_some(),
        net,
        calls_iptables: everywhere || here.is_ok_and(|value| value.trim() == "1"),
    }
}

fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (why, helps) in &facts.unread {
        findings.push(Finding::warn(Check::Firewall, "rules", why.clone(), helps.clone()));
    }
    for wire in &facts.wires {
        if let Some(Boot { http_port }) = facts.boot {
            let all = [
                Traffic::Question,
                Traffic::Answer,
                Traffic::Tftp,
                Traffic::TftpData,
                Traffic::Http(http_port),
                Traffic::Served,
            ];
            findings.extend(all.map(|traffic| facts.finding(wire, traffic)));
        }
        if wire.is_bridge {
            findings.push(facts.finding(wire, Traffic::Bridged));
        }
    }
    findings
}

impl Facts {
    fn finding(&self, wire: &Wire, traffic: Traffic) -> Finding {
        let check = if traffic == Traffic::Bridged { Check::Forwarding } else { Check::Firewall };
        let subject = format!("{} {}", wire.name, traffic.name());
        let ways = wire.ways(traffic).into_iter().map(|way| (self.outcome(&way.steps), way));
        let ways: Vec<(Outcome, Way)> = ways.collect();
        let say = |dropped: &str, way: &Way, cause: &Cause| {
            let at = way.at.as_ref().map_or_else(String::new, |port| format!("at {port} "));
            format!("{} {dropped} {at}{}", traffic.what(), cause_in_words(cause))
        };
        for kind in [Kind::Sole, Kind::Asked, Kind::Replied] {
            let same = || ways.iter().filter(|(_, way)| way.kind == kind);
            if let Some((Outcome::Blocked(cause), way)) = same().next()
                && same().all(|(outcome, _)| matches!(outcome, Outcome::Blocked(_)))
            {
                let way = Way { at: way.at.clone().filter(|_| same().count() == 1), ..way.clone() };
                let remedy = self.remedy(wire, traffic, cause);
                return Finding::fail(check, &subject, say("is dropped", &way, cause), Some(remedy));
            }
        }
        for (outcome, way) in &ways {
            // That the replies of somebody are dropped may well be meant; that those of nobody pass is not.
            let is_meant = || ways.iter().any(|(outcome, other)| other.kind == way.kind && *outcome == Outcome::Open);
            let (evidence, cause) = match outcome {
                Outcome::Open => continue,
                _ if way.kind == Kind::Replied && is_meant() => continue,
                Outcome::Blocked(cause) => (say("is dropped", way, cause), cause),
                Outcome::Uncertain(cause) => {
                    let not_known = "; what these rules ask for is not understood in full";
                    (say("may be dropped", way, cause) + not_known, cause)
                }
            };
            return Finding::warn(check, &subject, evidence, Some(self.remedy(wire, traffic, cause)));
        }
        Finding::pass(check, &subject, traffic.passes(wire))
    }

    fn outcome(&self, steps: &[Step]) -> Outcome {
        let mut uncertain = None;
        for (families, hook, packet) in steps {
            match self.ruleset.outcome(families, *hook, packet) {
                Outcome::Open => {}
                Outcome::Uncertain(cause) => uncertain = uncertain.or(Some(cause)),
                blocked => return blocked,
            }
        }
        uncertain.map_or(Outcome::Open, Outcome::Uncertain)
    }

    /// The command that lets this traffic pass: at the head of the chain by which it came, where it is judged first.
    fn remedy(&self, wire: &Wire, traffic: Traffic, cause: &Cause) -> String {
        let Place { tool, family, table, chain } = &cause.base;
        let name = &quoted(&wire.name);
        let port = match traffic {
            Traffic::Tftp => Some(("udp", 69)),
            Traffic::Http(port) => Some(("tcp", port)),
            _ => None,
        };
        let has_chain = |wanted: &str| self.ruleset.chains.iter().any(|chain| chain.place.chain == wanted);
        if let (Some((protocol, port)), "firewalld") = (port, table.as_str()) {
            let zone = format!("$(firewall-cmd --get-zone-of-interface={name} || firewall-cmd --get-default-zone)");
            let add = format!("firewall-cmd --permanent --zone={zone} --add-port={port}/{protocol}");
            return format!("{add} && firewall-cmd --reload");
        }
        if has_chain("ufw-user-input") && *tool != Tool::Nft {
            match (port, traffic) {
                (Some((protocol, port)), _) => {
                    return format!("ufw prepend allow in on {name} proto {protocol} to any port {port}");
                }
                (None, Traffic::Bridged) => return format!("ufw route prepend allow in on {name} out on {name}"),
                (None, _) => {}
            }
        }
        let iptables = match tool {
            Tool::Nft => {
                let has_bridge = IP.contains(family) && cause.hook != Hook::Ingress;
                let what = traffic.in_nft(name, has_bridge);
                return format!("nft insert rule {} {table} {chain} {what} accept", family.name());
            }
            Tool::Iptables => "iptables",
            Tool::IptablesLegacy => "iptables-legacy",
        };
        let table = if table == "filter" { String::new() } else { format!(" -t {table}") };
        // Docker leaves this chain to the administrator, and writes the others anew.
        let chain = if cause.hook == Hook::Forward && has_chain("DOCKER-USER") { "DOCKER-USER" } else { chain };
        format!("{iptables}{table} -I {chain} {} -j ACCEPT", traffic.in_iptables(name, cause.hook))
    }
}

fn cause_in_words(Cause { base, rule, .. }: &Cause) -> String {
    let family = base.family.name();
    let who = match base.tool {
        Tool::Nft => format!("nftables, table {family} {}", base.table),
        Tool::Iptables => format!("iptables, table {}", base.table),
        Tool::IptablesLegacy => format!("iptables-legacy, table {}", base.table),
    };
    match rule {
        None => format!("by {who}, chain {}: its policy is to drop, and no rule accepts it", base.chain),
        Some((place, text)) => format!("by {who}, chain {}: {text}", place.chain),
    }
}
