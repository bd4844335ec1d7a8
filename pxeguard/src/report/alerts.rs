//! What somebody should look at, as long as it lasts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::table::{Number, Text, table};
use crate::time::Timestamp;
use crate::trust::MacAddress;

/// One thing that somebody should look at.  It opens by itself, and closes by itself.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Alert {
    /// Its number, for as long as this daemon runs.
    pub id: u64,
    /// What it is about.
    pub kind: AlertKind,
    /// Who or what causes it, such as `7e:d6:93:fe:6b:e9 at tap101i0`.
    pub subject: String,
    /// The server's MAC address, where it is about one.
    pub mac: Option<MacAddress>,
    /// Name of the port, where it is about one.
    pub port: Option<String>,
    /// What happens, in a sentence with its evidence.
    pub message: String,
    /// What to do.
    pub next: String,
    /// How many replies or messages caused it.
    pub count: u64,
    /// Since when.
    pub opened: Timestamp,
    /// When its cause was last seen.
    pub last_seen: Timestamp,
    /// When it closed; `null` while it lasts.
    pub closed: Option<Timestamp>,
}

/// What an alert is about.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// A server that nobody trusts gives addresses, or tries to.
    UntrustedServer,
    /// A server that nobody trusts answers PXE clients, or tries to.
    ForeignPxeResponder,
    /// A server that is trusted, and answered before, does not answer any more.
    TrustedServerSilent,
    /// A trusted MAC address is used at a place that is not its own.
    Spoof,
    /// A server refuses one address after the other.
    NakStorm,
    /// Clients behind a port send more than its limit.
    Flood,
}

impl AlertKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::UntrustedServer,
        Self::ForeignPxeResponder,
        Self::TrustedServerSilent,
        Self::Spoof,
        Self::NakStorm,
        Self::Flood,
    ];

    /// The name in labels and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UntrustedServer => "untrusted_server",
            Self::ForeignPxeResponder => "foreign_pxe_responder",
            Self::TrustedServerSilent => "trusted_server_silent",
            Self::Spoof => "spoof",
            Self::NakStorm => "nak_storm",
            Self::Flood => "flood",
        }
    }
}

/// The alerts, those that last first.
pub fn alerts_table(alerts: &[Alert], now: Timestamp) -> String {
    if alerts.is_empty() {
        return "no alert is open, and none was since the start\n".to_owned();
    }
    let columns = [Text("ALERT"), Text("ABOUT"), Text("OPENED"), Text("CLOSED"), Number("COUNT"), Text("WHAT")];
    let rows = alerts.iter().map(|alert| {
        [
            alert.kind.name().to_owned(),
            alert.subject.clone(),
            alert.opened.ago(now),
            alert.closed.map_or_else(|| "open".to_owned(), |closed| closed.ago(now)),
            alert.count.to_string(),
            format!("{}; {}", alert.message, alert.next),
        ]
    });
    table(columns, rows)
}
