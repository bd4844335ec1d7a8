//! A line of the log for each step, as long as somebody can read them.

use std::fmt::Write as _;
use std::time::Instant;

use log::Level;
use pxeguard_common::net::Ifindex;

use super::Now;
use super::attempt::{Answer, News};
use super::client::{Client, arch_name, iface_name};
use super::file::File;
use super::remembered::Who;
use crate::boot::Via;
use crate::report::{FileResult, printable, rate_in_words, size_in_words};
use crate::trust::MacAddress;

/// A line that is to be written.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Line {
    pub(super) level: Level,
    pub(super) text: String,
}

impl Line {
    pub(super) fn write(&self) {
        log::log!(self.level, "{}", self.text);
    }
}

/// What a step is about; each has lines of its own, so that questions of invented clients hide no transfer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Topic {
    Asking,
    Fetching,
}

/// So many lines at once, and so many more each second.
#[derive(Clone, Debug)]
pub(super) struct Ration {
    left: f64,
    most: f64,
    per_s: f64,
    at: Instant,
}

impl Ration {
    const fn new(most: f64, per_s: f64, at: Instant) -> Self {
        Self { left: most, most, per_s, at }
    }

    /// For one client: a boot by pxelinux with a menu takes some forty lines.
    pub(super) const fn of_client(at: Instant) -> Self {
        Self::new(60.0, 1.0, at)
    }

    /// For all of them: a rack of machines that are switched on together, or what one can read.
    const fn of_all(at: Instant) -> Self {
        Self::new(400.0, 20.0, at)
    }

    /// Takes one; false where none is left.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.left, self.at) = ((self.left + passed * self.per_s).min(self.most), now);
        let has_one = self.left >= 1.0;
        if has_one {
            self.left -= 1.0;
        }
        has_one
    }
}

/// How much of the log is left to be written.
#[derive(Debug)]
pub(super) struct Log {
    asking: Ration,
    fetching: Ration,
    untold: u64,
}

impl Log {
    pub(super) const fn new(now: Now) -> Self {
        Self { asking: Ration::of_all(now.instant), fetching: Ration::of_all(now.instant), untold: 0 }
    }

    /// Whether one more line can be read.
    fn has_room(&mut self, topic: Topic, now: Now) -> bool {
        let ration = match topic {
            Topic::Asking => &mut self.asking,
            Topic::Fetching => &mut self.fetching,
        };
        let has_room = ration.take(now.instant);
        self.untold += u64::from(!has_room);
        has_room
    }

    /// Says how many lines were too many since the last time.
    pub(super) fn untold(&mut self) -> Option<Line> {
        let untold = std::mem::take(&mut self.untold);
        (untold > 0).then(|| Line {
            level: Level::Info,
            text: format!("clients: {untold} more steps than can be read (pxeguard clients shows where each stands)"),
        })
    }
}

/// Puts a step of a client into words.
pub(super) struct Teller<'a> {
    pub(super) who: Who,
    pub(super) client: &'a mut Client,
    pub(super) log: &'a mut Log,
    pub(super) now: Now,
}

