//! What is wrong with a segment, by who answers there.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::report::{Blocked, BootServerAnswer, Finding, ProbeGuard, ProbeVerdict, Responder, Severity};

#[cfg(test)]
mod tests;

/// What was seen.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Who answered.
    pub responders: &'a [Responder],
    /// Whose replies the guard dropped.
    pub blocked: &'a [Blocked],
    /// The pxeguard that runs here.
    pub guard: Option<&'a ProbeGuard>,
    /// How long the bridge kept a new port from forwarding.
    pub forwarding_after: Option<Duration>,
    /// Whether anybody was asked as a client that boots.
    pub asked_as_firmware: bool,
    /// Why the pxeguard that runs here could not be asked, if so.
    pub guard_silent: Option<&'a str>,
}

/// A port that is silent for longer loses a client's first question: iPXE and PXE ROMs ask at once, and again after
/// one, two and four seconds.
const FORWARD_LIMIT: Duration = Duration::from_secs(2);

/// What was found, the worst first.
pub fn judge(seen: &Seen<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(nobody(seen));
    findings.extend(conflicts(seen));
    findings.extend(seen.responders.iter().filter_map(option_60));
    findings.extend(foreign(seen));
    findings.extend(seen.responders.iter().filter_map(silent_boot_server));
    findings.extend(seen.responders.iter().filter_map(wrong_server));
    findings.extend(seen.responders.iter().filter_map(bad_checksum));
    findings.extend(forward_delay(seen));
    findings.extend(own_silence(seen));
    findings.extend(nobody_boots(seen));
    findings.extend(seen.guard_silent.map(guard_unknown));
    findings.extend(seen.blocked.iter().map(blocked));
    findings.sort_by_key(|finding| finding.severity);
    findings
}

/// All in all.
pub fn verdict(seen: &Seen<'_>, findings: &[Finding]) -> ProbeVerdict {
    let is_bad = |finding: &Finding| finding.severity != Severity::Info;
    let is_conflict = |finding: &&Finding| is_bad(finding) && CONFLICTS.contains(&finding.finding.as_str());
    if seen.responders.is_empty() {
        ProbeVerdict::Nobody
    } else if findings.iter().find(is_conflict).is_some() {
        ProbeVerdict::Conflict
    } else if findings.iter().any(is_bad) {
        ProbeVerdict::Problem
    } else {
        ProbeVerdict::Ok
    }
}

const CONFLICT: &str = "conflict";
const FOREIGN_PXE: &str = "foreign-pxe";
const CONFLICTS: [&str; 2] = [CONFLICT, FOREIGN_PXE];

fn finding(name: &str, severity: Severity, subject: String, evidence: String, next: &str) -> Finding {
    Finding { finding: name.to_owned(), severity, subject, evidence, next: next.to_owned() }
}

fn nobody(seen: &Seen<'_>) -> Option<Finding> {
    if seen.responders.iter().any(|responder| responder.gives_addresses) {
        return None;
    }
    let (name, subject) = match seen.responders {
        [] => ("nobody", "no DHCP server and no PXE server answers".to_owned()),
        some => ("no-address", format!("nobody gives addresses; only {} answers", names(some))),
    };
    let evidence = match seen.blocked {
        [] => "no offer of an address came",
        _ => "the only offers of addresses are dropped by pxeguard",
    };
    let next = "is the DHCP server running, behind a port of this bridge, in this VLAN?  If it is in another network, \
                does the router's relay (IP helper) pass questions on?  pxeguard doctor --iface IF looks for what on this host \
                is in the way.  If its replies are dropped: pxeguard servers";
    Some(finding(name, Severity::Error, subject, evidence.to_owned(), next))
}

/// Servers that give addresses in one VLAN beside each other.
fn conflicts(seen: &Seen<'_>) -> Vec<Finding> {
    let mut by_vlan: BTreeMap<u16, Vec<&Responder>> = BTreeMap::new();
    for responder in seen.responders.iter().filter(|responder| responder.gives_addresses) {
        let servers = by_vlan.entry(responder.vlan).or_default();
        if !servers.iter().any(|other| is_same_server(other, responder)) {
            servers.push(responder);
        }
    }
    let several = by_vlan.into_values().filter(|servers| servers.len() > 1);
    several.filter_map(|servers| conflict(&servers)).collect()
}

