//! What each step changes.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use pxeguard_common::net::Mac;

use super::attempt::Answer;
use super::client::{Client, iface_name};
use super::counts::BootCounts;
use super::lines::{Line, Log, Teller};
use super::remembered::{Remembered, Who};
use super::step::{Ending, Step, TransferId};
use super::{Fetched, Now};
use crate::boot::Via;
use crate::report::BootClient;

/// Addresses of which it is known who has them.
const MAX_ADDRESSES: NonZeroUsize = NonZeroUsize::new(16_384).expect("not 0");

/// Files in a report, some 350 bytes each, as the control socket takes no more than 64 MiB; clients beyond are shown
/// without their attempts.
const MAX_REPORTED_FILES: usize = 100_000;

/// The clients, what is counted, and what is left to be told.
pub(super) struct Table {
    pub(super) counts: BootCounts,
    log: Log,
    clients: Remembered,
    addresses: LruCache<Ipv4Addr, Mac>,
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
                self.of(Who::Mac(*mac), now, |teller| {
                    let news = teller.client.ask((*iface, *vlan), *arch, kind, message, now);
                    teller.asked(news, *iface, *vlan, message)
                })
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
            Step::Addressed { mac, ip } => {
                self.addresses.put(*ip, *mac);
                // Somebody who only wants an address does not boot.
                if let Some(client) = self.clients.known(Who::Mac(*mac)) {
                    client.ip = Some(*ip);
                    client.attempt().address();
                }
                Taken { mac: Some(*mac), ..Taken::default() }
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
        let taken = self.of(transfer.who, now, |teller| {
            let file = teller.client.attempt().progress(id, bytes, resent, now).map(|file| {
                file.end(ending);
                file.clone()
            });
            teller.ended(file.as_ref())
        });
        let mac = transfer.who.mac().filter(|_| has_fetched);
        Taken { fetched: mac.map(|mac| Fetched { mac, file: transfer.file, is_whole }), ..taken }
    }

    /// Tells of a client that is heard of now.
    fn of(&mut self, who: Who, now: Now, tell: impl FnOnce(&mut Teller<'_>) -> Option<Line>) -> Taken {
        let client = self.clients.heard_of(who, now);
        let line = tell(&mut Teller { who, client, log: &mut self.log, now });
        Taken { mac: who.mac(), line, fetched: None }
    }

    /// The clients, the one heard of last first.
    pub(super) fn report(&self, now: Now) -> Vec<BootClient> {
        let mut clients: Vec<_> = self.clients.iter().collect();
        clients.sort_by_key(|(_, client)| Reverse(client.last_instant()));
        let mut names = HashMap::new();
        let mut files = 0;
        let report = |(who, client): (Who, &Client)| {
            let name_of = |iface| names.entry(iface).or_insert_with(|| iface_name(iface)).clone();
            let mut report = client.report(who, now, name_of);
            files += report.attempts.iter().map(|attempt| attempt.files.len()).sum::<usize>();
            if files > MAX_REPORTED_FILES {
                report.attempts.clear();
            }
            report
        };
        clients.into_iter().map(report).collect()
    }

    /// Lines about those that were answered and have not come for their file, and about what was not told.
    pub(super) fn look(&mut self, now: Now) -> Vec<Line> {
        let Self { clients, log, .. } = self;
        let mut lines = Vec::new();
        for (who, client) in clients.iter_mut() {
            // A probe asks as all kinds of clients, and loads nothing.
            let is_probe = who.mac().is_some_and(crate::probe::is_probe);
            if let Some(words) = client.attempt().newly_silent(now).filter(|_| !is_probe) {
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
