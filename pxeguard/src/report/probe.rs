//! Who answers on a segment, and what is wrong with it.

use std::fmt::Write;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::table::{Number, Text, dash, printable, table};
use crate::probe::Checksum;
use crate::trust::MacAddress;

/// What was asked, who answered, and what follows from it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ProbeReport {
    /// The interface that was named.
    pub iface: String,
    /// The port by which it was asked, of a bridge; `null` where a card was asked on itself.
    pub port: Option<String>,
    /// The hardware address that asked.
    pub mac: MacAddress,
    /// The VLANs in which it asked, 0 for the untagged network.
    pub vlans: Vec<u16>,
    /// As whom it asked: `plain`, and architectures by name.
    pub asked_as: Vec<String>,
    /// How long the bridge took until it forwarded what the port sends.
    pub forwarding_after_ms: Option<u64>,
    /// The pxeguard that runs here; `null` if none does.
    pub guard: Option<ProbeGuard>,
    /// Who answered.
    pub responders: Vec<Responder>,
    /// Whose replies the guard dropped meanwhile.
    pub blocked: Vec<Blocked>,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
    /// How far a whole client came; `null` where it was not asked for.
    pub boot: Option<BootTrial>,
    /// All in all.
    pub verdict: ProbeVerdict,
}

/// All in all.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeVerdict {
    /// Nothing is wrong.
    Ok,
    /// Servers contradict each other.
    Conflict,
    /// Something else is wrong.
    Problem,
    /// Nobody answers.
    Nobody,
}

/// The pxeguard that runs here, and guards where was asked.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ProbeGuard {
    /// `observe` or `enforce`.
    pub mode: String,
    /// Whether it boots machines itself.
    pub boots: bool,
}

/// Somebody who answered.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Responder {
    /// The VLAN, 0 for the untagged network.
    pub vlan: u16,
    /// Source of its frames.
    pub mac: MacAddress,
    /// Who made its card, or its hypervisor; `local` where somebody has just chosen the address.
    pub vendor: Option<String>,
    /// Source of its datagrams.
    pub ip: Ipv4Addr,
    /// Option 54.
    pub server_id: Option<Ipv4Addr>,
    /// The bridge's port behind which it is, where the bridge knows it.
    pub port: Option<String>,
    /// Whether it is this host.
    pub is_host: bool,
    /// `dhcp`, `pxe` or `no`, by the pxeguard that runs here.
    pub trust: Option<String>,
    /// Whether it gives addresses.
    pub gives_addresses: bool,
    /// Whether it tells machines what to boot, by PXE or UEFI HTTP boot.
    pub boots: bool,
    /// The address that it offered.
    pub address: Option<Ipv4Addr>,
    /// Option 1.
    pub mask: Option<Ipv4Addr>,
    /// Option 51, in seconds.
    pub lease_s: Option<u32>,
    /// Option 3.
    pub routers: Vec<Ipv4Addr>,
    /// Option 6.
    pub dns: Vec<Ipv4Addr>,
    /// The relay by way of which its replies came.
    pub relay: Option<Ipv4Addr>,
    /// Whether it answered an INFORM.
    pub informs: bool,
    /// The worst of its datagrams' checksums.
    pub checksum: Checksum,
    /// Replies.
    pub replies: u32,
    /// When its first reply came, after the question.
    pub first_reply_ms: u64,
    /// What it told whom.
    pub answers: Vec<ClientAnswer>,
    /// What came of asking port 4011, for each way in which clients come there.
    pub port_4011: Vec<BootServerAnswer>,
}

