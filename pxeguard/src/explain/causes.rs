//! What can be wrong, each with what speaks for it and what to do.

use std::collections::BTreeSet;

use pxeguard_common::dhcp::MessageType;
use pxeguard_common::net::Mac;
use pxeguard_common::trust::Mode;
use pxeguard_common::verdict::{Reason, Verdict};

use super::timeline::{pauses, who_replied};
use super::{Surroundings, reply};
use crate::clients::{Boot, Case, Checksum, Happened, Reply};
use crate::report::{BootFile, Cause, ClientState, FileResult, Likelihood, Server, printable, size_in_words};
use crate::trust::Trust;

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
    "link",
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
    "wrong_program",
];

/// So many boots in a row that load the same and nothing else are a loop.
const LOOP: usize = 3;

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

    /// The file that it asked for last, if it has none since.
    fn last_file(&self) -> Option<&BootFile> {
        // It may have asked again since, and was not answered.
        let boot = self.boot.filter(|boot| matches!(boot.state, ClientState::Failed | ClientState::Refused))?;
        boot.attempt.files.last()
    }

    fn file_denied(&self) -> Option<Cause> {
        let file = self.last_file().filter(|file| file.result == FileResult::Denied)?;
        let why = file.why.as_deref().unwrap_or_default();
        let (name, via) = (printable(&file.file), file.via.to_uppercase());
        let evidence = vec![format!("it asked for {name} by {via}, and was told: {why}")];
        let is_missing = why.contains("no such file") || why.contains("not found");
        Some(match is_missing {
            true => cause(
                "file_missing",
                Likelihood::Certain,
                &format!("the file {name} is not there"),
                evidence,
                "put it below the boot root, or see what was offered and by whom: pxeguard boot list",
            ),
            false => cause(
                "file_unreadable",
                Likelihood::Certain,
                &format!("the file {name} is there, but is not served: {why}"),
                evidence,
                "see its rights and those of the folders above it (namei -l): the user that pxeguard runs as must read it",
            ),
        })
    }

    fn transfer_broken(&self) -> Option<Cause> {
        let file = self.last_file().filter(|file| file.result == FileResult::Failed)?;
        let why = file.why.as_deref().unwrap_or_default();
        let name = printable(&file.file);
        let len = file.len.map(|len| format!(" of {}", size_in_words(len))).unwrap_or_default();
        let evidence = vec![
            format!("{}{len} arrived by {}: {why}", size_in_words(file.bytes), file.via.to_uppercase()),
            format!("{} datagrams were sent again", file.resent),
        ];
        let next = match file.bytes {
            0 => {
                "nothing of it arrived: look for a firewall between (pxeguard doctor), and for an MTU smaller than the blocks \
                  on the way"
            }
            _ => {
                "look for lost packets on the way (ethtool -S, a full or slow link), or for a client that was switched off"
            }
        };
        Some(cause(
            "transfer_broken",
            Likelihood::Certain,
            &format!("the transfer of {name} broke off"),
            evidence,
            next,
        ))
    }

    fn refused(&self) -> Option<Cause> {
        let boot = self.boot.filter(|boot| boot.state == ClientState::Refused)?;
        let why = boot.attempt.refused.as_deref()?;
        Some(cause(
            "refused",
            Likelihood::Certain,
            &format!("pxeguard has nothing for it: {why}"),
            vec![format!("it asked {} times, and was not answered", boot.attempt.asked + boot.attempt.asked_4011)],
            "see which boot programs there are, and what is wrong with the others: pxeguard boot list",
        ))
    }

    fn dhcp_server_not_trusted(&self) -> Option<Cause> {
        let gives = |reply: &&&Reply| reply.address.is_some() && reply.kind != MessageType::Nak;
        if self.has_address() || self.replies.iter().filter(gives).any(|reply| has_reached(reply)) {
            return None;
        }
        let dropped: Vec<_> = self.replies.iter().filter(gives).copied().collect();
        let Some(first) = dropped.first() else { return self.dropped_meanwhile() };
        let trust = Trust::for_server(first.server, &first.port_name, first.vlan);
        let next = match (first.judgement.reason, trust) {
            (Reason::Spoof, _) => {
                "its MAC address is trusted at another port: if the server has moved, remove the trust and add it anew \
                 (pxeguard trust list)"
                    .to_owned()
            }
            (_, Some(trust)) => format!("if it is yours: pxeguard trust add {trust}"),
            (_, None) => "see pxeguard servers".to_owned(),
        };
        let evidence = who(dropped.iter().copied(), |reply| {
            format!("its address was dropped: {}", reply.judgement.reason.explanation())
        });
        let what = "the only DHCP server that offers it an address is not trusted";
        Some(cause("dhcp_server_not_trusted", Likelihood::Certain, what, evidence, &next))
    }

    /// The same where its replies to this client were too many to be told one by one.
    fn dropped_meanwhile(&self) -> Option<Cause> {
        let server = self.meanwhile(|server| server.dropped > server.pxe && server.offers + server.acks > 0)?;
        let next = server.missing_trust().map(|trust| format!("if it is yours: pxeguard trust add {trust}"));
        let evidence = vec![format!("{} at {}: {} replies were dropped", server.mac, server.port, server.dropped)];
        let what = "no DHCP server that is trusted offers it an address, and one that is not trusted was there";
        Some(cause("dhcp_server_not_trusted", Likelihood::Likely, what, evidence, &next?))
    }

    /// A server that is not trusted, and replied to somebody during the last boot.
    fn meanwhile(&self, is_it: impl Fn(&Server) -> bool) -> Option<&Server> {
        let began = self.boot?.attempt.began;
        self.around.servers.iter().find(|server| !server.trusted && server.last_seen >= began && is_it(server))
    }

    fn bad_checksum(&self) -> Option<Cause> {
        if self.has_address() || !self.asks_in_vain() {
            return None;
        }
        let is_bad = |reply: &&&Reply| reply.checksum != Checksum::Right && reply.address.is_some();
        let bad: Vec<_> = self.replies.iter().filter(is_bad).copied().filter(|reply| has_reached(reply)).collect();
        let first = bad.first()?;
        let next = format!(
            "have the server's host compute it: ethtool -K INTERFACE tx off there (of a guest: its virtio card), or on this host \
             for {}",
            first.port_name
        );
        let evidence = who(bad.iter().copied(), |reply| match reply.checksum {
            Checksum::Uncomputed => "its offer left the UDP checksum to a card that does not compute it".to_owned(),
            _ => "the UDP checksum of its offer is wrong".to_owned(),
        });
        let what = "the DHCP server's offers have a UDP checksum that this client does not take";
        Some(cause("bad_checksum", Likelihood::Likely, what, evidence, &next))
    }

    fn foreign_pxe_responder(&self) -> Option<Cause> {
        let is_foreign = |reply: &&&Reply| reply.address.is_none() && reply.is_about_booting() && has_reached(reply);
        let foreign: Vec<_> = self.replies.iter().filter(is_foreign).copied().collect();
        let Some(first) = foreign.first() else { return self.foreign_meanwhile() };
        let next = match self.around.mode {
            Mode::Observe => {
                "trust your DHCP servers, so that pxeguard drops its replies (pxeguard servers); or switch it off"
            }
            Mode::Enforce => "it is trusted: take the trust away (pxeguard trust list), or switch it off",
        };
        let evidence = who(foreign.iter().copied(), |reply| match &reply.file {
            Some(file) => format!("told it to boot {file}"),
            None => "told it to ask for what there is to boot".to_owned(),
        });
        let what = format!("another PXE server answers it, too: {}", who_replied(first));
        Some(cause("foreign_pxe_responder", Likelihood::Likely, &what, evidence, next))
    }

    /// The same where its replies to this client were too many to be told one by one.
    fn foreign_meanwhile(&self) -> Option<Cause> {
        self.silent()?;
        let server = self.meanwhile(|server| server.pxe > 0 && server.would_drop > 0)?;
        let what = format!("another PXE server answers clients at the same time: {} at {}", server.mac, server.port);
        let evidence = vec![format!("{} replies to PXE clients since {}", server.pxe, server.first_seen)];
        let next = "trust your DHCP servers, so that pxeguard drops its replies (pxeguard servers); or switch it off";
        Some(cause("foreign_pxe_responder", Likelihood::Possible, &what, evidence, next))
    }

    fn option_60(&self) -> Option<Cause> {
        let says_pxe = |reply: &&&Reply| reply.address.is_some() && reply.says_pxe() && has_reached(reply);
        let saying: Vec<_> = self.replies.iter().filter(says_pxe).copied().collect();
        let first = saying.first()?;
        let evidence = who(saying.iter().copied(), |reply| {
            format!("its offer of an address has option 60 {}", reply.class.as_deref().unwrap_or_default())
        });
        let what = format!(
            "the DHCP server {} says by option 60 that it boots PXE clients itself, so that this one asks it on port 4011",
            first.server_id.unwrap_or(first.ip)
        );
        let next = "take option 60 out of the DHCP server's configuration (Windows: delete the option; dnsmasq: no \
                    dhcp-option=60 and no pxe-service); it is for a server that is the PXE server, too";
        Some(cause("option_60_from_dhcp_server", Likelihood::Likely, &what, evidence, next))
    }

    fn second_dhcp_server(&self) -> Option<Cause> {
        let gives = |reply: &&&Reply| reply.address.is_some() && has_reached(reply);
        let giving: Vec<_> = self.replies.iter().filter(gives).copied().collect();
        let servers: BTreeSet<Mac> = giving.iter().map(|reply| reply.server).collect();
        if servers.len() < 2 {
            return None;
        }
        let mut evidence = who(giving.iter().copied(), |reply| match reply.address {
            Some(address) => format!("gives it {address}"),
            None => String::new(),
        });
        if let Some(taken) = self.taken_from() {
            evidence.push(format!("it took the address of {taken}"));
        }
        let next = match self.around.mode {
            Mode::Observe => "trust the one that is yours, so that the other is dropped: pxeguard servers",
            Mode::Enforce => "both are trusted: take the trust of one away (pxeguard trust list), or switch it off",
        };
        let what = format!("{} DHCP servers offer it addresses, and it takes the first or the best", servers.len());
        Some(cause("second_dhcp_server", Likelihood::Likely, &what, evidence, next))
    }

    fn nak(&self) -> Option<Cause> {
        let is_nak = |reply: &&&Reply| reply.kind == MessageType::Nak && has_reached(reply);
        let naks: Vec<_> = self.replies.iter().filter(is_nak).copied().collect();
        let first = naks.first()?;
        let words = first.message.as_deref().map(|words| format!(" (\"{words}\")")).unwrap_or_default();
        let mut evidence = who(naks.iter().copied(), |reply| {
            format!("refuses: {}", reply.message.as_deref().unwrap_or("no reason given"))
        });
        if let Some(taken) = self.taken_from() {
            evidence.push(format!("it had asked for the address of {taken}"));
        }
        let what = format!("a DHCP server refuses the address that it asked for{words}");
        let next = "two servers that do not know of each other do that (\"wrong server-ID\": it took the other one's offer): \
                    switch one off, or trust only one; a server that lost its leases does it once to each client";
        Some(cause("nak", Likelihood::Likely, &what, evidence, next))
    }

    fn no_dhcp_server(&self) -> Option<Cause> {
        let boot = self.boot.filter(|_| !self.has_address() && self.asks_in_vain())?;
        if self.replies.iter().any(|reply| reply.address.is_some()) {
            return None;
        }
        let is_relayed = self.replies.iter().any(|reply| reply.relay.is_some());
        let mut evidence = vec!["no DHCP server's offer of an address came by a guarded port".to_owned()];
        evidence.extend(asked(boot));
        if is_relayed {
            evidence.push("what did come, came by a relay".to_owned());
        }
        let next = "see who answers at all (pxeguard probe --iface BRIDGE); a relay or IP helper must forward to the DHCP \
                    server, and the server must have addresses left; one on this host itself is not seen here";
        Some(cause("no_dhcp_server", Likelihood::Likely, "no DHCP server offers it an address", evidence, next))
    }

    fn dhcp_server_names_file(&self) -> Option<Cause> {
        let names = |reply: &&&Reply| reply.address.is_some() && reply.file.is_some() && has_reached(reply);
        let naming: Vec<_> = self.replies.iter().filter(names).copied().collect();
        let first = naming.first()?;
        let evidence = who(naming.iter().copied(), |reply| {
            format!(
                "names {} at {}",
                reply.file.as_deref().unwrap_or_default(),
                reply.file_server.as_deref().unwrap_or("itself")
            )
        });
        let what = format!(
            "the DHCP server {} names a boot file itself, and this client goes there",
            first.server_id.unwrap_or(first.ip)
        );
        let next =
            "take the boot file (options 66 and 67, next-server, filename) out of the DHCP server's configuration";
        Some(cause("dhcp_server_names_file", Likelihood::Likely, &what, evidence, next))
    }

    fn tftp_blocked(&self) -> Option<Cause> {
        let boot = self.silent()?;
        let file = boot.attempt.offered.as_deref()?;
        let has_asked = boot.attempt.asked_4011 > 0;
        if !has_asked && !self.has_address() {
            return None;
        }
        let mut evidence = vec![format!("it was told {}, and no request for it came", printable(file))];
        if has_asked {
            evidence.push("it came to port 4011 for the file's name, so that it took pxeguard's offer".to_owned());
        }
        let likelihood = if has_asked { Likelihood::Likely } else { Likelihood::Possible };
        let port = if file.starts_with("http") { "the port of HTTP boot" } else { "UDP port 69" };
        let what = format!("a firewall keeps {port} of this host from it");
        Some(cause("tftp_blocked", likelihood, &what, evidence, "see the rules in the way: pxeguard doctor"))
    }

    fn port_4011_unanswered(&self) -> Option<Cause> {
        let boot = self.silent().filter(|boot| boot.attempt.asked_4011 == 0 && boot.attempt.offered.is_none())?;
        let mut evidence = vec!["it was told to ask port 4011, and did not".to_owned()];
        evidence.extend(asked(boot));
        let what = "it does not come to port 4011 of this host: a firewall is in the way, or it took another offer";
        Some(cause(
            "port_4011_unanswered",
            Likelihood::Possible,
            what,
            evidence,
            "pxeguard doctor, and pxeguard probe --boot",
        ))
    }

    fn no_boot_service(&self) -> Option<Cause> {
        (!self.around.boots && self.boot.is_none()).then(|| {
            let evidence = vec!["pxeguard runs without a boot root, or with --no-boot".to_owned()];
            let what = "nothing is booted by this host";
            cause("no_boot_service", Likelihood::Possible, what, evidence, "see --boot-root of pxeguard run")
        })
    }

    fn strategy(&self) -> Option<Cause> {
        let boot = self.silent().filter(|_| self.has_address())?;
        let told = |entry: &crate::clients::Entry| match &entry.what {
            Happened::Answered(answer) => Some(answer.strategy),
            _ => None,
        };
        let tried: BTreeSet<_> = boot.entries.iter().filter_map(told).collect();
        let mut evidence = vec![format!("tried: {}", tried.into_iter().collect::<Vec<_>>().join(", "))];
        evidence.extend(asked(boot));
        let what = "its firmware does not like the way it is answered";
        let next = "let it ask again: it is answered another way then, and what works is kept";
        Some(cause("strategy", Likelihood::Possible, what, evidence, next))
    }

    fn forward_delay(&self) -> Option<Cause> {
        let boot = self.boot.filter(|_| !self.has_address() && self.replies.is_empty())?;
        let what = "the bridge or a switch holds back what it sends in its first seconds (forward delay, no portfast)";
        let next =
            "ip link set BRIDGE type bridge forward_delay 0 stp_state 0, and portfast at the switch: pxeguard doctor";
        Some(cause("forward_delay", Likelihood::Possible, what, asked(boot).into_iter().collect(), next))
    }

    fn boot_loop(&self) -> Option<Cause> {
        let whole = |boot: &Boot| {
            let done: Vec<_> = boot.attempt.files.iter().filter(|file| file.result == FileResult::Done).collect();
            match done[..] {
                [only] => Some(only.file.clone()),
                _ => None,
            }
        };
        let files: Vec<_> = self.case.boots.iter().map_while(whole).collect();
        let file = files.first().filter(|first| files.len() >= LOOP && files.iter().all(|file| file == *first))?;
        let what = format!("it loads {} again and again, and nothing after it", printable(file));
        let evidence = vec![format!("its last {} boots ended so", files.len())];
        let next = "what was loaded does not run there: Secure Boot refuses what is not signed, and a program for another \
                    architecture does not start (pxeguard boot list); or it boots from its disk, and only looks in here";
        Some(cause("boot_loop", Likelihood::Likely, &what, evidence, next))
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
