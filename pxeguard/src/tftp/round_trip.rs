//! How long to wait for an acknowledgement, learnt from those before (RFC 6298).

use std::time::Duration;

/// Before anything is known (RFC 6298 §2.1).
const INITIAL: Duration = Duration::from_secs(1);
/// However fast the client is: it may be writing to its disk.
const SHORTEST: Duration = Duration::from_millis(200);
/// However slow it is.
const LONGEST: Duration = Duration::from_secs(5);

/// The wait, and what it is made of.
#[derive(Debug)]
pub(super) struct RoundTrip {
    /// What the client asked for, as a lower bound.
    asked: Option<Duration>,
    /// Smoothed time, and how much it varies.
    known: Option<(Duration, Duration)>,
    /// Times in a row that the wait was in vain.
    backed_off: u32,
}

impl RoundTrip {
    pub(super) fn new(asked: Option<Duration>) -> Self {
        Self { asked, known: None, backed_off: 0 }
    }

    /// An answer came; `took` is known if what it answers was sent only once (Karn's algorithm).
    pub(super) fn answered(&mut self, took: Option<Duration>) {
        self.backed_off = 0;
        let Some(took) = took else { return };
        self.known = Some(match self.known {
            None => (took, took / 2),
            Some((smooth, variance)) => ((smooth * 7 + took) / 8, (variance * 3 + smooth.abs_diff(took)) / 4),
        });
    }

    /// The wait was in vain: the next one is twice as long.
    pub(super) fn back_off(&mut self) {
        self.backed_off += 1;
    }

    /// How long to wait now.
    pub(super) fn wait(&self) -> Duration {
        let learnt = self.known.map_or(INITIAL, |(smooth, variance)| smooth + variance * 4);
        let once = self.asked.unwrap_or(learnt.clamp(SHORTEST, LONGEST));
        let doubled = once.saturating_mul(1 << self.backed_off.min(16));
        doubled.min(LONGEST.max(once))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_wait_doubles_up_to_a_limit_and_falls_back_at_the_next_answer() {
        let mut trip = RoundTrip::new(None);
        let waits = (0..5).map(|_| {
            let wait = trip.wait();
            trip.back_off();
            wait.as_secs()
        });
        assert_eq!(waits.collect::<Vec<_>>(), [1, 2, 4, 5, 5]);
        trip.answered(None);
        assert_eq!(trip.wait(), INITIAL);
    }

    #[test]
    fn a_quick_client_is_waited_for_less_and_a_slow_one_more() {
        for (took, wait) in [(MS, SHORTEST), (400 * MS, 1200 * MS), (9000 * MS, LONGEST)] {
            let mut trip = RoundTrip::new(None);
            trip.answered(Some(took));
            assert_eq!(trip.wait(), wait, "{took:?}");
        }
    }

    #[test]
    fn what_the_client_asks_for_counts_more_than_what_was_learnt() {
        let mut trip = RoundTrip::new(Some(Duration::from_secs(30)));
        trip.answered(Some(MS));
        assert_eq!(trip.wait().as_secs(), 30);
        trip.back_off();
        assert_eq!(trip.wait().as_secs(), 30);
    }
}
