//! What happened in a boot, in order, as much of it as can be kept.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use super::Timestamp;
use super::attempt::Answer;
use super::reply::Reply;

/// Entries that are kept of the beginning, and as many of the end: a boot that goes well takes some ten.
const MAX_ENTRIES: usize = 16;
/// Entries looked back for the same: a client that asks again is answered by the same few servers.
const LOOK_BACK: usize = 8;
/// Times that are kept of questions: firmware asks four to six times.
const MAX_QUESTIONS: usize = 16;

/// What happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Happened {
    /// The client asked.
    Asked {
        /// What asks: `PXEClient`, `HTTPClient` or `iPXE`.
        kind: &'static str,
        /// `discover`, `request` (to port 4011) or `inform`.
        message: &'static str,
    },
    /// It was answered by pxeguard.
    Answered(Answer),
    /// It was not, for this reason.
    Refused(Arc<str>),
    /// A server replied.
    Replied(Arc<Reply>),
    /// The client asked a server for the address that it offered, or already has it.
    Took {
        /// Option 54, where it names one.
        server: Option<Ipv4Addr>,
        /// The address.
        ip: Ipv4Addr,
    },
}

/// A thing that happened, once or again and again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// When first.
    pub at: Timestamp,
    /// When last.
    pub until: Timestamp,
    /// How often.
    pub times: u64,
    /// What.
    pub what: Happened,
}

/// The entries of one boot.
#[derive(Clone, Debug, Default)]
pub(super) struct Story {
    first: Vec<Entry>,
    last: VecDeque<Entry>,
    left_out: u64,
    questions: VecDeque<Timestamp>,
}

impl Story {
    pub(super) fn add(&mut self, what: Happened, at: Timestamp) {
        if let Happened::Asked { message: "discover", .. } = what {
            if self.questions.len() == MAX_QUESTIONS {
                self.questions.pop_front();
            }
            self.questions.push_back(at);
        }
        let mut recent = self.last.iter_mut().rev().chain(self.first.iter_mut().rev()).take(LOOK_BACK);
        if let Some(same) = recent.find(|entry| entry.what == what) {
            (same.until, same.times) = (at, same.times + 1);
            return;
        }
        self.push(Entry { at, until: at, times: 1, what });
    }

    fn push(&mut self, entry: Entry) {
        if self.first.len() < MAX_ENTRIES {
            self.first.push(entry);
            return;
        }
        if self.last.len() == MAX_ENTRIES {
            self.last.pop_front();
            self.left_out += 1;
        }
        self.last.push_back(entry);
    }

    /// Takes out what servers said within so short a time that it belongs to a boot whose first question is told later:
    /// two threads read the two.
    pub(super) fn split_off(&mut self, now: Timestamp, within: Duration) -> Vec<Entry> {
        let is_later = |entry: &Entry| {
            let since = now.0.duration_since(entry.until.0).unwrap_or_default();
            matches!(entry.what, Happened::Replied(_)) && since <= within
        };
        let mut later = Vec::new();
        for entry in self.first.iter_mut().chain(&mut self.last).filter(|entry| is_later(entry)) {
            // What was said before as well stays, but for the last time.
            later.push(Entry { at: entry.until, times: 1, ..entry.clone() });
            entry.times -= 1;
        }
        self.first.retain(|entry| entry.times > 0);
        self.last.retain(|entry| entry.times > 0);
        later
    }

    pub(super) fn take_over(&mut self, entries: Vec<Entry>, at: Timestamp) {
        entries.into_iter().for_each(|entry| self.push(Entry { at, until: at.max(entry.until), ..entry }));
    }

    /// All of them, in order; and how many are left out in the middle.
    pub(super) fn entries(&self) -> (Vec<Entry>, u64) {
        (self.first.iter().chain(&self.last).cloned().collect(), self.left_out)
    }

    /// When the client asked port 67, the last times.
    pub(super) fn questions(&self) -> Vec<Timestamp> {
        self.questions.iter().copied().collect()
    }
}
