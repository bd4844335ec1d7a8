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

use std::fs;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::command::{Silent, output};
use super::{Check, Finding, Host, Segment};
use packet::{Packet, TCP, UDP, only, state};
use rules::{Cause, Chain, Family, Hook, Outcome, Place, Ruleset, Tool};

/// Ports of one bridge that are looked at one by one.
const MAX_PORTS: usize = 64;
/// Where a TFTP transfer's own port is, by the kernel's default (`net.ipv4.ip_local_port_range`).
const EPHEMERAL: (u16, u16) = (32768, 60999);
/// Ports of clients.
const ANY_PORT: (u16, u16) = (1024, 65535);
/// Ports of DHCP (RFC 2131 §4.1), servers' and clients'.
const SERVER: (u16, u16) = (67, 67);
const CLIENT: (u16, u16) = (68, 68);

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

/// One guarded interface.
#[derive(Clone, Debug, Default)]
struct Wire {
    name: String,
    /// Of a bridge, its ports.
    ports: Vec<String>,
    is_bridge: bool,
    /// Where its clients are.
    net: Option<Ipv4Net>,
    /// Whether bridged frames pass iptables (br_netfilter).
    calls_iptables: bool,
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

/// What is on the way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Traffic {
    /// Clients' questions to ports 67 and 4011.
    Question,
    /// Our answers.
    Answer,
    /// The first datagram of a transfer.
    Tftp,
    /// Acknowledgements, which come to a port of the transfer's own.
    TftpData,
    /// Connections to the HTTP server.
    Http(u16),
    /// What this host sends of files.
    Served,
    /// DHCP between the ports of a bridge.
    Bridged,
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

/// A packet at a hook of some families.
type Step = (&'static [Family], Hook, Packet);

const IP: &[Family] = &[Family::Ip, Family::Inet];
const BRIDGE: &[Family] = &[Family::Bridge];
const DEVICE: &[Family] = &[Family::Netdev, Family::Inet];

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
        let name = &wire.name;
        let port = match traffic {
            Traffic::Tftp => Some(("udp", 69)),
            Traffic::Http(port) => Some(("tcp", port)),
            _ => None,
        };
        let has_chain = |wanted: &str| self.ruleset.chains.iter().any(|chain| chain.place.chain == wanted);
        if let (Some((protocol, port)), "firewalld") = (port, table.as_str()) {
            return format!(
                "firewall-cmd --permanent --zone=$(firewall-cmd --get-zone-of-interface={name}) --add-port={port}/{protocol} \
                 && firewall-cmd --reload"
            );
        }
        if let (Some((protocol, port)), true) = (port, has_chain("ufw-user-input")) {
            return format!("ufw prepend allow in on {name} proto {protocol} to any port {port}");
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

impl Traffic {
    fn name(self) -> String {
        match self {
            Self::Question => "udp 67, 4011".to_owned(),
            Self::Answer => "answers".to_owned(),
            Self::Tftp => "udp 69".to_owned(),
            Self::TftpData => "TFTP transfers".to_owned(),
            Self::Http(port) => format!("tcp {port}"),
            Self::Served => "files".to_owned(),
            Self::Bridged => "DHCP between ports".to_owned(),
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Self::Question => "a PXE client's question",
            Self::Answer => "an answer to a PXE client",
            Self::Tftp => "a TFTP client's request",
            Self::TftpData => "what a TFTP client acknowledges",
            Self::Http(_) => "an HTTP client's connection",
            Self::Served => "what is sent of a file",
            Self::Bridged => "DHCP between the ports of the bridge",
        }
    }

    fn passes(self, wire: &Wire) -> String {
        match self {
            Self::Question => {
                "read before netfilter's input, so that rules there do not matter; nothing on the way drops it"
                    .to_owned()
            }
            Self::Answer => {
                "sent as whole frames, which netfilter's output does not see; nothing drops them".to_owned()
            }
            Self::Bridged if wire.calls_iptables => {
                "br_netfilter sends bridged frames through iptables, and nothing there drops DHCP".to_owned()
            }
            Self::Bridged => "bridged frames do not pass iptables, and no rule of the bridge's drops DHCP".to_owned(),
            _ => "nothing drops it".to_owned(),
        }
    }

    fn in_nft(self, name: &str, has_bridge: bool) -> String {
        let (from, to) = match has_bridge {
            true => (format!("iifname {name} "), format!("oifname {name} ")),
            // There, interfaces are ports.
            false => (String::new(), String::new()),
        };
        match self {
            Self::Question => "udp dport { 67, 4011 }".to_owned(),
            Self::Answer => "udp sport { 67, 4011 }".to_owned(),
            Self::Bridged if has_bridge => format!("{from}{to}").trim_end().to_owned(),
            Self::Bridged => "udp dport { 67, 68 }".to_owned(),
            Self::Tftp => format!("{from}udp dport 69"),
            Self::TftpData if has_bridge => format!("{from}ct state established"),
            Self::TftpData => "udp dport 32768-60999".to_owned(),
            Self::Http(port) => format!("{from}tcp dport {port}"),
            Self::Served if has_bridge => format!("{to}meta l4proto {{ tcp, udp }}"),
            Self::Served => "meta protocol ip".to_owned(),
        }
    }

    fn in_iptables(self, name: &str, hook: Hook) -> String {
        match self {
            Self::Bridged if hook == Hook::Forward => format!("-i {name} -o {name}"),
            Self::Question | Self::Bridged => "-p udp --dport 67:68".to_owned(),
            Self::Answer => "-p udp --sport 67".to_owned(),
            Self::Tftp => format!("-i {name} -p udp --dport 69"),
            Self::TftpData => format!("-i {name} -m conntrack --ctstate ESTABLISHED"),
            Self::Http(port) => format!("-i {name} -p tcp --dport {port}"),
            Self::Served => format!("-o {name}"),
        }
    }
}

/// One way that traffic takes.
#[derive(Clone, Debug)]
struct Way {
    steps: Vec<Step>,
    /// The port by which it comes, where each has a way of its own.
    at: Option<String>,
    kind: Kind,
}

/// What goes a way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// All there is.
    Sole,
    /// What clients behind one port ask.
    Asked,
    /// What DHCP servers behind one port reply.
    Replied,
}

impl Wire {
    fn ways(&self, traffic: Traffic) -> Vec<Way> {
        let alone = |steps| vec![Way { steps, at: None, kind: Kind::Sole }];
        match traffic {
            Traffic::Question if !self.is_bridge => Vec::new(),
            Traffic::Question => self.by_port(Kind::Asked, |from| self.questions(from)),
            Traffic::Bridged => {
                let mut ways = self.by_port(Kind::Asked, |from| self.bridged(from, &self.asked()));
                ways.extend(self.by_port(Kind::Replied, |from| self.bridged(from, &self.replied())));
                ways
            }
            Traffic::Answer => alone(self.out_of_the_bridge(&self.answer())),
            Traffic::Tftp => alone(self.to_host(&self.request(UDP, ANY_PORT, (69, 69), state::NEW))),
            Traffic::TftpData => alone(self.to_host(&self.request(UDP, ANY_PORT, EPHEMERAL, state::ESTABLISHED))),
            Traffic::Http(port) => {
                let first = self.to_host(&self.request(TCP, ANY_PORT, (port, port), state::NEW));
                let later = self.to_host(&self.request(TCP, ANY_PORT, (port, port), state::ESTABLISHED));
                alone([first, later].concat())
            }
            Traffic::Served => {
                let datagram = self.from_host(&self.response(UDP, EPHEMERAL, state::NEW));
                let segment = self.from_host(&self.response(TCP, ANY_PORT, state::ESTABLISHED));
                alone([datagram, segment].concat())
            }
        }
    }

    fn by_port(&self, kind: Kind, steps: impl Fn(&str) -> Vec<Step>) -> Vec<Way> {
        let way = |port: &String| Way { steps: steps(port), at: Some(port.clone()), kind };
        self.ports.iter().map(way).collect()
    }

    /// To the packet socket on a bridge: it sees a frame that the bridge has let through, before the bridge's own ingress.
    fn questions(&self, from: &str) -> Vec<Step> {
        let asked = Packet { from: vec![from.to_owned()], ..self.asked() };
        let mut steps = vec![
            (DEVICE, Hook::Ingress, asked.clone()),
            (BRIDGE, Hook::Prerouting, asked.clone()),
            (BRIDGE, Hook::Input, asked.clone()),
        ];
        if self.calls_iptables {
            steps.push((IP, Hook::Prerouting, self.at_ip(&asked)));
        }
        steps
    }

    fn bridged(&self, from: &str, packet: &Packet) -> Vec<Step> {
        let to = self.ports.iter().filter(|port| *port != from).cloned().collect();
        let packet = Packet { from: vec![from.to_owned()], to, is_bridged: true, ..packet.clone() };
        let mut steps = vec![(DEVICE, Hook::Ingress, packet.clone())];
        for hook in [Hook::Prerouting, Hook::Forward, Hook::Postrouting] {
            steps.push((BRIDGE, hook, packet.clone()));
            if self.calls_iptables {
                let to = if hook == Hook::Prerouting { Vec::new() } else { vec![self.name.clone()] };
                steps.push((IP, hook, Packet { to, ..self.at_ip(&packet) }));
            }
        }
        steps.push((DEVICE, Hook::Egress, packet));
        steps
    }

    fn to_host(&self, packet: &Packet) -> Vec<Step> {
        let at_port = Packet { from: self.ports.clone(), ..packet.clone() };
        let mut steps = Vec::new();
        if self.is_bridge {
            steps.extend([
                (DEVICE, Hook::Ingress, at_port.clone()),
                (BRIDGE, Hook::Prerouting, at_port.clone()),
                (BRIDGE, Hook::Input, at_port.clone()),
            ]);
        }
        let here = self.at_ip(&at_port);
        steps.extend([
            (DEVICE, Hook::Ingress, here.clone()),
            (IP, Hook::Prerouting, here.clone()),
            (IP, Hook::Input, here),
        ]);
        steps
    }

    fn from_host(&self, packet: &Packet) -> Vec<Step> {
        let here = Packet { to: vec![self.name.clone()], ..packet.clone() };
        let mut steps = vec![(IP, Hook::Output, here.clone()), (IP, Hook::Postrouting, here.clone())];
        steps.extend(self.out_of_the_bridge(packet));
        steps
    }

    fn out_of_the_bridge(&self, packet: &Packet) -> Vec<Step> {
        let mut steps = vec![(DEVICE, Hook::Egress, Packet { to: vec![self.name.clone()], ..packet.clone() })];
        if self.is_bridge {
            let at_port = Packet { to: self.ports.clone(), ..packet.clone() };
            steps.extend([
                (BRIDGE, Hook::Output, at_port.clone()),
                (BRIDGE, Hook::Postrouting, at_port.clone()),
                (DEVICE, Hook::Egress, at_port),
            ]);
        }
        steps
    }

    /// The same packet at IPv4's hooks, where it comes by the bridge.
    fn at_ip(&self, packet: &Packet) -> Packet {
        Packet { from: vec![self.name.clone()], ports: packet.from.clone(), ..packet.clone() }
    }

    fn net(&self) -> Ipv4Net {
        self.net.map_or(Ipv4Net::default(), |net| net.trunc())
    }

    fn host(&self) -> Ipv4Net {
        self.net.map_or(Ipv4Net::default(), |net| only(net.addr()))
    }

    /// A client's DISCOVER.
    fn asked(&self) -> Packet {
        Packet {
            protocol: UDP,
            source_port: CLIENT,
            destination_port: SERVER,
            source: only(Ipv4Addr::UNSPECIFIED),
            destination: only(Ipv4Addr::BROADCAST),
            is_broadcast: true,
            is_to_host: false,
            state: state::NEW,
            from: Vec::new(),
            to: Vec::new(),
            ports: Vec::new(),
            is_bridged: false,
        }
    }

    /// A DHCP server's reply to everybody.
    fn replied(&self) -> Packet {
        Packet { source_port: SERVER, destination_port: CLIENT, source: self.net(), ..self.asked() }
    }

    /// Ours.
    fn answer(&self) -> Packet {
        Packet { source: self.host(), ..self.replied() }
    }

    fn request(&self, protocol: u32, source_port: (u16, u16), destination_port: (u16, u16), state: u32) -> Packet {
        Packet {
            protocol,
            source_port,
            destination_port,
            source: self.net(),
            destination: self.host(),
            is_broadcast: false,
            is_to_host: true,
            state,
            ..self.asked()
        }
    }

    fn response(&self, protocol: u32, source_port: (u16, u16), state: u32) -> Packet {
        let (source, destination) = (self.host(), self.net());
        let request = self.request(protocol, source_port, ANY_PORT, state);
        Packet { source, destination, is_to_host: false, ..request }
    }
}
