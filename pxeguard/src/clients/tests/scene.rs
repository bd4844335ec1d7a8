//! Clients that are told steps, by a clock that is set.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use pxeguard_common::arch::Arch;
use pxeguard_common::net::{Ifindex, Mac};
use pxeguard_common::server::ServerKey;
use pxeguard_common::verdict::{Judgement, Reason, Verdict};
use pxeguard_lab::frames::Message;

use crate::boot::Via;
use crate::clients::{Clients, Ending, Now, Reply, Step, Timestamp, TransferId};
use crate::report::{BootClient, ClientState};

pub(super) const MAC: Mac = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
pub(super) const IP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
pub(super) const ID: TransferId = TransferId(7);

/// Clients, and a clock that stands still until it is told otherwise.
pub(super) struct Scene {
    pub(super) clients: Clients,
    pub(super) now: Now,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self { clients: Clients::default(), now: Now::read() }
    }

    pub(super) fn later(&mut self, seconds: u64) -> &mut Self {
        let by = Duration::from_secs(seconds);
        self.now = Now { instant: self.now.instant + by, time: Timestamp(self.now.time.0 + by) };
        self
    }

    pub(super) fn tell(&mut self, step: Step) -> &mut Self {
        self.clients.take(step, self.now);
        self
    }

    pub(super) fn report(&self) -> Vec<BootClient> {
        self.clients.table().report(self.now)
    }

    /// The only client.
    pub(super) fn client(&self) -> BootClient {
        let mut clients = self.report();
        assert_eq!(clients.len(), 1, "{clients:?}");
        clients.remove(0)
    }

    /// How the only client stands.
    pub(super) fn state(&self) -> (ClientState, String) {
        let client = self.client();
        (client.state, client.explanation)
    }
}

pub(super) fn asked_by(mac: Mac, kind: &'static str, message: &'static str) -> Step {
    Step::Asked { mac, iface: Ifindex(1), vlan: 5, arch: Some(Arch(7)), kind, message }
}

pub(super) fn asked() -> Step {
    asked_by(MAC, "PXEClient", "discover")
}

pub(super) fn answered(strategy: &'static str, file: Option<&str>) -> Step {
    Step::Answered { mac: MAC, message: "offer", strategy, file: file.map(Arc::from) }
}

pub(super) fn offered() -> Step {
    answered("direct", Some("ipxe.efi"))
}

pub(super) fn started(id: TransferId, file: &str) -> Step {
    Step::Started { id, ip: IP, via: Via::Tftp, file: file.into(), len: 1000 }
}

pub(super) fn ended(bytes: u64, ending: Ending) -> Step {
    Step::Ended { id: ID, bytes, resent: 2, ending }
}

pub(super) fn addressed() -> Step {
    Step::Addressed { mac: MAC, ip: IP, server: None }
}

/// A server's offer of an address to the client.
pub(super) fn reply() -> Reply {
    let sender = ServerKey { mac: [2, 0, 0, 0, 0x66, 1], vlan: 0, source: [10, 66, 0, 1], server_id: [0; 4], port: 7 };
    let judgement = Judgement { verdict: Verdict::Drop, reason: Reason::Untrusted };
    let frame = Message::offer().with(|offer| offer.bootp.chaddr = MAC.into()).frame();
    Reply::read(&frame, &sender, "tap1", judgement).expect("it is whole")
}
