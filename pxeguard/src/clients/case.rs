//! All that is known of one client, for those who explain what became of it.

use pxeguard_common::net::Mac;

use super::story::Entry;
use crate::report::{BootAttempt, BootClient, ClientState};
use crate::time::Timestamp;

/// A client, and its boots.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Who.
    pub mac: Mac,
    /// When this was known.
    pub now: Timestamp,
    /// The client, if it boots; without its attempts.
    pub client: Option<BootClient>,
    /// Its boots, the newest first.
    pub boots: Vec<Boot>,
    /// What servers said to it, if it does not boot.
    pub stranger: Vec<Entry>,
}

/// One boot.
#[derive(Clone, Debug, PartialEq)]
pub struct Boot {
    /// How often it asked, and what it fetched.
    pub attempt: BootAttempt,
    /// What asked last.
    pub kind: Option<&'static str>,
    /// Whether the client was seen to take an address.
    pub has_address: bool,
    /// Where it stands.
    pub state: ClientState,
    /// The same in words.
    pub explanation: String,
    /// What happened, in order.
    pub entries: Vec<Entry>,
    /// Entries that are left out in the middle.
    pub left_out: u64,
    /// When it asked port 67, the last times.
    pub questions: Vec<Timestamp>,
}
