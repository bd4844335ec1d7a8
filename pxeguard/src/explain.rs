//! Why a client boots or not: its boots step by step, and a verdict with the likeliest cause first.
//!
//! What was seen comes in as a [`Case`]; nothing is asked or measured here.

mod causes;
mod screen;
mod timeline;

use std::cmp::Reverse;

use pxeguard_common::trust::Mode;

use crate::clients::{Case, Entry, Happened, Reply};
use crate::report::{ClientState, Explanation, Outcome, Server};
use crate::trust::MacAddress;
use causes::Findings;

pub use screen::screen_message;

/// What is known beside the client itself.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Whether untrusted replies are dropped.
    pub mode: Mode,
    /// Whether clients are booted here.
    pub boots: bool,
    /// The servers that were seen.
    pub servers: Vec<Server>,
}

/// Explains what became of a client; `screen` is what stands on its screen, if somebody has read it.
pub fn explain(case: &Case, around: &Surroundings, screen: Option<&str>) -> Explanation {
    let known = screen.and_then(screen::find);
    let findings = Findings::new(case, around);
    let outcome = outcome(case);
    let mut causes = match outcome {
        Outcome::Booted => findings.of_booted(),
        Outcome::Unknown => findings.of_unknown(),
        Outcome::UnderWay | Outcome::Failed => findings.of_failed(),
    };
    if outcome == Outcome::UnderWay {
        // It may still succeed: only what was seen counts.
        causes.retain(|cause| cause.likelihood > crate::report::Likelihood::Possible);
    }
    let fits = |cause: &str| known.is_some_and(|message| message.causes.contains(&cause));
    for cause in causes.iter_mut().filter(|cause| fits(&cause.cause)) {
        cause.evidence.push(format!("it fits what the screen says: {}", known.map_or("", |message| message.code)));
    }
    // A stable sort: what fits alike stays in the order in which it was looked for.
    causes.sort_by_key(|cause| Reverse((cause.likelihood, fits(&cause.cause))));
    Explanation {
        mac: MacAddress(case.mac),
        outcome,
        verdict: verdict(case, outcome, causes.first().map(|cause| cause.what.as_str())),
        causes,
        screen: screen.map(screen_message),
        attempts: timeline::timelines(case),
    }
}

fn outcome(case: &Case) -> Outcome {
    let Some(boot) = case.boots.first() else { return outcome_of_stranger(case) };
    match boot.state {
        ClientState::Loaded | ClientState::Idle => Outcome::Booted,
        ClientState::Loading | ClientState::Offered => Outcome::UnderWay,
        ClientState::Asked | ClientState::Refused | ClientState::Silent | ClientState::Failed => Outcome::Failed,
    }
}

/// Of a machine that only wants an address.
fn outcome_of_stranger(case: &Case) -> Outcome {
    use pxeguard_common::dhcp::MessageType::{Ack, Nak};
    let reached = |entry: &&Entry| reply(entry).is_some_and(causes::has_reached);
    let boots = |entry: &Entry| reply(entry).is_some_and(|reply| reply.is_about_booting());
    if case.stranger.iter().filter(reached).any(boots) {
        // By another server: how far it came is not seen here.
        return Outcome::UnderWay;
    }
    match case.stranger.iter().rev().find(reached).and_then(reply).map(|reply| reply.kind) {
        Some(Ack) => Outcome::Booted,
        Some(Nak) => Outcome::Failed,
        Some(_) => Outcome::UnderWay,
        None if case.stranger.is_empty() => Outcome::Unknown,
        None => Outcome::Failed,
    }
}

fn reply(entry: &Entry) -> Option<&Reply> {
    match &entry.what {
        Happened::Replied(reply) => Some(reply),
        _ => None,
    }
}

fn verdict(case: &Case, outcome: Outcome, cause: Option<&str>) -> String {
    let stands = match case.boots.first() {
        Some(boot) => boot.explanation.clone(),
        None if outcome == Outcome::Booted => "it has an address, and did not ask to boot".to_owned(),
        None if outcome == Outcome::Unknown => "nothing was seen of it at a guarded port".to_owned(),
        None => "servers replied to it; what came of that is not seen here".to_owned(),
    };
    match (outcome, cause) {
        (Outcome::Booted, None) => format!("all is well: {stands}"),
        (Outcome::UnderWay, None) => format!("it is under way: {stands}"),
        (_, None) => stands,
        (_, Some(cause)) => format!("{cause} ({stands})"),
    }
}

#[cfg(test)]
mod tests;