/// One server by way of two relays; without a relay two that call themselves the same are two.
fn is_same_server(a: &Responder, b: &Responder) -> bool {
    let is_same_id = a.server_id.is_some() && a.server_id == b.server_id;
    is_same_id && (a.mac == b.mac || a.relay.is_some() && b.relay.is_some())
}

fn conflict(servers: &[&Responder]) -> Option<Finding> {
    // The operator knows of them all: a pair that shares its work, say.
    let is_meant = |server: &&Responder| server.is_host || server.trust.as_deref() == Some("dhcp");
    let offers: Vec<_> = servers.iter().map(|server| offer(server)).collect();
    if servers.iter().all(is_meant) {
        return None;
    }
    let strangers: Vec<_> = servers.iter().copied().filter(|server| !is_meant(server)).collect();
    let strange = if strangers.len() == servers.len() { servers.to_vec() } else { strangers };
    let subject = format!("{} servers give addresses: {}", servers.len(), list(servers.iter().map(|s| who(s))));
    let next = format!(
        "whichever is first wins, so clients get an address of either.  Switch off the one that should not be there ({}), \
         or let pxeguard drop its replies: pxeguard run --iface IF --trust MAC-OF-YOUR-SERVER",
        list(strange.iter().map(|server| place(server)))
    );
    Some(finding(CONFLICT, Severity::Error, subject, offers.join("; "), &next))
}

fn offer(server: &Responder) -> String {
    let address = server.address.map_or_else(|| "no address".to_owned(), |address| address.to_string());
    let router = server.routers.first().map_or_else(|| "no router".to_owned(), |router| format!("router {router}"));
    format!("{} offers {address}, {router}", server.name())
}

/// Option 60 in the replies of a server that gives addresses, and no boot server there.
fn option_60(server: &Responder) -> Option<Finding> {
    let asked = silent(server).filter(|_| is_bare_class(server))?;
    let evidence = format!(
        "its offer has option 60 \"PXEClient\" and no PXE options, and port 4011 of {} does not answer",
        asked.server
    );
    let next = "take option 60 out of the DHCP server's settings (dnsmasq: dhcp-option-force=60,...; ISC: \
                vendor-class-identifier; Windows: option 060), unless a PXE service runs on that very machine: then start that.  \
                With it, clients ask the DHCP server on port 4011 in place of the real PXE server, in vain: PXE-E55, PXE-E16";
    let subject = format!("the DHCP server {} says that it is a PXE server", who(server));
    Some(finding("option-60", Severity::Error, subject, evidence, next))
}

/// The boot server that clients have to ask, and that does not answer.
fn silent(server: &Responder) -> Option<&BootServerAnswer> {
    server.port_4011.iter().find(|asked| asked.is_needed && !asked.answered)
}

/// Whether a DHCP server says that it is a PXE server, and is none.
fn is_bare_class(server: &Responder) -> bool {
    server.gives_addresses
        && silent(server).is_some()
        && server.answers.iter().all(|answer| answer.discovery_control.is_none())
}

/// A second PXE server, or one in place of this host's.
fn foreign(seen: &Seen<'_>) -> Vec<Finding> {
    let mut by_vlan: BTreeMap<u16, Vec<&Responder>> = BTreeMap::new();
    for responder in seen.responders.iter().filter(|responder| responder.boots && !is_bare_class(responder)) {
        by_vlan.entry(responder.vlan).or_default().push(responder);
    }
    by_vlan.into_values().filter_map(|servers| foreign_beside(&servers, seen.guard)).collect()
}

