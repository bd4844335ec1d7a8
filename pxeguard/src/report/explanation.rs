//! One client's boots, step by step, with a verdict.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::table::printable;
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

impl Likelihood {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

/// The same for people: the verdict, the causes, and each boot step by step.
pub fn explanation_text(told: &Explanation, now: Timestamp) -> String {
    let mut text = String::new();
    let mut line = |words: &str| {
        text.push_str(printable(words).trim_end());
        text.push('\n');
    };
    line(&format!("{}: {}", told.mac, told.verdict));
    for (number, cause) in told.causes.iter().enumerate() {
        line("");
        line(&format!("{}. {}: {}", number + 1, cause.likelihood.name(), cause.what));
        for evidence in &cause.evidence {
            line(&format!("   - {evidence}"));
        }
        line(&format!("   next: {}", cause.next));
    }
    if let Some(screen) = &told.screen {
        line("");
        line(&screen.in_words());
    }
    for boot in &told.attempts {
        line("");
        line(&format!("boot of {} ({})", boot.began, boot.began.ago(now)));
        for step in &boot.steps {
            let after = step.at.0.duration_since(boot.began.0).unwrap_or_default().as_secs_f64();
            let mark = if step.is_trouble { '!' } else { ' ' };
            line(&format!("{after:>9.3} s {mark} {} {}", step.who, step.what));
        }
        if boot.left_out > 0 {
            line(&format!("            ({} steps in the middle are left out)", boot.left_out));
        }
    }
    text
}

impl ScreenMessage {
    /// What it means, on one line.
    pub fn in_words(&self) -> String {
        let mut words = String::new();
        let name = if self.code.is_empty() { &self.text } else { &self.code };
        let _ = write!(words, "{name}");
        if !self.code.is_empty() && self.code != self.text {
            let _ = write!(words, " \"{}\"", self.text);
        }
        let _ = write!(words, ", of {}: {}", self.by, self.means);
        words
    }
}
