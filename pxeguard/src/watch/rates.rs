//! Replies a second, and how they were lately.

use std::collections::VecDeque;
use std::time::Duration;

use pxeguard_common::verdict::Verdict;

use crate::report::{Overview, Totals};
use crate::time::Timestamp;

/// Samples that are kept: five minutes, and as many as the widest terminal has columns.
const MAX_SAMPLES: usize = 600;

/// Replies a second by verdict.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    last: Option<(Timestamp, [u64; Verdict::ALL.len()])>,
    samples: [VecDeque<u64>; Verdict::ALL.len()],
}

impl Rates {
    /// Takes one more sample.
    pub fn note(&mut self, overview: &Overview) {
        let now = (overview.at, counts(&overview.status.totals));
        if let Some((before, earlier)) = self.last.replace(now)
            && let Ok(passed) = now.0.0.duration_since(before.0)
            && passed > Duration::ZERO
        {
            for (samples, (count, earlier)) in self.samples.iter_mut().zip(now.1.into_iter().zip(earlier)) {
                // Counters that are smaller now are another daemon's.
                let rate = count.saturating_sub(earlier) as f64 / passed.as_secs_f64();
                samples.push_back(rate.round() as u64);
                if samples.len() > MAX_SAMPLES {
                    samples.pop_front();
                }
            }
        }
    }

    /// What was missed is not counted as if it had come at once.
    pub fn interrupt(&mut self) {
        self.last = None;
    }

    /// The last rate.
    pub fn now(&self, verdict: Verdict) -> u64 {
        self.samples[verdict as usize].back().copied().unwrap_or(0)
    }

    /// So many rates, the last one last; those before the first are 0.
    pub fn lately(&self, verdict: Verdict, count: usize) -> Vec<u64> {
        let samples = &self.samples[verdict as usize];
        let known = samples.iter().skip(samples.len().saturating_sub(count)).copied();
        std::iter::repeat_n(0, count.saturating_sub(samples.len())).chain(known).collect()
    }
}

fn counts(totals: &Totals) -> [u64; Verdict::ALL.len()] {
    Verdict::ALL.map(|verdict| totals.of_verdict(verdict))
}
