//! What the daemon reports: the fields of the JSON that scripts rely on, and how they come about.

mod alerts;
mod boot;
mod clients;
mod doctor;
mod explanation;
mod history;
mod overview;
mod probe;
mod table;
mod totals;

use std::iter::Sum;
use std::net::Ipv4Addr;

use pxeguard_common::dhcp::MessageType;
use pxeguard_common::port::PortStats;
use pxeguard_common::server::{ServerKey, ServerRow};
use pxeguard_common::trust::{Class, Mode, Standing};
use pxeguard_common::verdict::Verdict;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clients::KernelAnswers;
use crate::time::{KernelClock, Timestamp};
use crate::trust::{InterfaceName, MacAddress, Source, Trust};

pub use alerts::{Alert, AlertKind, alerts_table};
pub use boot::{BootChoice, BootEntry, BootList, BootProgram, boot_table};
pub use clients::{
    BootAttempt, BootClient, BootFile, ClientState, FileResult, clients_table, rate_in_words, size_in_words,
};
pub use doctor::doctor_table;
pub use explanation::{
    Cause, Explanation, Likelihood, Outcome, ScreenMessage, Timeline, TimelineStep, explanation_text,
};
pub use history::{HISTORY, History, Sample};
pub use overview::Overview;
pub use probe::{
    Blocked, BootServerAnswer, BootStep, BootTrial, ClientAnswer, Finding, ProbeGuard, ProbeReport, ProbeVerdict,
    Responder, Severity, probe_table,
};
pub(crate) use table::printable;
pub use table::{ports_table, servers_table, status_table, trusts_table};
pub use totals::Totals;

/// The daemon as a whole.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Status {
    /// The daemon's version.
    pub version: String,
    /// The daemon's process.
    pub pid: u32,
    /// `observe` or `enforce`.
    pub mode: String,
    /// When the daemon started.
    pub since: Timestamp,
    /// Interfaces that it was told to guard.
    pub ifaces: Vec<InterfaceName>,
    /// Ports that are guarded.
    pub ports: usize,
    /// Servers that were seen.
    pub servers: usize,
    /// Replies by verdict and reason.
    pub totals: Totals,
    /// Messages of DHCP clients, by all ports together.
    pub client_messages: ClientMessages,
    /// Events that the kernel could not tell, because the ring was full.
    pub events_lost: u64,
    /// Who has answered the clients that boot; `null` where nothing is booted.
    #[serde(default)]
    pub boot_answers: Option<BootAnswers>,
    /// What is not as it should be, each on one line.
    pub problems: Vec<String>,
}

/// Who has answered the clients that boot.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct BootAnswers {
    /// Answers by the daemon, since it began.
    pub daemon: u64,
    /// Answers by the kernel, also before; `null` where it answers nobody.
    pub kernel: Option<KernelAnswers>,
}

/// Messages of DHCP clients.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct ClientMessages {
    /// Those that went on, within the limit.
    pub passed: u64,
    /// Those that were dropped, because they exceeded the limit.
    pub cut: u64,
    /// Those that exceeded it and went on, because the mode was to observe.
    pub would_cut: u64,
}

impl ClientMessages {
    /// From what the kernel counted at a port.
    pub fn of(stats: &PortStats) -> Self {
        let [passed, cut, would_cut] = stats.clients;
        Self { passed, cut, would_cut }
    }

    /// All that exceeded the limit.
    pub const fn exceeding(&self) -> u64 {
        self.cut + self.would_cut
    }
}

impl Sum for ClientMessages {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            passed: sum.passed + one.passed,
            cut: sum.cut + one.cut,
            would_cut: sum.would_cut + one.would_cut,
        })
    }
}

/// The name of a mode.
pub const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Observe => "observe",
        Mode::Enforce => "enforce",
    }
}

/// The name of a class.
pub const fn class_name(class: Class) -> &'static str {
    match class {
        Class::Dhcp => "dhcp",
        Class::Pxe => "pxe",
    }
}

