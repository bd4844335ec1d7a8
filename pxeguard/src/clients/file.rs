//! One file of a boot, as far as it has arrived.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attempt::SILENCE;
use super::counts::via_name;
use super::step::{Ending, TransferId};
use super::{Now, Timestamp};
use crate::boot::Via;
use crate::report::{BootFile, ClientState, FileResult, rate_in_words, size_in_words};

/// Who has fetched a file this long ago has other things to do.
const IDLE: Duration = Duration::from_secs(600);
/// Bytes that are kept of what a client can make up: names of files that are not there, and messages of its own.
const MAX_TEXT: usize = 128;

/// A file that is fetched, or was, or was denied.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) name: Arc<str>,
    pub(super) via: Via,
    pub(super) bytes: u64,
    pub(super) len: Option<u64>,
    pub(super) resent: u64,
    pub(super) result: FileResult,
    pub(super) why: Option<String>,
    id: Option<TransferId>,
    at: Timestamp,
    began: Instant,
    until: Instant,
}

impl File {
    /// Its transfer has begun.
    pub(super) fn started(id: TransferId, via: Via, name: &Arc<str>, len: u64, now: Now) -> Self {
        Self {
            name: name.clone(),
            via,
            bytes: 0,
            len: Some(len),
            resent: 0,
            result: FileResult::Loading,
            why: None,
            id: Some(id),
            at: now.time,
            began: now.instant,
            until: now.instant,
        }
    }

    /// It is not served.
    pub(super) fn denied(via: Via, name: &str, why: &str, now: Now) -> Self {
        Self {
            name: shortened(name),
            via,
            bytes: 0,
            len: None,
            resent: 0,
            result: FileResult::Denied,
            why: Some(shortened(why).to_string()),
            id: None,
            at: now.time,
            began: now.instant,
            until: now.instant,
        }
    }

    /// Whether a transfer is this file's.
    pub(super) fn is(&self, transfer: TransferId) -> bool {
        self.id == Some(transfer)
    }

    /// So much of it has arrived.
    pub(super) fn has_come(&mut self, bytes: u64, resent: u64, now: Now) {
        (self.bytes, self.resent, self.until) = (bytes, resent, now.instant);
    }

    /// It has ended.
    pub(super) fn end(&mut self, ending: &Ending) {
        (self.result, self.why) = match ending {
            Ending::Done => (FileResult::Done, None),
            Ending::Probe => (FileResult::Probe, None),
            Ending::Failed(why) => (FileResult::Failed, Some(shortened(why).to_string())),
        };
    }

    /// How long it took until now, or until its end.
    pub(super) fn took(&self, now: Now) -> Duration {
        let until = if self.result == FileResult::Loading { now.instant } else { self.until };
        until.saturating_duration_since(self.began)
    }

    /// Bytes per second; `None` where too little came to tell.
    pub(super) fn rate(&self, now: Now) -> Option<u64> {
        let took = self.took(now).as_secs_f64();
        (self.bytes > 0 && took > 0.0).then(|| (self.bytes as f64 / took) as u64)
    }

    /// How the client stands by it, `quiet` since it was heard of; and the same in words.
    pub(super) fn state(&self, quiet: Duration, now: Now) -> (ClientState, String) {
        let (name, why) = (&self.name, self.why.as_deref().unwrap_or_default());
        match self.result {
            FileResult::Loading => (ClientState::Loading, format!("loading {name}{}", self.progress_in_words(now))),
            FileResult::Done if quiet >= IDLE => (ClientState::Idle, format!("idle since it loaded {name}")),
            FileResult::Done => (ClientState::Loaded, format!("loaded {name}")),
            FileResult::Probe if quiet >= SILENCE => {
                (ClientState::Silent, format!("wanted the length of {name}, but did not fetch it"))
            }
            FileResult::Probe => (ClientState::Offered, format!("wanted the length of {name}")),
            FileResult::Failed => {
                let len = self.len.map(|len| format!(" of {}", size_in_words(len))).unwrap_or_default();
                (ClientState::Failed, format!("got {}{len} of {name}: {why}", size_in_words(self.bytes)))
            }
            FileResult::Denied => (ClientState::Failed, format!("did not get {name}: {why}")),
        }
    }

    /// `: 43 % at 12.3 MB/s`, or nothing yet.
    pub(super) fn progress_in_words(&self, now: Now) -> String {
        let rate = self.rate(now).map(|rate| format!(" at {}", rate_in_words(rate))).unwrap_or_default();
        match self.len {
            Some(len) if self.bytes > 0 && len > 0 => {
                format!(": {} %{rate}", u128::from(self.bytes) * 100 / u128::from(len))
            }
            _ => String::new(),
        }
    }

    pub(super) fn report(&self, now: Now) -> BootFile {
        BootFile {
            file: self.name.to_string(),
            via: via_name(self.via).to_owned(),
            bytes: self.bytes,
            len: self.len,
            rate: self.rate(now),
            resent: self.resent,
            result: self.result,
            why: self.why.clone(),
            began: self.at,
            took_ms: self.took(now).as_millis() as u64,
        }
    }
}

fn shortened(text: &str) -> Arc<str> {
    match text.floor_char_boundary(MAX_TEXT) {
        end if end < text.len() => format!("{}...", &text[..end]).into(),
        _ => text.into(),
    }
}
