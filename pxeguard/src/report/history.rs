//! What the replies added up to, now and before.

use std::collections::VecDeque;
use std::time::Duration;

use pxeguard_common::verdict::Verdict;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Totals;
use crate::time::Timestamp;

/// How far back it goes.
pub const HISTORY: Duration = Duration::from_secs(600);
/// The least time between two samples; so there are 601 at the most.
const STEP: Duration = Duration::from_millis(990);

/// Replies until a moment, by verdict.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Sample {
    /// When.
    pub at: Timestamp,
    /// Replies that passed.
    pub passed: u64,
    /// Replies that were dropped.
    pub dropped: u64,
    /// Replies that passed because the mode was to observe.
    pub would_drop: u64,
}

/// The samples of the last ten minutes.
///
/// They are taken when the daemon is awake anyway: some seconds apart as long as nobody looks, and one a second while
/// somebody does.
#[derive(Clone, Debug, Default)]
pub struct History(VecDeque<Sample>);

impl History {
    /// Takes a sample, if the last one is old enough.
    pub fn take(&mut self, at: Timestamp, totals: &Totals) {
        let since_last = self.0.back().map(|last| at.0.duration_since(last.at.0));
        match since_last {
            // The clock was set back: what was taken before it is no past any more.
            Some(Err(_)) => self.0.clear(),
            Some(Ok(passed)) if passed < STEP => return,
            _ => {}
        }
        while self.0.front().is_some_and(|first| at.0.duration_since(first.at.0).is_ok_and(|age| age > HISTORY)) {
            self.0.pop_front();
        }
        let of = |verdict| totals.of_verdict(verdict);
        let (passed, dropped, would_drop) = (of(Verdict::Pass), of(Verdict::Drop), of(Verdict::WouldDrop));
        self.0.push_back(Sample { at, passed, dropped, would_drop });
    }

    /// The samples, the oldest first.
    pub fn samples(&self) -> Vec<Sample> {
        self.0.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn after(millis: u64) -> Timestamp {
        Timestamp(UNIX_EPOCH + Duration::from_millis(millis))
    }

    #[test]
    fn it_holds_ten_minutes_at_one_sample_a_second() {
        let mut history = History::default();
        for tick in 0..4000 {
            history.take(after(tick * 500), &Totals::default());
        }
        let samples = history.samples();
        assert_eq!(samples.len(), 601);
        assert_eq!((samples[0].at, samples[600].at), (after(1_399_000), after(1_999_000)));
    }

    #[test]
    fn a_clock_that_is_set_back_begins_it_anew() {
        let mut history = History::default();
        for millis in [5_000_000, 6_000_000, 1000, 2000] {
            history.take(after(millis), &Totals::default());
        }
        assert_eq!(history.samples().iter().map(|sample| sample.at).collect::<Vec<_>>(), [after(1000), after(2000)]);
    }

    #[test]
    fn a_sample_adds_up_the_reasons_of_each_verdict() {
        let mut history = History::default();
        let totals = Totals::new(|judgement| if judgement.verdict == Verdict::Drop { 2 } else { 0 });
        history.take(after(0), &totals);
        let sample = history.samples()[0];
        assert_eq!((sample.passed, sample.would_drop), (0, 0));
        assert_eq!(sample.dropped, totals.of_verdict(Verdict::Drop));
        assert!(sample.dropped > 2);
    }
}
