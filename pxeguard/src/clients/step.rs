//! What happens to a client, step by step, as the services see it.

use std::net::Ipv4Addr;
use std::sync::Arc;

use pxeguard_common::arch::Arch;
use pxeguard_common::net::{Ifindex, Mac};

use super::reply::Reply;
use crate::boot::Via;

/// A transfer, for as long as this daemon runs.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TransferId(pub u64);

/// How a transfer ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ending {
    /// The client has the whole of it (or of the range that it asked for).
    Done,
    /// The client only wanted to know the size: it said so by ending the transfer once it knew (RFC 2349 §3), or by HEAD.
    Probe,
    /// Why not, in plain words.
    Failed(String),
}

/// One thing that happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// A client asked who can boot it, by DISCOVER, REQUEST or INFORM.
    Asked {
        /// Who.
        mac: Mac,
        /// Where it came in, as far as that is known: the guarded interface.
        iface: Ifindex,
        /// Its VLAN, 0 for none.
        vlan: u16,
        /// Its architecture, where it says one.
        arch: Option<Arch>,
        /// `PXEClient`, `HTTPClient` or `iPXE`.
        kind: &'static str,
        /// `discover`, `request` (to port 4011) or `inform`.
        message: &'static str,
    },
    /// It was answered.
    Answered {
        /// Who.
        mac: Mac,
        /// `offer`, or `ack` of port 4011.
        message: &'static str,
        /// `direct`, `binl`, `menu`, `http` or `script`.
        strategy: &'static str,
        /// The file or URL that it was told, if any yet.
        file: Option<Arc<str>>,
    },
    /// It was not answered, though it asked.
    Refused {
        /// Who.
        mac: Mac,
        /// Why, in plain words.
        why: Arc<str>,
    },
    /// It has, or wants, this address: seen in its own DHCP messages.
    Addressed {
        /// Who.
        mac: Mac,
        /// Its address.
        ip: Ipv4Addr,
        /// The server whose offer it takes, where it names one: option 54.
        server: Option<Ipv4Addr>,
    },
    /// A DHCP or PXE server replied to it.
    Replied(Arc<Reply>),
    /// A file is asked for.
    Started {
        /// The transfer.
        id: TransferId,
        /// By whom.
        ip: Ipv4Addr,
        /// How.
        via: Via,
        /// The file's name.
        file: Arc<str>,
        /// Its length in bytes.
        len: u64,
    },
    /// So much of it has arrived.
    Progress {
        /// The transfer.
        id: TransferId,
        /// Bytes that the client has acknowledged (TFTP), or that were handed to the kernel (HTTP).
        bytes: u64,
        /// Datagrams that were sent again.
        resent: u64,
    },
    /// It ended.
    Ended {
        /// The transfer.
        id: TransferId,
        /// Bytes, as in `Progress`.
        bytes: u64,
        /// Datagrams that were sent again.
        resent: u64,
        /// How.
        ending: Ending,
    },
    /// A file was asked for and not served.
    Denied {
        /// By whom.
        ip: Ipv4Addr,
        /// How.
        via: Via,
        /// The name, printable.
        file: Arc<str>,
        /// Why, in plain words.
        why: Arc<str>,
    },
}

/// Whom the services tell what happens.  Telling never waits.
pub trait Observer: Send + Sync + 'static {
    /// Something happened.
    fn tell(&self, step: Step);

    /// All of this happened just now; the steps are taken out, and their room is kept.
    fn tell_all(&self, steps: &mut Vec<Step>) {
        steps.drain(..).for_each(|step| self.tell(step));
    }

    /// A number for a transfer that begins.
    fn next_transfer(&self) -> TransferId;

    /// The client that has an address, as far as it is known.
    fn mac_of(&self, ip: Ipv4Addr) -> Option<Mac>;
}