/// A DHCP or PXE server, by what its replies say; the port alone is certain.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Server {
    /// Source of its frames.
    pub mac: MacAddress,
    /// Source of its datagrams; 0.0.0.0 where it could not be read.
    pub ip: Ipv4Addr,
    /// Option 54.
    pub server_id: Option<Ipv4Addr>,
    /// The VLAN.
    pub vlan: Option<u16>,
    /// Name of the port by which its replies come in.
    pub port: String,
    /// The guest behind that port, such as `100 (web01) net0`; `None` where none is known.
    #[serde(default)]
    pub guest: Option<String>,
    /// Whether it is trusted now.
    pub trusted: bool,
    /// As what: `dhcp` or `pxe`.
    pub class: Option<String>,
    /// OFFERs.
    pub offers: u64,
    /// ACKs.
    pub acks: u64,
    /// NAKs.
    pub naks: u64,
    /// All other replies.
    pub other: u64,
    /// Replies that passed because the server was trusted.
    pub passed: u64,
    /// Replies that were dropped.
    pub dropped: u64,
    /// Replies that passed because the mode was to observe.
    pub would_drop: u64,
    /// Why the last reply passed or not, [`pxeguard_common::verdict::Reason::name`].
    pub reason: String,
    /// When its first reply came.
    pub first_seen: Timestamp,
    /// When its last reply came.
    pub last_seen: Timestamp,
    /// Replies by way of a relay.
    pub relayed: u64,
    /// Replies that give no address and refuse none: a PXE server's.
    pub pxe: u64,
}

impl Server {
    /// From what the kernel counted; `standing` is how the server stands now, whatever held for its last reply.
    pub fn new(key: &ServerKey, row: &ServerRow, port: String, standing: Standing, clock: &KernelClock) -> Self {
        let server_id = Ipv4Addr::from(key.server_id);
        let class = match standing {
            Standing::Trusted(class) => Some(class),
            Standing::Spoof | Standing::Untrusted => None,
        };
        Self {
            mac: MacAddress(key.mac),
            ip: key.source.into(),
            server_id: (!server_id.is_unspecified()).then_some(server_id),
            vlan: (key.vlan != 0).then_some(key.vlan),
            port,
            guest: None,
            trusted: class.is_some(),
            class: class.map(|class| class_name(class).to_owned()),
            offers: row.of_type(MessageType::Offer),
            acks: row.of_type(MessageType::Ack),
            naks: row.of_type(MessageType::Nak),
            other: row.of_type(MessageType::Other),
            passed: row.of_verdict(Verdict::Pass),
            dropped: row.of_verdict(Verdict::Drop),
            would_drop: row.of_verdict(Verdict::WouldDrop),
            reason: row.last_reason().map_or("unknown", |reason| reason.name()).to_owned(),
            first_seen: clock.timestamp(row.first_seen_ns),
            last_seen: clock.timestamp(row.last_seen_ns),
            relayed: row.relayed,
            pxe: row.pxe,
        }
    }

    /// The trust that would let it answer; `None` where it is trusted, or cannot be.
    pub fn missing_trust(&self) -> Option<Trust> {
        if self.trusted { None } else { Trust::for_server(self.mac.0, &self.port, self.vlan.unwrap_or(0)) }
    }
}

/// A port that is to be guarded.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Port {
    /// Name of the interface.
    pub name: String,
    /// Its number.
    pub ifindex: u32,
    /// What it is, such as `veth`, `tap` or `physical`.
    pub kind: String,
    /// Where the guard is attached; `None` where it is not.
    pub hook: Option<String>,
    /// Why there, or why not.
    pub reason: String,
    /// Since when.
    pub guarded_since: Option<Timestamp>,
    /// Replies that passed because the server was trusted.
    pub passed: u64,
    /// Replies that were dropped.
    pub dropped: u64,
    /// The bridge that it is a port of.
    pub bridge: Option<String>,
    /// Replies that passed because the mode was to observe.
    pub would_drop: u64,
    /// Replies of servers that are not listed, because too many were seen at this port.
    pub unlisted: u64,
    /// Servers that are listed at this port.
    pub servers: usize,
    /// Messages of the DHCP clients behind it.
    pub client_messages: ClientMessages,
    /// Its driver, as in `ethtool -i`; `None` where it does not tell.
    pub driver: Option<String>,
    /// What its driver can do with XDP, by the kernel's names; `None` before Linux 6.3.
    pub xdp_features: Option<Vec<String>>,
    /// The guest behind it, such as `100 (web01) net0`; `None` where none is known.
    #[serde(default)]
    pub guest: Option<String>,
}

impl Port {
    /// Takes over what the kernel counted.
    pub fn count(&mut self, stats: &PortStats) {
        let replies = |verdict: Verdict| stats.replies[verdict as usize];
        self.passed = replies(Verdict::Pass);
        self.dropped = replies(Verdict::Drop);
        self.would_drop = replies(Verdict::WouldDrop);
        self.unlisted = stats.unlisted;
        self.client_messages = ClientMessages::of(stats);
    }
}

/// Somebody who is trusted.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct TrustEntry {
    /// Who.
    pub trust: Trust,
    /// Who says so.
    pub source: Source,
    /// Name of the port where the MAC address was first seen, where that counts.
    pub bound: Option<String>,
    /// What is to be known about it, such as that its port is not there.
    pub note: Option<String>,
}

#[cfg(test)]
mod tests;