/// What a responder told one kind of client.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ClientAnswer {
    /// The kind of client, as in `asked_as`.
    pub client: String,
    /// `OFFER`, `ACK` or `NAK`; `null` for BOOTP.
    pub message: Option<String>,
    /// Option 60.
    pub class: Option<String>,
    /// `siaddr`.
    pub next_server: Option<Ipv4Addr>,
    /// Option 66.
    pub tftp_server: Option<String>,
    /// Option 67, or the field `file`.
    pub file: Option<String>,
    /// Option 43.6, PXE_DISCOVERY_CONTROL.
    pub discovery_control: Option<u8>,
    /// Option 43.8, the boot servers.
    pub boot_servers: Vec<Ipv4Addr>,
    /// How a client takes it: `direct` loads the file at once, `binl` and `menu` ask on port 4011, `http` loads a URL,
    /// `plain` is a file without PXE options; `null` where nothing is told to boot.
    pub way: Option<String>,
}

/// What came of asking port 4011.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct BootServerAnswer {
    /// Who was asked.
    pub server: Ipv4Addr,
    /// As whom.
    pub client: String,
    /// How that client takes the offer, as in [`ClientAnswer::way`].
    pub way: String,
    /// Whether a client has to ask there, because its offer does not tell all.
    pub is_needed: bool,
    /// Whether it answered.
    pub answered: bool,
    /// The file that it told.
    pub file: Option<String>,
    /// `siaddr` of its answer: where that file is.
    pub next_server: Option<Ipv4Addr>,
    /// When its answer came, after the question.
    pub after_ms: Option<u64>,
}

/// A server whose replies the guard dropped while it was asked.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Blocked {
    /// The port at which they were dropped.
    pub port: String,
    /// Source of its frames.
    pub mac: MacAddress,
    /// Who made its card, or its hypervisor.
    pub vendor: Option<String>,
    /// Source of its datagrams.
    pub ip: Ipv4Addr,
    /// Option 54.
    pub server_id: Option<Ipv4Addr>,
    /// The VLAN, 0 for the untagged network.
    pub vlan: u16,
    /// Replies that were dropped.
    pub dropped: u64,
    /// Why.
    pub reason: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Machines do not boot, or do so by chance.
    Error,
    /// Some machines may not.
    Warning,
    /// Nothing is wrong.
    Info,
}

impl Severity {
    /// As in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// Something that was found.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Finding {
    /// What it is, in one word for scripts.
    pub finding: String,
    /// How bad it is.
    pub severity: Severity,
    /// Who or what it is about.
    pub subject: String,
    /// What was seen.
    pub evidence: String,
    /// What to do.
    pub next: String,
}

/// How far a whole client came.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct BootTrial {
    /// The kind of client.
    pub client: String,
    /// What it did, in order.
    pub steps: Vec<BootStep>,
}

/// What a whole client did.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct BootStep {
    /// `offer`, `lease`, `4011`, `tftp`, `http` or `release`.
    pub step: String,
    /// Whether it worked.
    pub ok: bool,
    /// How long it took.
    pub took_ms: u64,
    /// What came of it.
    pub detail: String,
    /// Bytes of the file.
    pub bytes: Option<u64>,
}

/// Who answered, what was found, how far a client came.
pub fn probe_table(report: &ProbeReport) -> String {
    let by = report.port.as_ref().map_or_else(String::new, |port| format!(" by a port of its own, {port},"));
    let mut text = format!("asked on {}{by} as {}\n", report.iface, report.asked_as.join(", "));
    let mut part = |more: String| {
        if !more.is_empty() {
            text.push('\n');
            text += &more;
        }
    };
    part(responders_table(&report.responders));
    part(answers_table(&report.responders));
    part(blocked_table(&report.blocked));
    part(report.boot.as_ref().map_or_else(String::new, boot_steps_table));
    part(report.findings.iter().map(finding_lines).collect());
    part(format!("verdict: {}\n", verdict_line(report.verdict)));
    text
}

fn verdict_line(verdict: ProbeVerdict) -> &'static str {
    match verdict {
        ProbeVerdict::Ok => "ok",
        ProbeVerdict::Conflict => "conflict: servers contradict each other",
        ProbeVerdict::Problem => "problem: see above",
        ProbeVerdict::Nobody => "nobody answers",
    }
}

