//! What keeps a client that asks from the right file.

use std::collections::BTreeSet;

use pxeguard_common::trust::Mode;

use super::super::timeline::who_replied;
use super::{Findings, asked, cause, has_reached, who};
use crate::clients::{Entry, Happened, Reply};
use crate::report::{Cause, ClientState, Likelihood, printable};

impl Findings<'_> {
    pub(super) fn refused(&self) -> Option<Cause> {
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

    pub(super) fn foreign_pxe_responder(&self) -> Option<Cause> {
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

    pub(super) fn option_60(&self) -> Option<Cause> {
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

    pub(super) fn dhcp_server_names_file(&self) -> Option<Cause> {
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

    pub(super) fn tftp_blocked(&self) -> Option<Cause> {
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

    pub(super) fn port_4011_unanswered(&self) -> Option<Cause> {
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

    pub(super) fn no_boot_service(&self) -> Option<Cause> {
        (!self.around.boots && self.boot.is_none()).then(|| {
            let evidence = vec!["pxeguard runs without a boot root, or with --no-boot".to_owned()];
            let what = "nothing is booted by this host";
            cause("no_boot_service", Likelihood::Possible, what, evidence, "see --boot-root of pxeguard run")
        })
    }

    pub(super) fn strategy(&self) -> Option<Cause> {
        let boot = self.silent().filter(|_| self.has_address())?;
        let told = |entry: &Entry| match &entry.what {
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
}
