//! What of all that the guard sees is an alert.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use pxeguard_common::dhcp::MessageType;
use pxeguard_common::event::{Event, EventHead};
use pxeguard_common::net::Ifindex;
use pxeguard_common::trust::{Class, Standing};
use pxeguard_common::verdict::{Judgement, Reason, Verdict};

use super::guard::Guard;
use crate::alerts::{Answering, Change, Key, Sight};
use crate::clients::Reply;
use crate::report::AlertKind;
use crate::time::Timestamp;
use crate::trust::{MacAddress, Trust};

/// How often alerts are looked at while there is something to look for; else it is done with the other slow things.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(2);
/// So long after a reply there is: longer than a server that falls silent is waited for.
const WATCHFUL: Duration = Duration::from_secs(60);

impl Guard {
    /// A reply was told.
    pub(super) fn see_reply(&mut self, head: &EventHead, judgement: Judgement, port: &str, reply: Option<&Reply>) {
        self.heard_reply = Some(Instant::now());
        let server = head.server;
        let key = |kind| Key { kind, port: Ifindex(server.port), mac: Some(server.mac), vlan: server.vlan };
        let (now, count) = (Instant::now(), head.untold + 1);
        if MessageType::of(head.type_code as u8) == MessageType::Nak
            && judgement.verdict != Verdict::Drop
            && self.alerts.refuses(Ifindex(server.port), server.mac, server.vlan, count, now)
        {
            self.see(key(AlertKind::NakStorm), nak_storm(head, port, reply, count));
        }
        // Seen where it would leave: by which port it came in is not known yet.
        if judgement.reason.passes() || head.flags & Event::AT_EGRESS != 0 {
            return;
        }
        let kind = match judgement.reason {
            Reason::Spoof => AlertKind::Spoof,
            _ if reply.is_some_and(|reply| reply.address.is_none() && reply.is_about_booting()) => {
                AlertKind::ForeignPxeResponder
            }
            _ => AlertKind::UntrustedServer,
        };
        self.see(key(kind), foreign(kind, head, judgement, port, reply, count));
    }

    /// A flood comes in by a port.
    pub(super) fn see_flood(&mut self, port: Ifindex) {
        let name = self.port_name(port.0);
        let sight = Sight {
            message: format!("DHCP clients behind {name} send more than its limit allows"),
            next: "find the machine that asks without end; an uplink with very many machines needs a higher limit \
                   ([limits] in the configuration)"
                .to_owned(),
            count: 1,
            port: name,
        };
        self.see(flood(port), sight);
    }

    /// Whether there is something to look for often: on a quiet network nothing wakes for it.
    pub(super) fn is_watchful(&self) -> bool {
        self.alerts.is_any_open() || self.heard_reply.is_some_and(|heard| heard.elapsed() < WATCHFUL)
    }

    /// Looks at what is over, and at who is silent.
    pub(super) fn look_at_alerts(&mut self) {
        let (now, time) = (Instant::now(), Timestamp::now());
        let mut changes = self.alerts.look(now, time);
        let floods = self.alerts.open_of(AlertKind::Flood);
        let over = floods.into_iter().filter(|key| !self.floods.is_going_on(key.port)).collect::<Vec<_>>();
        changes.extend(over.into_iter().filter_map(|key| self.alerts.close(key, time)));
        changes.into_iter().for_each(|change| self.tell_alert(change));
        if let Err(error) = self.look_for_silence(now, time) {
            log::error!("cannot see whether trusted servers answer: {:#}", anyhow::Error::from(error));
        }
    }