fn foreign_beside(servers: &[&Responder], guard: Option<&ProbeGuard>) -> Option<Finding> {
    let is_meant = |server: &&Responder| server.is_host || matches!(server.trust.as_deref(), Some("dhcp" | "pxe"));
    let strangers: Vec<_> = servers.iter().copied().filter(|server| !is_meant(server)).collect();
    let is_lonely = servers.len() == 1 && !guard.is_some_and(|guard| guard.boots);
    if strangers.is_empty() || is_lonely {
        return None;
    }
    let subject = match (strangers.len(), servers.len()) {
        (strange, all) if strange == all && all > 1 => {
            format!("{all} PXE servers answer: {}", list(servers.iter().map(|server| who(server))))
        }
        _ => format!("a PXE server that is not yours answers: {}", list(strangers.iter().map(|server| who(server)))),
    };
    let told = strangers.iter().flat_map(|server| told(server));
    let next = format!(
        "clients take the first, or the last: PXE-E21, PXE-E53, or another's menu.  Look for WDS, SCCM, Acronis, FOG or a second \
         dnsmasq at {}, and switch its PXE off; or trust it for PXE only: pxeguard trust add MAC@PORT,pxe",
        list(strangers.iter().map(|server| place(server)))
    );
    Some(finding(FOREIGN_PXE, Severity::Error, subject, list(told), &next))
}

/// What a PXE server tells whom to load.
fn told(server: &Responder) -> Vec<String> {
    let mut by_file: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for answer in server.answers.iter().filter(|answer| answer.way.is_some()) {
        let file = answer.file.as_deref().unwrap_or("what port 4011 says");
        by_file.entry(file).or_default().push(answer.client.clone());
    }
    by_file
        .into_iter()
        .map(|(file, clients)| format!("{} tells {} to load {file}", server.name(), list(clients)))
        .collect()
}

/// No answer on port 4011, where clients are told to ask.
fn silent_boot_server(server: &Responder) -> Option<Finding> {
    let asked = silent(server).filter(|_| !is_bare_class(server))?;
    let subject = format!("{} sends {} to port 4011 of {}, which is silent", who(server), asked.client, asked.server);
    let evidence = "neither question was answered, or nobody has that address (ARP)".to_owned();
    let next = "is UDP port 4011 open in the firewall of that machine (nft list ruleset)?  Does its PXE service listen there \
                (ss -lunp sport = 4011)?  dnsmasq 2.92 sends these answers to the wrong port: update it.  Clients say PXE-E55, \
                or PXE-E16 and PXE-E18 after a while";
    Some(finding("no-4011", Severity::Error, subject, evidence, next))
}

/// Replies that name another server than the one that sends them.
fn wrong_server(server: &Responder) -> Option<Finding> {
    if !server.gives_addresses || server.relay.is_some() {
        return None;
    }
    let (subject, evidence, severity) = match server.server_id {
        None => (
            format!("{} does not say who it is", who(server)),
            "its offer has no option 54: UEFI firmware takes it for none".to_owned(),
            Severity::Error,
        ),
        Some(id) if id != server.ip => (
            format!("{} says that it is {id}", who(server)),
            format!("its datagrams come from {}, and option 54 is {id}", server.ip),
            Severity::Warning,
        ),
        Some(_) => return None,
    };
    let next = "clients ask the address in option 54 for their lease, and may get \"DHCPNAK wrong server-ID\" or nothing.  \
                Look at the server's own address, or at what rewrites its replies";
    Some(finding("wrong-server", severity, subject, evidence, next))
}

fn bad_checksum(server: &Responder) -> Option<Finding> {
    if !server.checksum.is_wrong() {
        return None;
    }
    let unfinished = server.checksum == super::wire::Checksum::Unfinished;
    let evidence = match unfinished {
        true => "the checksum is the sum of the pseudo header alone: it was left to a card that did not compute it",
        false => "the checksum does not fit the datagram",
    };
    let next = "ethtool -K IF tx off on the server's interface has it computed there; firmware and many DHCP clients drop what \
                is wrong, without a word";
    let subject = format!("replies of {} have a bad UDP checksum", who(server));
    Some(finding("bad-checksum", Severity::Error, subject, evidence.to_owned(), next))
}

