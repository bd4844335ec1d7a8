//! All that is to be seen, at one moment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Alert, BootClient, Port, Server, Status};
use crate::time::Timestamp;

/// All that is to be seen, at one moment: for those who look again and again.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Overview {
    /// When.
    pub at: Timestamp,
    /// The daemon as a whole.
    pub status: Status,
    /// The guarded ports.
    pub ports: Vec<Port>,
    /// The servers that were seen.
    pub servers: Vec<Server>,
    /// The machines that boot, without their attempts, the one heard of last first; empty where nothing is booted.
    pub clients: Vec<BootClient>,
    /// The alerts, those that last first.
    pub alerts: Vec<Alert>,
}
