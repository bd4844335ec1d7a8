//! One client, and its last attempts to boot.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Instant;

use pxeguard_common::arch::Arch;
use pxeguard_common::net::Ifindex;

use super::attempt::{Attempt, News};
use super::case::Boot;
use super::lines::Ration;
use super::remembered::Who;
use super::{Now, Timestamp};
use crate::boot::ArchChoice;
use crate::report::{BootAttempt, BootClient};
use crate::trust::MacAddress;

/// Attempts that are remembered.
const MAX_ATTEMPTS: usize = 3;

/// What is known of a client.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) ip: Option<Ipv4Addr>,
    pub(super) lines: Ration,
    /// Repeated questions since the last line about it.
    pub(super) untold: u64,
    place: Option<(Ifindex, u16)>,
    first_seen: Timestamp,
    last_seen: Timestamp,
    last_instant: Instant,
    /// The newest last; never empty.
    attempts: VecDeque<Attempt>,
}

impl Client {
    pub(super) fn new(now: Now) -> Self {
        Self {
            ip: None,
            lines: Ration::of_client(now.instant),
            untold: 0,
            place: None,
            first_seen: now.time,
            last_seen: now.time,
            last_instant: now.instant,
            attempts: [Attempt::new(now)].into(),
        }
    }

    /// It was heard of.
    pub(super) fn seen(&mut self, now: Now) {
        (self.last_seen, self.last_instant) = (now.time, now.instant);
    }

    pub(super) fn last_instant(&self) -> Instant {
        self.last_instant
    }

    /// The attempt that goes on.
    pub(super) fn attempt(&mut self) -> &mut Attempt {
        self.attempts.back_mut().expect("a client begins with an attempt, and the last is never removed")
    }

    fn last(&self) -> &Attempt {
        self.attempts.back().expect("a client begins with an attempt, and the last is never removed")
    }

    /// It asks, which may begin another attempt.
    pub(super) fn ask(
        &mut self,
        place: (Ifindex, u16),
        arch: Option<Arch>,
        kind: &'static str,
        message: &'static str,
        now: Now,
    ) -> News {
        self.place = Some(place);
        if self.last().is_over(kind, now) {
            let replied = self.attempt().just_replied(now);
            if self.attempts.len() == MAX_ATTEMPTS {
                self.attempts.pop_front();
            }
            self.attempts.push_back(Attempt::new(now));
            let news = self.attempt().ask(arch, kind, message, now);
            self.attempt().was_replied(replied, now);
            return news;
        }
        self.attempt().ask(arch, kind, message, now)
    }

    /// What is shown of it, without its attempts; `name_of` is the name of an interface.
    pub(super) fn summary(&self, who: Who, now: Now, name_of: impl FnOnce(Ifindex) -> String) -> BootClient {
        let last = self.last();
        let (state, explanation) = last.state(now);
        let file = last.file();
        let answer = last.answer.as_ref();
        let offered = answer.and_then(|answer| answer.file.as_deref());
        BootClient {
            mac: who.mac().map(MacAddress),
            ip: self.ip,
            arch: last.arch.map(arch_name),
            kind: last.kind.map(str::to_owned),
            iface: self.place.map(|(iface, _)| name_of(iface)),
            vlan: self.place.map(|(_, vlan)| vlan).filter(|vlan| *vlan != 0),
            state,
            explanation,
            strategy: answer.map(|answer| answer.strategy.to_owned()),
            file: file.map(|file| &*file.name).or(offered).map(str::to_owned),
            bytes: file.map(|file| file.bytes),
            len: file.and_then(|file| file.len),
            rate: file.and_then(|file| file.rate(now)),
            resent: file.map_or(0, |file| file.resent),
            first_seen: self.first_seen,
            last_seen: self.last_seen,
            attempts: Vec::new(),
        }
    }

    /// All that is known of its boots, the newest first.
    pub(super) fn boots(&self, now: Now) -> Vec<Boot> {
        self.attempts.iter().rev().map(|attempt| attempt.boot(now)).collect()
    }

    /// Its attempts, the newest first.
    pub(super) fn attempts(&self, now: Now) -> Vec<BootAttempt> {
        self.attempts.iter().rev().map(|attempt| attempt.report(now)).collect()
    }
}

/// The platform's name, or the number of one that is in no table.
pub(super) fn arch_name(arch: Arch) -> String {
    arch.platform().map_or_else(|| ArchChoice::Number(arch).to_string(), |platform| platform.name().to_owned())
}

/// An interface's name, or its number where it is gone.
pub(super) fn iface_name(iface: Ifindex) -> String {
    let name = nix::net::if_::if_indextoname(iface.0).ok().and_then(|name| name.into_string().ok());
    name.unwrap_or_else(|| format!("#{}", iface.0))
}
