//! One boot of a client, as far as it has come.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pxeguard_common::arch::Arch;

use super::case::Boot;
use super::counts::Outcome;
use super::file::File;
use super::reply::Reply;
use super::step::TransferId;
use super::story::{Entry, Happened, Story};
use super::{Now, Timestamp};
use crate::boot::Via;
use crate::report::{BootAttempt, ClientState, FileResult};

/// Files of an attempt that are remembered: a pxelinux with a menu, kernel and initrd takes some ten.
const MAX_FILES: usize = 24;
/// Who was answered and does not come for its file within this time has gone silent.
///
/// edk2 chooses among offers for 4 s, and asks port 4011 for 1, 2, 3 and 4 s (PxeBcDhcp4.c).  An iPXE in an emulated
/// machine was seen to take 18 s from the offer to its script.
pub(super) const SILENCE: Duration = Duration::from_secs(30);
/// Who asks again after this time begins anew: the longest pause of edk2 between two DISCOVERs is 32 s.
const PAUSE: Duration = Duration::from_secs(60);

/// Whoever replied so long before a question was told may have replied to it.
pub(super) const JUST_NOW: Duration = Duration::from_secs(1);

/// One boot, from the first question to the last file.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) arch: Option<Arch>,
    pub(super) kind: Option<&'static str>,
    pub(super) answer: Option<Answer>,
    began: Timestamp,
    asked: u64,
    asked_4011: u64,
    answered: u64,
    refused: Option<Arc<str>>,
    has_address: bool,
    files: VecDeque<File>,
    story: Story,
    latest: Latest,
    at: Instant,
    is_silence_told: bool,
    /// What was counted of it, each once: a bit for its begin, and one for each [`Outcome`].
    counted: u8,
}

/// What a client was answered last.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// `offer`, or `ack` of port 4011.
    pub message: &'static str,
    /// `direct`, `binl`, `menu`, `http` or `script`.
    pub strategy: &'static str,
    /// The file or URL that it was told, if any yet.
    pub file: Option<Arc<str>>,
}

/// What happened last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Latest {
    Asked,
    Refused,
    Answered,
    Fetched,
}

/// Whether the same was told before, in this attempt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum News {
    New,
    Again,
}

impl News {
    fn new(is_new: bool) -> Self {
        if is_new { Self::New } else { Self::Again }
    }
}

impl Attempt {
    pub(super) fn new(now: Now) -> Self {
        Self {
            arch: None,
            kind: None,
            answer: None,
            began: now.time,
            asked: 0,
            asked_4011: 0,
            answered: 0,
            refused: None,
            has_address: false,
            files: VecDeque::new(),
            story: Story::default(),
            latest: Latest::Asked,
            at: now.instant,
            is_silence_told: false,
            counted: 0,
        }
    }

    /// Whether a question belongs to another boot: a long time has passed, or a file was fetched and it is not the
    /// program in that file that asks.
    pub(super) fn is_over(&self, kind: &str, now: Now) -> bool {
        let has_fetched = self.latest == Latest::Fetched && self.files.iter().any(|file| file.bytes > 0);
        let is_next_program = kind == "iPXE" && self.answer.as_ref().is_none_or(|answer| answer.strategy != "script");
        (has_fetched && !is_next_program) || now.instant.saturating_duration_since(self.at) > PAUSE
    }

    pub(super) fn ask(&mut self, arch: Option<Arch>, kind: &'static str, message: &'static str, now: Now) -> News {
        self.story.add(Happened::Asked { kind, message }, now.time);
        let to_4011 = message == "request";
        let count = if to_4011 { &mut self.asked_4011 } else { &mut self.asked };
        *count += 1;
        let is_new = *count == 1 || self.kind != Some(kind) || self.arch != arch;
        (self.arch, self.kind) = (arch, Some(kind));
        self.happened(Latest::Asked, now);
        News::new(is_new)
    }

    pub(super) fn answer(&mut self, answer: Answer, now: Now) -> News {
        let is_new = self.answer.as_ref() != Some(&answer);
        self.answered += 1;
        self.story.add(Happened::Answered(answer.clone()), now.time);
        self.answer = Some(answer);
        self.refused = None;
        self.happened(Latest::Answered, now);
        News::new(is_new)
    }

    pub(super) fn refuse(&mut self, why: &Arc<str>, now: Now) -> News {
        let is_new = self.refused.as_ref() != Some(why);
        self.refused = Some(why.clone());
        self.story.add(Happened::Refused(why.clone()), now.time);
        self.happened(Latest::Refused, now);
        News::new(is_new)
    }

    pub(super) fn address(&mut self, ip: Ipv4Addr, server: Option<Ipv4Addr>, now: Now) {
        self.has_address = true;
        self.story.add(Happened::Took { server, ip }, now.time);
    }

    pub(super) fn replied(&mut self, reply: Arc<Reply>, now: Now) {
        self.story.add(Happened::Replied(reply), now.time);
    }

    /// What servers said a moment ago to a client that begins anew now.
    pub(super) fn just_replied(&mut self, now: Now) -> Vec<Entry> {
        self.story.split_off(now.time, JUST_NOW)
    }

