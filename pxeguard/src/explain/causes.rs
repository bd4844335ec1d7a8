//! What can be wrong, each with what speaks for it and what to do.

mod addresses;
mod booting;
mod files;

use pxeguard_common::dhcp::MessageType;
use pxeguard_common::verdict::Verdict;

use super::timeline::{pauses, who_replied};
use super::{Surroundings, reply};
use crate::clients::{Boot, Case, Happened, Reply};
use crate::report::{Cause, ClientState, Likelihood, Server};

/// The names of all causes; they do not change.
#[cfg(test)]
pub(super) const NAMES: &[&str] = &[
    "bad_checksum",
    "boot_loop",
    "dhcp_server_names_file",
    "dhcp_server_not_trusted",
    "file_missing",
    "file_unreadable",
    "foreign_pxe_responder",
    "forward_delay",
    "nak",
    "no_boot_service",
    "no_dhcp_server",
    "not_heard",
    "option_60_from_dhcp_server",
    "port_4011_unanswered",
    "refused",
    "second_dhcp_server",
    "strategy",
    "tftp_blocked",
    "transfer_broken",
];

/// So many questions: clients listen for an answer for four seconds, then for eight (RFC 2131 §4.1).
const IN_VAIN: usize = 3;

/// Whether a reply was let through to its client.
pub(super) fn has_reached(reply: &Reply) -> bool {
    reply.judgement.verdict != Verdict::Drop
}

/// What was seen of the last boot, put in order.
pub(super) struct Findings<'a> {
    case: &'a Case,
    around: &'a Surroundings,
    boot: Option<&'a Boot>,
    replies: Vec<&'a Reply>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(case: &'a Case, around: &'a Surroundings) -> Self {
        let boot = case.boots.first();
        let entries = boot.map_or(&case.stranger, |boot| &boot.entries);
        Self { case, around, boot, replies: entries.iter().filter_map(reply).collect() }
    }

    /// It has what it asked for: is it well?
    pub(super) fn of_booted(&self) -> Vec<Cause> {
        self.boot_loop().into_iter().collect()
    }

    /// Nothing was seen of it.
    pub(super) fn of_unknown(&self) -> Vec<Cause> {
        vec![cause(
            "not_heard",
            Likelihood::Possible,
            "nothing that it sent came by a guarded port",
            vec!["it is not among those that asked since this was kept".to_owned()],
            "see that it boots from the network, that its port is in a guarded bridge (pxeguard ports), and that the bridge \
             has no forward delay (pxeguard doctor); a relay must forward to this host, too",
        )]
    }

    /// It has not got what it asked for.
    pub(super) fn of_failed(&self) -> Vec<Cause> {
        let about_files = [self.file_denied(), self.transfer_broken()];
        // Whoever has got as far as a file has no use for guesses about what came before.
        if about_files.iter().any(Option::is_some) {
            return about_files.into_iter().flatten().collect();
        }
        let found = [
            self.refused(),
            self.dhcp_server_not_trusted(),
            self.foreign_pxe_responder(),
            self.option_60(),
            self.second_dhcp_server(),
            self.nak(),
            self.bad_checksum(),
            self.no_dhcp_server(),
            self.dhcp_server_names_file(),
            self.tftp_blocked(),
            self.port_4011_unanswered(),
            self.no_boot_service(),
            self.strategy(),
            self.forward_delay(),
        ];
        found.into_iter().flatten().collect()
    }

    /// A server that is not trusted, and replied to somebody during the last boot.
    fn meanwhile(&self, is_it: impl Fn(&Server) -> bool) -> Option<&Server> {
        let began = self.boot?.attempt.began;
        self.around.servers.iter().find(|server| !server.trusted && server.last_seen >= began && is_it(server))
    }

    /// Whether it has asked so often that no answer can be on the way any more; or has given up.
    fn asks_in_vain(&self) -> bool {
        let boot_asks = |boot: &Boot| boot.state == ClientState::Silent || boot.questions.len() >= IN_VAIN;
        // Of a machine that does not boot the questions are not seen, but the offers are.
        let offers =
            || self.case.stranger.iter().filter(|entry| reply(entry).is_some()).map(|entry| entry.times).sum::<u64>();
        self.boot.map_or_else(|| offers() >= IN_VAIN as u64, boot_asks)
    }

    /// The last boot, if the client was answered and has not come for its file.
    fn silent(&self) -> Option<&Boot> {
        self.boot.filter(|boot| boot.state == ClientState::Silent)
    }

    /// Whether it was seen to take an address, or to have one confirmed.
    fn has_address(&self) -> bool {
        let confirms = |reply: &&Reply| reply.kind == MessageType::Ack && reply.address.is_some() && has_reached(reply);
        self.boot.is_some_and(|boot| boot.has_address) || self.replies.iter().any(confirms)
    }

    /// The server whose address it took, where it said so.
    fn taken_from(&self) -> Option<std::net::Ipv4Addr> {
        let entries = self.boot.map_or(&self.case.stranger, |boot| &boot.entries);
        entries.iter().rev().find_map(|entry| match entry.what {
            Happened::Took { server, .. } => server,
            _ => None,
        })
    }

    /// The same where no reply of that server's was seen.
    fn taken_unseen(&self) -> Option<std::net::Ipv4Addr> {
        let is_of = |reply: &Reply, server| reply.server_id == Some(server) || reply.ip == server;
        self.taken_from().filter(|taken| !self.replies.iter().any(|reply| is_of(reply, *taken)))
    }
}

fn cause(name: &str, likelihood: Likelihood, what: &str, evidence: Vec<String>, next: &str) -> Cause {
    Cause { cause: name.to_owned(), likelihood, what: what.to_owned(), evidence, next: next.to_owned() }
}

/// Each server once, and what is said of it.
fn who<'a>(replies: impl Iterator<Item = &'a Reply>, what: impl Fn(&Reply) -> String) -> Vec<String> {
    let mut told = Vec::new();
    for reply in replies {
        let line = format!("{}: {}", who_replied(reply), what(reply));
        if !told.contains(&line) {
            told.push(line);
        }
    }
    told
}

/// How it asked again and again.
fn asked(boot: &Boot) -> Option<String> {
    let pauses = pauses(&boot.questions)?;
    Some(format!("it asked {} times, {pauses}: it was content with no answer", boot.questions.len()))
}
