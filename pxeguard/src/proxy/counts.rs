//! What the proxy has done, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Ignore;

/// Counters that everybody may read at any time.
#[derive(Debug, Default)]
pub struct Counts {
    answered: AtomicU64,
    refused: AtomicU64,
    unsent: AtomicU64,
    ignored: [AtomicU64; Ignore::ALL.len()],
}

impl Counts {
    /// Requests that were answered.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Requests of clients that boot from the network, for which there was nothing.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Answers that the kernel did not take.
    pub fn unsent(&self) -> u64 {
        self.unsent.load(Ordering::Relaxed)
    }

    /// Datagrams that were none of ours, by reason.
    pub fn ignored(&self) -> impl Iterator<Item = (Ignore, u64)> {
        Ignore::ALL.into_iter().zip(self.ignored.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    pub(super) fn count_answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_unsent(&self, answers: usize) {
        self.unsent.fetch_add(answers as u64, Ordering::Relaxed);
    }

    pub(super) fn count_ignored(&self, why: Ignore) {
        self.ignored[why as usize].fetch_add(1, Ordering::Relaxed);
    }
}