fn responders_table(responders: &[Responder]) -> String {
    if responders.is_empty() {
        return String::new();
    }
    let columns = [
        Text("SERVER"),
        Text("MAC"),
        Text("VENDOR"),
        Text("PORT"),
        Number("VLAN"),
        Text("TRUST"),
        Text("OFFERS"),
        Text("ROUTER"),
        Text("DNS"),
        Text("RELAY"),
        Number("AFTER"),
    ];
    let list = |addresses: &[Ipv4Addr]| match addresses {
        [] => "-".to_owned(),
        all => all.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
    };
    let rows = responders.iter().map(|responder| {
        [
            responder.name(),
            responder.mac.to_string(),
            dash(responder.vendor.clone()),
            if responder.is_host { "this host".to_owned() } else { dash(responder.port.clone()) },
            dash(Some(responder.vlan).filter(|vlan| *vlan != 0)),
            dash(responder.trust.clone()),
            match (responder.address, responder.boots) {
                (Some(address), true) => format!("{address}, boot"),
                (Some(address), false) => address.to_string(),
                (None, true) => "boot".to_owned(),
                (None, false) => "-".to_owned(),
            },
            list(&responder.routers),
            list(&responder.dns),
            dash(responder.relay),
            format!("{} ms", responder.first_reply_ms),
        ]
    });
    table(columns, rows)
}

fn answers_table(responders: &[Responder]) -> String {
    let answers = responders.iter().flat_map(|responder| {
        responder.answers.iter().filter(|answer| answer.way.is_some() || answer.class.is_some()).map(move |answer| {
            [
                responder.name(),
                answer.client.clone(),
                dash(answer.class.clone()),
                dash(answer.next_server),
                dash(answer.file.clone()),
                dash(answer.way.clone()),
                match responder.port_4011.iter().find(|asked| answer.way.as_ref() == Some(&asked.way)) {
                    None => "-".to_owned(),
                    Some(asked) if asked.answered => "answers".to_owned(),
                    Some(_) => "silent".to_owned(),
                },
            ]
        })
    });
    let rows: Vec<_> = answers.collect();
    if rows.is_empty() {
        return String::new();
    }
    let columns = [
        Text("SERVER"),
        Text("CLIENT"),
        Text("CLASS"),
        Text("NEXT SERVER"),
        Text("FILE"),
        Text("WAY"),
        Text("PORT 4011"),
    ];
    table(columns, rows)
}

fn blocked_table(blocked: &[Blocked]) -> String {
    if blocked.is_empty() {
        return String::new();
    }
    let columns = [
        Text("DROPPED AT"),
        Text("MAC"),
        Text("VENDOR"),
        Text("SERVER"),
        Number("VLAN"),
        Number("DROPPED"),
        Text("REASON"),
    ];
    let rows = blocked.iter().map(|server| {
        [
            server.port.clone(),
            server.mac.to_string(),
            dash(server.vendor.clone()),
            server.ip.to_string(),
            dash(Some(server.vlan).filter(|vlan| *vlan != 0)),
            server.dropped.to_string(),
            server.reason.clone(),
        ]
    });
    table(columns, rows)
}

fn boot_steps_table(boot: &BootTrial) -> String {
    let rows = boot.steps.iter().map(|step| {
        let detail = if step.ok { step.detail.clone() } else { format!("FAILED: {}", step.detail) };
        [step.step.clone(), format!("{} ms", step.took_ms), detail]
    });
    format!("boot as {}\n{}", printable(&boot.client), table([Text("STEP"), Number("TOOK"), Text("RESULT")], rows))
}

fn finding_lines(finding: &Finding) -> String {
    let Finding { severity, subject, evidence, next, finding } = finding;
    let mut text = String::new();
    let severity = severity.name();
    for line in [format!("{severity}: {finding}: {subject}"), format!("  seen: {evidence}"), format!("  next: {next}")]
    {
        writeln!(text, "{}", printable(&line)).expect("a string takes everything");
    }
    text
}

impl Responder {
    /// By what it is called: its identifier, or the source of its datagrams.
    pub fn name(&self) -> String {
        self.server_id.unwrap_or(self.ip).to_string()
    }
}
