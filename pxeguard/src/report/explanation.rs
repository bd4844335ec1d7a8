//! One client's boots, step by step, with a verdict.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::Timestamp;
use crate::trust::MacAddress;

/// What became of a client's boots, and why.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Explanation {
    /// The client.
    pub mac: MacAddress,
    /// How its last boot stands.
    pub outcome: Outcome,
    /// The same in a sentence.
    pub verdict: String,
    /// Why, the likeliest cause first; empty where all went well.
    pub causes: Vec<Cause>,
    /// What the message on its screen can mean, where one was named.
    pub screen: Option<ScreenMessage>,
    /// Its attempts to boot, the newest first.
    pub attempts: Vec<Timeline>,
}

/// How a boot stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing was heard of this client.
    Unknown,
    /// It goes on.
    UnderWay,
    /// It has what it asked for.
    Booted,
    /// It has not.
    Failed,
}

/// One cause.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Cause {
    /// Its name, which does not change: `second_dhcp_server`, `file_missing` and so on.
    pub cause: String,
    /// How sure that is.
    pub likelihood: Likelihood,
    /// What is wrong, in a sentence.
    pub what: String,
    /// What was seen that speaks for it.
    pub evidence: Vec<String>,
    /// What to do.
    pub next: String,
}

/// How sure a cause is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Likelihood {
    /// Nothing speaks against it, and little for it.
    Possible,
    /// What was seen fits.
    Likely,
    /// It was seen.
    Certain,
}

/// A message of a firmware's, or of iPXE's.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct ScreenMessage {
    /// As the firmware shows it, such as `PXE-E53`.
    pub code: String,
    /// Its words.
    pub text: String,
    /// Who shows it.
    pub by: String,
    /// What it can mean.
    pub means: String,
}

/// One attempt to boot.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Timeline {
    /// When it began.
    pub began: Timestamp,
    /// What happened, in order; of many steps, the first and the last.
    pub steps: Vec<TimelineStep>,
    /// Steps that are left out.
    pub left_out: u64,
}

/// One thing that happened.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct TimelineStep {
    /// When; the first time, where it happened again and again.
    pub at: Timestamp,
    /// Who did it: `client`, `pxeguard`, or a server by its address.
    pub who: String,
    /// What, in plain words.
    pub what: String,
    /// Whether it went wrong.
    pub is_trouble: bool,
    /// How often it happened, in a row.
    pub times: u64,
}