    /// Takes those over, behind the question.
    pub(super) fn was_replied(&mut self, entries: Vec<Entry>, now: Now) {
        self.story.take_over(entries, now.time);
    }

    pub(super) fn boot(&self, now: Now) -> Boot {
        let (entries, left_out) = self.story.entries();
        let (state, explanation) = self.state(now);
        Boot {
            attempt: self.report(now),
            kind: self.kind,
            has_address: self.has_address,
            state,
            explanation,
            entries,
            left_out,
            questions: self.story.questions(),
        }
    }

    pub(super) fn start(&mut self, id: TransferId, via: Via, name: &Arc<str>, len: u64, now: Now) {
        self.push(File::started(id, via, name, len, now));
        self.happened(Latest::Fetched, now);
    }

    pub(super) fn deny(&mut self, via: Via, name: &Arc<str>, why: &str, now: Now) -> News {
        let denied = File::denied(via, name, why, now);
        let is_new = !self.files.iter().any(|file| file.result == FileResult::Denied && file.name == denied.name);
        if is_new {
            self.push(denied);
        }
        self.happened(Latest::Fetched, now);
        News::new(is_new)
    }

    /// So much of a transfer has arrived.  `None` where it is too long ago to be remembered.
    pub(super) fn progress(&mut self, id: TransferId, bytes: u64, resent: u64, now: Now) -> Option<&mut File> {
        self.happened(Latest::Fetched, now);
        let file = self.files.iter_mut().rev().find(|file| file.is(id))?;
        file.has_come(bytes, resent, now);
        Some(file)
    }

    fn push(&mut self, file: File) {
        if self.files.len() == MAX_FILES {
            self.files.pop_front();
        }
        self.files.push_back(file);
    }

    fn happened(&mut self, what: Latest, now: Now) {
        (self.latest, self.at) = (what, now.instant);
        self.is_silence_told = false;
    }

    /// The file that matters most: one that is being fetched, else the last that was.
    pub(super) fn file(&self) -> Option<&File> {
        let loading = self.files.iter().rev().find(|file| file.result == FileResult::Loading);
        loading.or(self.files.back())
    }

    /// Where it stands, and the same in words.
    pub(super) fn state(&self, now: Now) -> (ClientState, String) {
        let quiet = now.instant.saturating_duration_since(self.at);
        match (self.latest, self.file(), &self.answer, &self.refused) {
            (Latest::Refused, _, _, Some(why)) => (ClientState::Refused, format!("not answered: {why}")),
            (Latest::Answered, _, Some(answer), _) if quiet >= SILENCE => (
                ClientState::Silent,
                format!("{}, but fetched nothing: {}", answer.in_words(), self.why_silent(answer)),
            ),
            (Latest::Answered, _, Some(answer), _) => (ClientState::Offered, answer.in_words()),
            (Latest::Fetched, Some(file), ..) => file.state(quiet, now),
            _ if self.asked + self.asked_4011 > 1 => {
                (ClientState::Asked, format!("asked {} times", self.asked + self.asked_4011))
            }
            _ => (ClientState::Asked, "asked".to_owned()),
        }
    }

    /// The likeliest cause, by how far the client came.
    fn why_silent(&self, answer: &Answer) -> &'static str {
        if self.asked_4011 > 0 {
            "it asked port 4011 for the file's name, so that its firewall or ours may keep UDP port 69 from it"
        } else if !self.has_address {
            "it was not seen to ask for an address; either no DHCP server offers it one, \
             or its firmware takes no offer without one (then the DHCP server itself has to name the file)"
        } else if answer.strategy != "direct" && answer.message == "offer" {
            "it did not ask port 4011; another server's offer may have won, or its firmware wants another strategy"
        } else {
            "another server's offer may have won, a firewall may be in the way, or its firmware wants another strategy"
        }
    }

    /// What is to be told of its silence, once.
    pub(super) fn newly_silent(&mut self, now: Now) -> Option<String> {
        let (ClientState::Silent, words) = self.state(now) else { return None };
        (!std::mem::replace(&mut self.is_silence_told, true)).then_some(words)
    }

    /// Whether it begins: true once.
    pub(super) fn begins(&mut self) -> bool {
        self.is_first(1)
    }

    /// Whether this has become of it for the first time.
    pub(super) fn comes_to(&mut self, outcome: Outcome) -> bool {
        self.is_first(2 << outcome as u8)
    }

    fn is_first(&mut self, bit: u8) -> bool {
        let is_first = self.counted & bit == 0;
        self.counted |= bit;
        is_first
    }

    pub(super) fn report(&self, now: Now) -> BootAttempt {
        BootAttempt {
            began: self.began,
            asked: self.asked,
            asked_4011: self.asked_4011,
            answered: self.answered,
            strategy: self.answer.as_ref().map(|answer| answer.strategy.to_owned()),
            offered: self.answer.as_ref().and_then(|answer| answer.file.as_deref().map(str::to_owned)),
            refused: self.refused.as_deref().map(str::to_owned),
            files: self.files.iter().map(|file| file.report(now)).collect(),
        }
    }
}

impl Answer {
    fn in_words(&self) -> String {
        match &self.file {
            Some(file) => format!("offered {file} ({})", self.strategy),
            None => format!("told to ask port 4011 ({})", self.strategy),
        }
    }
}
