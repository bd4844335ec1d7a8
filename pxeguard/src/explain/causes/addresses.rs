//! What keeps a client from an address.

use std::collections::BTreeSet;

use pxeguard_common::dhcp::MessageType;
use pxeguard_common::net::Mac;
use pxeguard_common::trust::Mode;
use pxeguard_common::verdict::Reason;

use super::{Findings, asked, cause, has_reached, who};
use crate::clients::{Checksum, Reply};
use crate::report::{Cause, Likelihood};
use crate::trust::Trust;

impl Findings<'_> {
    pub(super) fn dhcp_server_not_trusted(&self) -> Option<Cause> {
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

    pub(super) fn second_dhcp_server(&self) -> Option<Cause> {
        let gives = |reply: &&&Reply| reply.address.is_some() && has_reached(reply);
        let giving: Vec<_> = self.replies.iter().filter(gives).copied().collect();
        let servers: BTreeSet<Mac> = giving.iter().map(|reply| reply.server).collect();
        let unseen = self.taken_unseen();
        let count = servers.len() + usize::from(unseen.is_some());
        if count < 2 {
            return None;
        }
        let mut evidence = who(giving.iter().copied(), |reply| match reply.address {
            Some(address) => format!("gives it {address}"),
            None => String::new(),
        });
        if let Some(taken) = self.taken_from() {
            evidence.push(format!("it took the address of {taken}"));
        }
        if let Some(unseen) = unseen {
            evidence
                .push(format!("no offer of {unseen} came by a guarded port: it is on this host, or it was not told"));
        }
        let next = match self.around.mode {
            Mode::Observe => "trust the one that is yours, so that the other is dropped: pxeguard servers",
            Mode::Enforce => "both are trusted: take the trust of one away (pxeguard trust list), or switch it off",
        };
        let what = format!("{count} DHCP servers offer it addresses, and it takes the first or the best");
        Some(cause("second_dhcp_server", Likelihood::Likely, &what, evidence, next))
    }

    pub(super) fn nak(&self) -> Option<Cause> {
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

    pub(super) fn bad_checksum(&self) -> Option<Cause> {
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

    pub(super) fn no_dhcp_server(&self) -> Option<Cause> {
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

    pub(super) fn forward_delay(&self) -> Option<Cause> {
        let boot = self.boot.filter(|_| !self.has_address() && self.replies.is_empty())?;
        let what = "the bridge or a switch holds back what it sends in its first seconds (forward delay, no portfast)";
        let next =
            "ip link set BRIDGE type bridge forward_delay 0 stp_state 0, and portfast at the switch: pxeguard doctor";
        Some(cause("forward_delay", Likelihood::Possible, what, asked(boot).into_iter().collect(), next))
    }
}
