//! What each step changes.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use pxeguard_common::net::Mac;

use super::attempt::{Answer, JUST_NOW};
use super::case::Case;
use super::client::{Client, iface_name};
use super::counts::{BootCounts, Outcome};
use super::lines::{Line, Log, Teller};
use super::remembered::{Remembered, Who};
use super::step::{Ending, Step, TransferId};
use super::story::{Happened, Story};
use super::{Fetched, Now};
use crate::boot::Via;
use crate::report::{BootAttempt, BootClient};

/// Addresses of which it is known who has them.
const MAX_ADDRESSES: NonZeroUsize = NonZeroUsize::new(16_384).expect("not 0");

/// Machines that do not boot, to which servers have replied.
const MAX_STRANGERS: NonZeroUsize = NonZeroUsize::new(1024).expect("not 0");

/// Files in a report, some 350 bytes each, as the control socket takes no more than 64 MiB; clients beyond are shown
/// without their attempts.
const MAX_REPORTED_FILES: usize = 100_000;

/// The clients, what is counted, and what is left to be told.
pub(super) struct Table {
    pub(super) counts: BootCounts,
    log: Log,
    clients: Remembered,
    addresses: LruCache<Ipv4Addr, Mac>,
    /// What servers said to machines that do not boot, as far as is known.
    strangers: LruCache<Mac, Story>,
    /// As many as the services allow at once.
    transfers: HashMap<TransferId, Transfer>,
}

/// A transfer that goes on, also one of a client that is forgotten.
struct Transfer {
    who: Who,
    via: Via,
    file: Arc<str>,
    len: u64,
    bytes: u64,
    resent: u64,
}

/// What follows from a step.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) mac: Option<Mac>,
    pub(super) line: Option<Line>,
    pub(super) fetched: Option<Fetched>,
}

impl Table {
    pub(super) fn new(now: Now) -> Self {
        Self {
            counts: BootCounts::default(),
            log: Log::new(now),
            clients: Remembered::default(),
            addresses: LruCache::new(MAX_ADDRESSES),
            strangers: LruCache::new(MAX_STRANGERS),
            transfers: HashMap::new(),
        }
    }

    /// The client that has, or wants, this address, by its own DHCP messages.
    pub(super) fn mac_of(&mut self, ip: Ipv4Addr) -> Option<Mac> {
        self.addresses.get(&ip).copied()
    }

    /// Takes over a step; `who` is whom a step that names no Ethernet address is about.
    pub(super) fn take(&mut self, step: &Step, who: Option<Who>, now: Now) -> Taken {
        match step {
            Step::Asked { mac, iface, vlan, arch, kind, message } => {
                self.counts.asked(*arch, kind);
                let mut begins = false;
                let taken = self.of(Who::Mac(*mac), now, |teller| {
                    let news = teller.client.ask((*iface, *vlan), *arch, kind, message, now);
                    begins = teller.client.attempt().begins();
                    teller.asked(news, *iface, *vlan, message)
                });
                self.meet(*mac, now);
                if begins {
                    self.counts.began(*arch);
                }
                taken
            }
            Step::Answered { mac, message, strategy, file } => {
                self.counts.answered(strategy);
                let answer = Answer { message, strategy, file: file.clone() };
                self.of(Who::Mac(*mac), now, |teller| {
                    let news = teller.client.attempt().answer(answer.clone(), now);
                    teller.answered(news, &answer)
                })
            }
            Step::Refused { mac, why } => {
                self.counts.refused += 1;
                self.of(Who::Mac(*mac), now, |teller| {
                    let news = teller.client.attempt().refuse(why, now);
                    teller.refused(news, why)
                })
            }
            Step::Addressed { mac, ip, server } => {
                self.addresses.put(*ip, *mac);
                // Somebody who only wants an address does not boot.
                if let Some(client) = self.clients.known(Who::Mac(*mac)) {
                    client.ip = Some(*ip);
                    client.attempt().address(*ip, *server, now);
                }
                Taken { mac: Some(*mac), ..Taken::default() }
            }
            Step::Replied(reply) => {
                match self.clients.known(Who::Mac(reply.client)) {
                    Some(client) => client.attempt().replied(reply.clone(), now),
                    // Somebody who only wants an address, or whose question is told a moment later.
                    None => self
                        .strangers
                        .get_or_insert_mut(reply.client, Story::default)
                        .add(Happened::Replied(reply.clone()), now.time),
                }
                Taken { mac: Some(reply.client), ..Taken::default() }
            }
            Step::Started { id, ip, via, file, len } => {
                self.counts.started(*via);
                let who = who.unwrap_or(Who::Ip(*ip));
                let transfer = Transfer { who, via: *via, file: file.clone(), len: *len, bytes: 0, resent: 0 };
                self.transfers.insert(*id, transfer);
                self.of(who, now, |teller| {
                    teller.client.ip = Some(*ip);
                    teller.client.attempt().start(*id, *via, file, *len, now);
                    teller.started(*via, file, *len)
                })
            }
            Step::Progress { id, bytes, resent } => {
                let Some(transfer) = self.transfers.get_mut(id) else { return Taken::default() };
                transfer.arrived(*bytes, *resent, &mut self.counts);
                let who = transfer.who;
                if *bytes > 0 {
                    self.clients.has_fetched(who);
                }
                self.of(who, now, |teller| {
                    let file = teller.client.attempt().progress(*id, *bytes, *resent, now).cloned();
                    teller.progress(file.as_ref())
                })
            }
            Step::Ended { id, bytes, resent, ending } => match self.transfers.remove(id) {
                Some(transfer) => self.end(transfer, *id, (*bytes, *resent), ending, now),
                None => Taken::default(),
            },
            Step::Denied { ip, via, file, why } => {
                self.counts.denied(*via);
                self.of(who.unwrap_or(Who::Ip(*ip)), now, |teller| {
                    teller.client.ip = Some(*ip);
                    let news = teller.client.attempt().deny(*via, file, why, now);
                    teller.denied(news, *via, file, why)
                })
            }
        }
    }

