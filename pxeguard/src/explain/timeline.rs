//! A boot, told step by step.

use std::net::Ipv4Addr;

use pxeguard_common::dhcp::MessageType;
use pxeguard_common::verdict::{Judgement, Verdict};

use crate::clients::{Boot, Case, Checksum, Entry, Happened, Reply};
use crate::report::{BootFile, FileResult, Timeline, TimelineStep, printable, rate_in_words, size_in_words};
use crate::time::Timestamp;
use crate::trust::MacAddress;

/// The boots of a client, the newest first; or what servers said to one that does not boot.
pub(super) fn timelines(case: &Case) -> Vec<Timeline> {
    if case.boots.is_empty() && !case.stranger.is_empty() {
        let steps: Vec<_> = case.stranger.iter().map(step).collect();
        return vec![Timeline { began: steps[0].at, steps, left_out: 0 }];
    }
    case.boots.iter().map(timeline).collect()
}

fn timeline(boot: &Boot) -> Timeline {
    let mut steps: Vec<_> = boot.entries.iter().map(step).collect();
    steps.extend(boot.attempt.files.iter().map(file));
    steps.sort_by_key(|step| step.at);
    Timeline { began: boot.attempt.began, steps, left_out: boot.left_out }
}

fn step(entry: &Entry) -> TimelineStep {
    let (who, what, is_trouble) = match &entry.what {
        Happened::Asked { kind, message: "request" } => {
            ("client".to_owned(), format!("asks port 4011 for its file ({kind})"), false)
        }
        Happened::Asked { kind, message } => {
            ("client".to_owned(), format!("asks who can boot it ({}, {kind})", message.to_uppercase()), false)
        }
        Happened::Answered(answer) => {
            let file = answer.file.as_deref().unwrap_or("the file's name comes from port 4011");
            let what = format!("answers ({}, {}): {file}", answer.message.to_uppercase(), answer.strategy);
            ("pxeguard".to_owned(), what, false)
        }
        Happened::Refused(why) => ("pxeguard".to_owned(), format!("does not answer: {why}"), true),
        Happened::Replied(reply) => (who_replied(reply), what_replied(reply), is_trouble(reply)),
        Happened::Took { server, ip } => ("client".to_owned(), took(*server, *ip), false),
    };
    TimelineStep { at: entry.at, who, what: printable(&(what + &again(entry))), is_trouble, times: entry.times }
}

fn again(entry: &Entry) -> String {
    let passed = entry.until.0.duration_since(entry.at.0).unwrap_or_default();
    match entry.times {
        1 => String::new(),
        times => format!("; {times} times in {:.1} s", passed.as_secs_f64()),
    }
}

fn took(server: Option<Ipv4Addr>, ip: Ipv4Addr) -> String {
    match server {
        Some(server) => format!("takes the address {ip}, of the server {server}"),
        None => format!("has the address {ip}"),
    }
}

/// A server, by its addresses and its port.
pub(super) fn who_replied(reply: &Reply) -> String {
    format!("{} {} at {}", MacAddress(reply.server), reply.server_id.unwrap_or(reply.ip), printable(&reply.port_name))
}

fn what_replied(reply: &Reply) -> String {
    let mut what = match (reply.kind, reply.address) {
        (MessageType::Offer, Some(address)) => format!("offers the address {address}"),
        (MessageType::Offer, None) => "offers to boot it".to_owned(),
        (MessageType::Ack, Some(address)) => format!("confirms the address {address}"),
        (MessageType::Ack, None) => "says what to boot".to_owned(),
        (MessageType::Nak, _) => "refuses the address".to_owned(),
        (MessageType::Other, _) => "replies".to_owned(),
    };
    if let Some(file) = &reply.file {
        what += &format!(", file {file}");
        if let Some(server) = &reply.file_server {
            what += &format!(" from {server}");
        }
    }
    if reply.says_pxe() {
        what += &format!(", option 60 {}", reply.class.as_deref().unwrap_or_default());
    }
    if let Some(message) = &reply.message {
        what += &format!(" (\"{message}\")");
    }
    if let Some(relay) = reply.relay {
        what += &format!(", by the relay {relay}");
    }
    match reply.checksum {
        Checksum::Right => {}
        Checksum::Uncomputed => what += ", its UDP checksum was not computed",
        Checksum::Wrong => what += ", its UDP checksum is wrong",
    }
    let Judgement { verdict, reason } = reply.judgement;
    match verdict {
        Verdict::Pass => {}
        Verdict::Drop => what += &format!("; dropped: {}", reason.explanation()),
        Verdict::WouldDrop => what += &format!("; not dropped, as the mode is to observe: {}", reason.explanation()),
    }
    what
}

fn is_trouble(reply: &Reply) -> bool {
    reply.judgement.verdict != Verdict::Pass || reply.kind == MessageType::Nak
}

fn file(file: &BootFile) -> TimelineStep {
    let via = file.via.to_uppercase();
    let (name, took) = (&file.file, file.took_ms as f64 / 1e3);
    let why = file.why.as_deref().unwrap_or_default();
    let mut what = match file.result {
        FileResult::Loading => format!("is fetching {name} by {via}: {} so far", size_in_words(file.bytes)),
        FileResult::Done => format!("fetches {name} by {via}: {} in {took:.1} s", size_in_words(file.bytes)),
        FileResult::Probe => format!("asks how long {name} is, by {via}"),
        FileResult::Failed => format!("gets {} of {name} by {via}, and no more: {why}", size_in_words(file.bytes)),
        FileResult::Denied => format!("does not get {name} by {via}: {why}"),
    };
    if let (Some(rate), FileResult::Done | FileResult::Loading) = (file.rate, file.result) {
        what += &format!(", {}", rate_in_words(rate));
    }
    if file.resent > 0 {
        what += &format!(", {} datagrams sent again", file.resent);
    }
    let is_trouble = matches!(file.result, FileResult::Failed | FileResult::Denied);
    TimelineStep { at: file.began, who: "client".to_owned(), what: printable(&what), is_trouble, times: 1 }
}

/// The pauses between a client's questions, in words: `4, 8 and 16 s apart`; `None` where there are none.
pub(super) fn pauses(questions: &[Timestamp]) -> Option<String> {
    let pause = |pair: &[Timestamp]| pair[1].0.duration_since(pair[0].0).unwrap_or_default().as_secs_f64().round();
    let pauses: Vec<_> = questions.windows(2).map(|pair| pause(pair).to_string()).collect();
    let (last, first) = pauses.split_last()?;
    Some(match first {
        [] => format!("{last} s apart"),
        first => format!("{} and {last} s apart", first.join(", ")),
    })
}
