//! `/metrics`, for Prometheus.
//!
//! Nothing is kept here: each scrape asks the daemon for a [`Snapshot`], so that what is shown is what the kernel has
//! counted until now.

mod exposition;
mod families;

use pxeguard_common::dhcp::MessageType;
use pxeguard_common::server::ServerRow;
use pxeguard_common::trust::Mode;
use pxeguard_common::verdict::Verdict;
use tokio::sync::{mpsc, oneshot};

use crate::clients::BootCounts;
use crate::report::{AlertKind, Port, Totals};
use crate::time::{KernelClock, Timestamp};
use crate::trust::MacAddress;

pub(crate) use exposition::Format;

/// All that is shown, at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The mode.
    pub mode: Mode,
    /// Replies by verdict and reason.
    pub totals: Totals,
    /// The ports.
    pub ports: Vec<Port>,
    /// The rows of the kernel's `SERVERS` map; many of them may be one server's.
    pub servers: Vec<ServerReplies>,
    /// Events that the kernel could not tell.
    pub events_lost: u64,
    /// How many alerts are open, and how many ever were, by [`AlertKind::name`].
    pub alerts: Vec<AlertCount>,
    /// What was counted of clients that boot; `None` where nothing is booted.
    pub boot: Option<BootCounts>,
}

/// Alerts of one kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AlertCount {
    /// The kind.
    pub kind: AlertKind,
    /// Those that last.
    pub open: u64,
    /// Those that were opened since the daemon began.
    pub opened: u64,
}

/// Replies of one server at one port.
#[derive(Clone, Debug)]
pub struct ServerReplies {
    /// Name of the port.
    pub port: String,
    /// Source of its frames.
    pub mac: MacAddress,
    /// Whether it is trusted now.
    pub trusted: bool,
    /// When its first reply came, in nanoseconds of `CLOCK_MONOTONIC`.
    pub first_seen_ns: u64,
    /// When its last reply came.
    pub last_seen: Timestamp,
    /// Replies by verdict and message type, as in [`ServerRow::replies`].
    pub replies: [[u64; MessageType::ALL.len()]; Verdict::ALL.len()],
}

impl ServerReplies {
    /// From the kernel's row.
    pub fn new(port: String, mac: MacAddress, trusted: bool, row: &ServerRow, clock: &KernelClock) -> Self {
        let last_seen = clock.timestamp(row.last_seen_ns);
        Self { port, mac, trusted, first_seen_ns: row.first_seen_ns, last_seen, replies: row.replies }
    }
}

/// Who takes snapshots.
pub type Handler = mpsc::Sender<oneshot::Sender<Snapshot>>;

#[cfg(test)]
pub(crate) mod tests;
