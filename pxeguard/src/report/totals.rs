//! Replies by verdict and reason.

use std::collections::BTreeMap;

use pxeguard_common::verdict::{Judgement, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many replies had each verdict, by reason; a reason that cannot lead to a verdict is left out.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Totals(BTreeMap<String, BTreeMap<String, u64>>);

impl Totals {
    /// From the `TOTALS` map: `count` is the number at [`Judgement::index`].
    pub fn new(count: impl Fn(Judgement) -> u64) -> Self {
        let mut totals = Self::default();
        for judgement in Judgement::all() {
            let Judgement { verdict, reason } = judgement;
            if reason.passes() == (verdict == Verdict::Pass) {
                let by_reason = totals.0.entry(verdict.name().to_owned()).or_default();
                by_reason.insert(reason.name().to_owned(), count(judgement));
            }
        }
        totals
    }

    /// How many replies had this verdict.
    pub fn of_verdict(&self, verdict: Verdict) -> u64 {
        self.0.get(verdict.name()).map_or(0, |by_reason| by_reason.values().sum())
    }

    /// Verdict, reason and count.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.0.iter().flat_map(|(verdict, by_reason)| {
            by_reason.iter().map(move |(reason, count)| (verdict.as_str(), reason.as_str(), *count))
        })
    }
}
