//! One transfer: told what arrives and when, it says what to send.
//!
//! Blocks have numbers from 1 that never start again; on the wire they are 16 bits.  At any time the client has the blocks
//! up to `acknowledged`, and those up to `sent` are on their way.  The last block is the one that is not full, be it
//! empty.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use super::options::Terms;
use super::packet::{Reply, printable};
use super::round_trip::RoundTrip;
use crate::clients::Ending;

/// How long a client may be silent: long enough for a switch port that opens only after 30 s (IEEE 802.1D).
const PATIENCE: Duration = Duration::from_secs(40);

/// What to do next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Action {
    /// Nothing before the deadline, or the next datagram.
    Wait,
    /// Send the answer to the options.
    SendAnswer,
    /// Send these blocks.
    Send(RangeInclusive<u64>),
    /// It is over.
    End(Ending),
}

/// A transfer.
#[derive(Debug)]
pub(super) struct Transfer {
    len: u64,
    block_size: u64,
    window: u64,
    is_size_asked: bool,
    state: State,
    /// The client has all blocks up to this one.
    acknowledged: u64,
    /// The last block that was sent.
    sent: u64,
    /// The highest block that was ever sent; `sent` goes back when blocks are sent again.
    highest: u64,
    /// The last block that was on its way when something was sent again: see [`Transfer::is_gap`].
    recovering: Option<u64>,
    /// When the blocks after `acknowledged` were sent, if only once.
    timed: Option<Instant>,
    /// When the client acknowledged something new, or the transfer began.
    progressed: Instant,
    deadline: Instant,
    round_trip: RoundTrip,
    resent: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// The options are answered, which the client acknowledges as block 0.
    Answering,
    Sending,
}

impl Transfer {
    /// Begins to send `len` bytes; and what to send first.
    pub(super) fn begin(len: u64, terms: &Terms, now: Instant) -> (Self, Action) {
        let mut transfer = Self {
            len,
            block_size: terms.block_size.into(),
            window: terms.window.into(),
            is_size_asked: terms.is_size_asked,
            state: State::Answering,
            acknowledged: 0,
            sent: 0,
            highest: 0,
            recovering: None,
            timed: Some(now),
            progressed: now,
            deadline: now,
            round_trip: RoundTrip::new(terms.timeout),
            resent: 0,
        };
        let action = match terms.answer {
            Some(_) => {
                transfer.deadline = now + transfer.round_trip.wait();
                Action::SendAnswer
            }
            None => transfer.send_window(now),
        };
        (transfer, action)
    }

    /// Takes what the client sent.
    pub(super) fn on_reply(&mut self, reply: Reply<'_>, now: Instant) -> Action {
        match reply {
            Reply::Error { code, text } => Action::End(self.aborted(code, text)),
            Reply::Ack(block) => {
                // No window is so large that a number could mean two blocks.
                let further = u64::from(block.wrapping_sub(self.acknowledged as u16));
                if further > self.sent - self.acknowledged {
                    // Of something that was acknowledged before, or nonsense.
                    return Action::Wait;
                }
                self.on_ack(self.acknowledged + further, now)
            }
        }
    }

    /// Takes the deadline: sends again what is not acknowledged, or gives up.
    pub(super) fn on_deadline(&mut self, now: Instant) -> Action {
        if now < self.deadline {
            return Action::Wait;
        }
        let silent = now.duration_since(self.progressed);
        if silent >= PATIENCE.max(self.round_trip.wait() * 3) {
            return Action::End(Ending::Failed(self.unanswered(silent)));
        }
        self.round_trip.back_off();
        self.recovering = Some(self.sent);
        if self.state == State::Sending {
            return self.send_window(now);
        }
        self.resent += 1;
        self.timed = None;
        self.deadline = now + self.round_trip.wait();
        Action::SendAnswer
    }

    /// Whether nothing is under way but what was sent last, for the first time.
    pub(super) fn is_all_new(&self) -> bool {
        self.timed == Some(self.progressed)
    }

    /// When to call [`Transfer::on_deadline`].
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Bytes that the client has.
    pub(super) fn acknowledged_bytes(&self) -> u64 {
        (self.acknowledged * self.block_size).min(self.len)
    }

    /// Datagrams that were sent again.
    pub(super) fn resent(&self) -> u64 {
        self.resent
    }

    fn on_ack(&mut self, block: u64, now: Instant) -> Action {
        if self.state == State::Answering {
            self.state = State::Sending;
        } else if block == self.acknowledged {
            if !self.is_gap() {
                return Action::Wait;
            }
            self.recovering = Some(self.sent);
            return self.send_window(now);
        }
        self.progressed = now;
        self.round_trip.answered(self.timed.map(|sent| now.duration_since(sent)));
        if block < self.sent {
            // The client misses what comes next, and begins anew there (RFC 7440 §4).
            self.recovering = Some(self.sent);
        }
        self.acknowledged = block;
        if block == self.last() {
            return Action::End(Ending::Done);
        }
        self.send_window(now)
    }

    /// Whether an acknowledgement that came before comes again because the window's first block is lost.
    ///
    /// With a window of one block it never does: answering it would double each block from there on, the
    /// Sorcerer's Apprentice bug (RFC 1123 §4.2.3.1).  With a larger one it may (RFC 7440 §4), but not while blocks are
    /// under way twice: the second one makes the client repeat itself (edk2 does so for every block that it does not expect).
    fn is_gap(&self) -> bool {
        self.window > 1 && self.recovering.is_none_or(|block| self.acknowledged > block)
    }

    /// Sends the blocks behind those that the client has.
    fn send_window(&mut self, now: Instant) -> Action {
        self.state = State::Sending;
        let first = self.acknowledged + 1;
        self.sent = (self.acknowledged + self.window).min(self.last());
        let again = self.highest.min(self.sent).saturating_sub(self.acknowledged);
        self.resent += again;
        self.timed = (again == 0).then_some(now);
        self.highest = self.highest.max(self.sent);
        self.deadline = now + self.round_trip.wait();
        Action::Send(first..=self.sent)
    }

    /// The block that is not full.
    fn last(&self) -> u64 {
        self.len / self.block_size + 1
    }

    fn aborted(&self, code: u16, text: &[u8]) -> Ending {
        if self.state == State::Answering && self.is_size_asked {
            return Ending::Probe;
        }
        Ending::Failed(match text {
            [] => format!("client aborted: error {code}"),
            text => format!("client aborted: {}", printable(text)),
        })
    }

    fn unanswered(&self, silent: Duration) -> String {
        let seconds = silent.as_secs();
        match self.state {
            State::Answering => format!("no answer to the options for {seconds} s"),
            State::Sending if self.sent == self.last() => {
                format!("the last blocks were not acknowledged for {seconds} s; the client may have them")
            }
            State::Sending => format!("no acknowledgement of block {} for {seconds} s", self.acknowledged + 1),
        }
    }
}

#[cfg(test)]
mod tests;
