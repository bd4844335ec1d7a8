//! What is counted, exactly, also of clients that are too many to be remembered.

use std::collections::BTreeMap;

use pxeguard_common::arch::{Arch, Platform};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::step::Ending;
use crate::boot::Via;

/// Everything that was counted since the daemon began.  All labels come from fixed lists.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BootCounts {
    /// Questions by platform and kind of client.
    pub requests: BTreeMap<(&'static str, &'static str), u64>,
    /// Attempts to boot that began with a question, by platform.
    pub attempts: BTreeMap<&'static str, u64>,
    /// What became of attempts, by platform: `loaded`, `failed` or `silent`.
    pub outcomes: BTreeMap<(&'static str, &'static str), u64>,
    /// Answers by strategy.
    pub answers: BTreeMap<&'static str, u64>,
    /// Questions that were not answered.
    pub refused: u64,
    /// Transfers that have ended, by way and result.
    pub transfers: BTreeMap<(&'static str, &'static str), u64>,
    /// Transfers that go on, by way.
    pub active: BTreeMap<&'static str, u64>,
    /// Bytes that have arrived, by way.
    pub bytes: BTreeMap<&'static str, u64>,
    /// Datagrams that were sent again.
    pub resent: u64,
    /// What the kernel has answered by itself, also before the daemon began; `None` where it answers nobody.
    pub kernel: Option<KernelAnswers>,
}

/// What the kernel has answered by itself.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct KernelAnswers {
    /// Offers.
    pub offers: u64,
    /// Answers of port 4011.
    pub boot_server: u64,
    /// Those that could not be sent for want of memory.
    pub failed: u64,
    /// Those that this list of clients does not know of, because they were too many at once.
    pub untold: u64,
}

const RESULTS: [&str; 4] = ["done", "probe", "failed", "denied"];

impl Default for BootCounts {
    /// What has not happened yet is there, too: a rate needs the 0 before the 1.
    fn default() -> Self {
        let vias = [Via::Tftp, Via::Http].map(via_name);
        Self {
            requests: BTreeMap::new(),
            attempts: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            answers: BTreeMap::new(),
            refused: 0,
            transfers: vias.into_iter().flat_map(|via| RESULTS.map(|result| ((via, result), 0))).collect(),
            active: vias.map(|via| (via, 0)).into(),
            bytes: vias.map(|via| (via, 0)).into(),
            resent: 0,
            kernel: None,
        }
    }
}

impl BootCounts {
    pub(super) fn asked(&mut self, arch: Option<Arch>, kind: &'static str) {
        *self.requests.entry((platform_name(arch), kind)).or_default() += 1;
    }

    /// An attempt begins; that it has come to nothing yet is known from then on.
    pub(super) fn began(&mut self, arch: Option<Arch>) {
        let platform = platform_name(arch);
        *self.attempts.entry(platform).or_default() += 1;
        for outcome in Outcome::ALL {
            self.outcomes.entry((platform, outcome.name())).or_default();
        }
    }

    /// Something has become of an attempt.
    pub(super) fn came_to(&mut self, arch: Option<Arch>, outcome: Outcome) {
        *self.outcomes.entry((platform_name(arch), outcome.name())).or_default() += 1;
    }

    pub(super) fn answered(&mut self, strategy: &'static str) {
        *self.answers.entry(strategy).or_default() += 1;
    }

    pub(super) fn started(&mut self, via: Via) {
        *self.active.entry(via_name(via)).or_default() += 1;
    }

    /// So much more has arrived.
    pub(super) fn arrived(&mut self, via: Via, bytes: u64, resent: u64) {
        *self.bytes.entry(via_name(via)).or_default() += bytes;
        self.resent += resent;
    }

    pub(super) fn ended(&mut self, via: Via, ending: &Ending) {
        let result = match ending {
            Ending::Done => "done",
            Ending::Probe => "probe",
            Ending::Failed(_) => "failed",
        };
        let active = self.active.entry(via_name(via)).or_default();
        *active = active.saturating_sub(1);
        *self.transfers.entry((via_name(via), result)).or_default() += 1;
    }

    pub(super) fn denied(&mut self, via: Via) {
        *self.transfers.entry((via_name(via), "denied")).or_default() += 1;
    }
}

/// The platform of an architecture, or that there is none.
fn platform_name(arch: Option<Arch>) -> &'static str {
    arch.map_or("none", |arch| arch.platform().map_or("other", Platform::name))
}

/// What can become of an attempt; of one that failed, and was repaired, both.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// It has a whole file.
    Loaded,
    /// A file broke off.
    Failed,
    /// It was answered, and has not come for its file.
    Silent,
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Loaded, Self::Failed, Self::Silent];

    const fn name(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Failed => "failed",
            Self::Silent => "silent",
        }
    }
}

/// The name in tables, JSON and labels.
pub(super) const fn via_name(via: Via) -> &'static str {
    match via {
        Via::Tftp => "tftp",
        Via::Http => "http",
    }
}