fn forward_delay(seen: &Seen<'_>) -> Option<Finding> {
    let after = seen.forwarding_after.filter(|after| *after > FORWARD_LIMIT)?;
    let subject = "the bridge keeps a new port silent".to_owned();
    let evidence = format!("the probe's own port forwarded only after {:.1} s", after.as_secs_f64());
    let next = "it runs STP: where there is no loop, ip link set BRIDGE type bridge stp_state 0 (in /etc/network/interfaces: \
                bridge-stp off, bridge-fd 0); else a shorter forward_delay, of at least 200.  What boots meanwhile asks in vain: \
                PXE-E51, PXE-E18";
    Some(finding("forward-delay", Severity::Warning, subject, evidence, next))
}

/// The pxeguard of this host boots machines, and has not answered.
fn own_silence(seen: &Seen<'_>) -> Option<Finding> {
    let is_expected = seen.asked_as_firmware && seen.guard.is_some_and(|guard| guard.boots);
    if !is_expected || seen.responders.iter().any(|responder| responder.is_host && responder.boots) {
        return None;
    }
    let subject = "the pxeguard of this host did not answer".to_owned();
    let evidence = "it boots machines, and no reply to a PXE client came from this host".to_owned();
    let next = "pxeguard status and pxeguard boot list say why: no address on this interface, or nothing to boot";
    Some(finding("own-silence", Severity::Warning, subject, evidence, next))
}

fn nobody_boots(seen: &Seen<'_>) -> Option<Finding> {
    let tells = |responder: &Responder| responder.answers.iter().any(|answer| answer.way.is_some());
    let is_odd = seen.asked_as_firmware && !seen.responders.is_empty() && !seen.guard.is_some_and(|guard| guard.boots);
    if !is_odd || seen.responders.iter().any(tells) {
        return None;
    }
    let subject = "nobody tells machines what to boot".to_owned();
    let next = "nothing, unless machines should boot from the network: PXE-E53 is what they say then";
    Some(finding("no-pxe", Severity::Info, subject, "no reply to a PXE client names a file".to_owned(), next))
}

fn guard_unknown(why: &str) -> Finding {
    let subject = "it is not known whom the pxeguard of this host trusts and drops".to_owned();
    let next = "what it drops is missing above; restart it, or name its --control";
    finding("guard-unknown", Severity::Info, subject, why.to_owned(), next)
}

fn blocked(server: &Blocked) -> Finding {
    let vendor = server.vendor.as_ref().map_or_else(String::new, |vendor| format!(" ({vendor})"));
    let subject = format!("{} {}{vendor} is kept from clients by pxeguard", server.ip, server.mac);
    let evidence = format!("{} replies dropped at port {} meanwhile: {}", server.dropped, server.port, server.reason);
    finding("blocked", Severity::Info, subject, evidence, "nothing, or trust it if it is yours: pxeguard servers")
}

fn names(responders: &[Responder]) -> String {
    list(responders.iter().map(who))
}

/// Address, hardware and place.
fn who(server: &Responder) -> String {
    let vendor = server.vendor.as_ref().map_or_else(String::new, |vendor| format!(", {vendor}"));
    format!("{} ({}{vendor})", server.name(), server.mac)
}

/// Where it is to be looked for.
fn place(server: &Responder) -> String {
    match (&server.port, server.relay) {
        _ if server.is_host => format!("{} on this host", server.ip),
        (_, Some(relay)) => format!("{} behind the relay {relay}", server.name()),
        (Some(port), None) => format!("{} behind port {port}", server.ip),
        (None, None) => server.ip.to_string(),
    }
}

/// Rows that one line names; the table has all.
const LIST_LIMIT: usize = 8;

fn list(all: impl IntoIterator<Item = String>) -> String {
    let mut all = all.into_iter();
    let mut text = all.by_ref().take(LIST_LIMIT).collect::<Vec<_>>().join(", ");
    match all.count() {
        0 => {}
        more => text += &format!(" and {more} more"),
    }
    text
}