impl Teller<'_> {
    pub(super) fn asked(&mut self, news: News, iface: Ifindex, vlan: u16, message: &str) -> Option<Line> {
        let attempt = self.client.attempt();
        let (kind, arch) = (attempt.kind.unwrap_or_default(), attempt.arch);
        self.client.untold += u64::from(news == News::Again);
        self.line(news, Topic::Asking, || {
            let mut what = if message == "request" {
                "asks port 4011".to_owned()
            } else {
                format!("asks who can boot it ({})", message.to_uppercase())
            };
            let arch = arch.map_or_else(|| "no architecture".to_owned(), arch_name);
            let _ = write!(what, ": {kind}, {arch}, iface={}", iface_name(iface));
            if vlan != 0 {
                let _ = write!(what, " vlan={vlan}");
            }
            what
        })
    }

    pub(super) fn answered(&mut self, news: News, answer: &Answer) -> Option<Line> {
        self.line(news, Topic::Asking, || {
            let file = answer.file.as_deref().unwrap_or("the file's name comes from port 4011");
            format!("is answered ({}, {}): {file}", answer.message.to_uppercase(), answer.strategy)
        })
    }

    pub(super) fn refused(&mut self, news: News, why: &str) -> Option<Line> {
        self.line(news, Topic::Asking, || format!("is not answered: {why}"))
    }

    pub(super) fn silent(&mut self, words: &str) -> Option<Line> {
        self.line(News::New, Topic::Asking, || format!("has gone silent: {words}"))
    }

    pub(super) fn started(&mut self, via: Via, file: &str, len: u64) -> Option<Line> {
        let way = via_in_words(via);
        self.line(News::New, Topic::Fetching, || format!("fetches {file} by {way}, {}", size_in_words(len)))
    }

    pub(super) fn progress(&mut self, file: Option<&File>) -> Option<Line> {
        let (file, now) = (file?, self.now);
        self.line(News::Again, Topic::Fetching, || format!("fetches {}{}", file.name, file.progress_in_words(now)))
    }

    /// How a file ended, as far as it is remembered.
    pub(super) fn ended(&mut self, file: Option<&File>) -> Option<Line> {
        let (file, now) = (file?, self.now);
        let news = if file.result == FileResult::Probe { News::Again } else { News::New };
        let mut line = self.line(news, Topic::Fetching, || how_it_ended(file, now))?;
        if file.result == FileResult::Failed && line.level == Level::Info {
            line.level = Level::Warn;
        }
        Some(line)
    }

    pub(super) fn denied(&mut self, news: News, via: Via, file: &str, why: &str) -> Option<Line> {
        self.line(news, Topic::Fetching, || format!("does not get {file} by {}: {why}", via_in_words(via)))
    }

    /// What was told before, and what is too much, is for those who debug.
    fn line(&mut self, news: News, topic: Topic, what: impl FnOnce() -> String) -> Option<Line> {
        let is_told =
            news == News::New && self.client.lines.take(self.now.instant) && self.log.has_room(topic, self.now);
        if !is_told && !log::log_enabled!(Level::Debug) {
            return None;
        }
        let mut text = match self.who {
            Who::Mac(mac) => format!("client {}", MacAddress(mac)),
            Who::Ip(_) => "client".to_owned(),
        };
        if let Some(ip) = self.client.ip.filter(|_| topic == Topic::Fetching) {
            let _ = write!(text, " ip={ip}");
        }
        let _ = write!(text, " {}", what());
        if is_told && self.client.untold > 0 {
            let _ = write!(text, "; asked {} more times before", std::mem::take(&mut self.client.untold));
        }
        Some(Line { level: if is_told { Level::Info } else { Level::Debug }, text: printable(&text) })
    }
}

fn how_it_ended(file: &File, now: Now) -> String {
    let (name, bytes) = (&file.name, size_in_words(file.bytes));
    let mut text = match (file.result, &file.why) {
        (FileResult::Probe, _) => return format!("wanted the length of {name}"),
        (FileResult::Failed, Some(why)) => {
            let len = file.len.map(|len| format!(" of {}", size_in_words(len))).unwrap_or_default();
            format!("got {bytes}{len} of {name}: {why}")
        }
        _ => format!("has {name}: {bytes} in {:.1} s", file.took(now).as_secs_f64()),
    };
    if let Some(rate) = file.rate(now) {
        let _ = write!(text, ", {}", rate_in_words(rate));
    }
    if file.resent > 0 {
        let _ = write!(text, ", sent again: {}", file.resent);
    }
    text
}

const fn via_in_words(via: Via) -> &'static str {
    match via {
        Via::Tftp => "TFTP",
        Via::Http => "HTTP",
    }
}

#[cfg(test)]
mod tests;