    fn look_for_silence(&mut self, now: Instant, time: Timestamp) -> Result<(), crate::dataplane::DataPlaneError> {
        if self.trusts.is_empty() {
            return Ok(());
        }
        let gives_addresses = |key: &_| matches!(self.standing(key), Standing::Trusted(Class::Dhcp));
        let rows = self.plane.maps.servers()?;
        let answering: Vec<_> = rows
            .iter()
            .filter(|(key, row)| gives_addresses(key) && row.of_verdict(Verdict::Pass) > row.pxe)
            .map(|(key, row)| Answering { port: Ifindex(key.port), mac: key.mac, vlan: key.vlan, replies: row.total() })
            .collect();
        let messages = self.client_messages()?;
        let silent = self.silences.look(&answering, messages.passed + messages.would_cut, now);
        let kind = AlertKind::TrustedServerSilent;
        let key = |server: &Answering| Key { kind, port: server.port, mac: Some(server.mac), vlan: server.vlan };
        let are: Vec<_> = silent.iter().map(|(server, _)| key(server)).collect();
        for gone in self.alerts.open_of(kind).into_iter().filter(|open| !are.contains(open)) {
            self.alerts.close(gone, time).into_iter().for_each(|change| self.tell_alert(change));
        }
        for (server, unanswered) in silent {
            let port = self.port_name(server.port.0);
            let sight = Sight {
                message: format!(
                    "the trusted server {} at {port} left {unanswered} messages of clients unanswered",
                    MacAddress(server.mac)
                ),
                next: "see whether it runs, has addresses left, and is still behind that port: pxeguard probe"
                    .to_owned(),
                count: 0,
                port,
            };
            self.see(key(&server), sight);
        }
        Ok(())
    }

    fn see(&mut self, key: Key, sight: Sight) {
        if let Some(change) = self.alerts.see(key, sight, Instant::now(), Timestamp::now()) {
            self.tell_alert(change);
        }
    }

    fn tell_alert(&self, change: Change) {
        match &change {
            Change::Opened(alert) => {
                log::warn!("alert {} ({}): {}; {}", alert.kind.name(), alert.subject, alert.message, alert.next);
            }
            Change::Closed(alert) => log::info!("alert {} ({}) is over", alert.kind.name(), alert.subject),
        }
        if let Some(hooks) = self.hooks.as_ref().filter(|_| self.config.alerts.hook.is_some()) {
            hooks.tell(change);
        }
    }
}

fn flood(port: Ifindex) -> Key {
    Key { kind: AlertKind::Flood, port, mac: None, vlan: 0 }
}

fn nak_storm(head: &EventHead, port: &str, reply: Option<&Reply>, count: u64) -> Sight {
    let why = reply.and_then(|reply| reply.message.as_deref());
    let why = why.map(|why| format!(" (\"{why}\")")).unwrap_or_default();
    Sight {
        port: port.to_owned(),
        message: format!("{} refuses one address after the other{why}", MacAddress(head.server.mac)),
        next:
            "two servers may share a network, or one has lost its leases: of a failover pair, both must know the other"
                .to_owned(),
        count,
    }
}

fn foreign(
    kind: AlertKind,
    head: &EventHead,
    judgement: Judgement,
    port: &str,
    reply: Option<&Reply>,
    count: u64,
) -> Sight {
    let server = &head.server;
    let what = match (kind, reply) {
        (_, Some(Reply { address: Some(address), .. })) => format!("offers {address}"),
        (AlertKind::ForeignPxeResponder, Some(Reply { file: Some(file), .. })) => {
            format!("tells PXE clients to boot {file}")
        }
        (AlertKind::ForeignPxeResponder, _) => "answers PXE clients".to_owned(),
        _ => "replies to DHCP clients".to_owned(),
    };
    let done = match judgement.verdict {
        Verdict::Drop => "its replies are dropped",
        _ => "its replies reach clients, because the mode is to observe",
    };
    let trust = (judgement.reason == Reason::Untrusted).then(|| Trust::for_server(server.mac, port, server.vlan));
    let next = match trust.flatten() {
        Some(trust) => format!("if it is yours: pxeguard trust add {trust}; if not, switch it off"),
        None => "find the machine behind that port".to_owned(),
    };
    Sight {
        port: port.to_owned(),
        message: format!(
            "{} (ip {}) {what}; {}: {done}",
            MacAddress(server.mac),
            Ipv4Addr::from(server.source),
            judgement.reason.explanation()
        ),
        next,
        count,
    }
}