    /// What servers said to a client a moment before its first question was told.
    fn meet(&mut self, mac: Mac, now: Now) {
        if let Some(mut story) = self.strangers.pop(&mac) {
            self.clients.heard_of(Who::Mac(mac), now).attempt().was_replied(story.split_off(now.time, JUST_NOW), now);
        }
    }

    /// All that is known of a client.
    pub(super) fn case(&self, mac: Mac, now: Now) -> Case {
        let client = self.clients.peek(Who::Mac(mac));
        let boots = client.as_ref().map(|client| client.boots(now)).unwrap_or_default();
        let client = client.map(|client| client.summary(Who::Mac(mac), now, iface_name));
        let stranger = self.strangers.peek(&mac).map(Story::entries).unwrap_or_default().0;
        Case { mac, now: now.time, client, boots, stranger }
    }

    fn end(
        &mut self,
        mut transfer: Transfer,
        id: TransferId,
        (bytes, resent): (u64, u64),
        ending: &Ending,
        now: Now,
    ) -> Taken {
        transfer.arrived(bytes, resent, &mut self.counts);
        self.counts.ended(transfer.via, ending);
        let is_whole = *ending == Ending::Done && bytes >= transfer.len;
        let has_fetched = *ending != Ending::Probe && (bytes > 0 || is_whole);
        if has_fetched {
            self.clients.has_fetched(transfer.who);
        }
        let outcome = match ending {
            Ending::Done if is_whole => Some(Outcome::Loaded),
            Ending::Failed(_) => Some(Outcome::Failed),
            _ => None,
        };
        let mut counted = None;
        let taken = self.of(transfer.who, now, |teller| {
            let attempt = teller.client.attempt();
            counted = outcome.filter(|outcome| attempt.comes_to(*outcome)).map(|outcome| (attempt.arch, outcome));
            let file = attempt.progress(id, bytes, resent, now).map(|file| {
                file.end(ending);
                file.clone()
            });
            teller.ended(file.as_ref())
        });
        if let Some((arch, outcome)) = counted {
            self.counts.came_to(arch, outcome);
        }
        let mac = transfer.who.mac().filter(|_| has_fetched);
        Taken { fetched: mac.map(|mac| Fetched { mac, file: transfer.file, is_whole }), ..taken }
    }

    /// Tells of a client that is heard of now.
    fn of(&mut self, who: Who, now: Now, tell: impl FnOnce(&mut Teller<'_>) -> Option<Line>) -> Taken {
        let client = self.clients.heard_of(who, now);
        let line = tell(&mut Teller { who, client, log: &mut self.log, now });
        Taken { mac: who.mac(), line, fetched: None }
    }

    pub(super) fn macs(&self) -> Vec<(Mac, bool)> {
        self.clients.macs()
    }

    /// The clients, the one heard of last first.
    pub(super) fn report(&self, now: Now) -> Vec<BootClient> {
        let mut files = 0;
        self.reports(now, |client| {
            let mut attempts = client.attempts(now);
            files += attempts.iter().map(|attempt| attempt.files.len()).sum::<usize>();
            if files > MAX_REPORTED_FILES {
                attempts.clear();
            }
            attempts
        })
    }

    /// The same without their attempts.
    pub(super) fn summaries(&self, now: Now) -> Vec<BootClient> {
        self.reports(now, |_| Vec::new())
    }

    fn reports(&self, now: Now, mut attempts_of: impl FnMut(&Client) -> Vec<BootAttempt>) -> Vec<BootClient> {
        let mut clients: Vec<_> = self.clients.iter().collect();
        clients.sort_by_key(|(_, client)| Reverse(client.last_instant()));
        let mut names = HashMap::new();
        let report = |(who, client): (Who, &Client)| {
            let name_of = |iface| names.entry(iface).or_insert_with(|| iface_name(iface)).clone();
            BootClient { attempts: attempts_of(client), ..client.summary(who, now, name_of) }
        };
        clients.into_iter().map(report).collect()
    }

    /// Lines about those that were answered and have not come for their file, and about what was not told.
    pub(super) fn look(&mut self, now: Now) -> Vec<Line> {
        let Self { clients, log, counts, .. } = self;
        let mut lines = Vec::new();
        for (who, client) in clients.iter_mut() {
            // A probe asks as all kinds of clients, and loads nothing.
            let is_probe = who.mac().is_some_and(crate::probe::is_probe);
            if let Some(words) = client.attempt().newly_silent(now).filter(|_| !is_probe) {
                let attempt = client.attempt();
                if attempt.comes_to(Outcome::Silent) {
                    counts.came_to(attempt.arch, Outcome::Silent);
                }
                lines.extend(Teller { who, client, log: &mut *log, now }.silent(&words));
            }
        }
        lines.extend(log.untold());
        lines
    }
}

impl Transfer {
    /// Counts what has arrived since the last time; what is told late, or twice, counts once.
    fn arrived(&mut self, bytes: u64, resent: u64, counts: &mut BootCounts) {
        counts.arrived(self.via, bytes.saturating_sub(self.bytes), resent.saturating_sub(self.resent));
        (self.bytes, self.resent) = (bytes.max(self.bytes), resent.max(self.resent));
    }
}
