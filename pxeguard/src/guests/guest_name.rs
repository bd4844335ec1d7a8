//! A guest as the operator writes it: `vm:100`, `vm:100/net1`, `vm:web01`.

use std::fmt;
use std::str::FromStr;

use super::{Guest, proxmox};

/// What begins it; no interface's name has a colon.
pub const PREFIX: &str = "vm:";
/// Bytes of a name at the most; a host's name has no more than 253.
const MAX_BYTES: usize = 253;

/// A guest, or one of its network cards.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct GuestName {
    /// The guest.
    pub who: Who,
    /// The card, such as `net1`; `None` for all of them.
    pub nic: Option<String>,
}

/// How a guest is named.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Who {
    /// By its number, which nobody else gets while it exists.
    Vmid(u32),
    /// By its name, which another one can have, too.
    Name(String),
}

/// Why a text names no guest.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{0:?} names no guest: vm: and its number or name, such as vm:100, vm:100/net1 or vm:web01; no space, comma, \
     asterisk or @"
)]
pub struct BadGuestName(pub String);

/// What a name leads to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Meant<P> {
    /// These ports; none where no such guest has one.
    Ports(Vec<P>),
    /// Several guests, each in words: nobody is meant by it.
    Several(Vec<String>),
}

impl GuestName {
    /// Whether it names the guest behind a port.
    pub fn is(&self, guest: &Guest) -> bool {
        let is_he = match &self.who {
            Who::Vmid(vmid) => guest.vmid.map_or(guest.name == Some(vmid.to_string()), |number| number == *vmid),
            Who::Name(name) => guest.name.as_ref() == Some(name),
        };
        is_he && guest.is_behind && self.nic.as_ref().is_none_or(|nic| guest.nic.as_ref() == Some(nic))
    }

    /// Which ports it means among those with guests.
    pub fn among<P>(&self, ports: impl Iterator<Item = (P, Guest)>) -> Meant<P> {
        let (ports, guests): (Vec<_>, Vec<_>) = ports.filter(|(_, guest)| self.is(guest)).unzip();
        let mut different: Vec<&Guest> = guests.iter().collect();
        different.sort_unstable_by_key(|guest| guest.identity());
        different.dedup_by_key(|guest| guest.identity());
        match different.len() {
            0 | 1 => Meant::Ports(ports),
            _ => Meant::Several(
                different.iter().map(|guest| Guest { nic: None, ..(*guest).clone() }.to_string()).collect(),
            ),
        }
    }
}

impl FromStr for GuestName {
    type Err = BadGuestName;

    fn from_str(text: &str) -> Result<Self, BadGuestName> {
        let bad = || BadGuestName(text.to_owned());
        let refused = |c: char| "/,*@".contains(c) || c.is_whitespace() || c.is_control();
        let checked = |part: &str| {
            let is_good = !part.is_empty() && part.len() <= MAX_BYTES && !part.chars().any(refused);
            is_good.then(|| part.to_owned()).ok_or_else(bad)
        };
        let name = text.strip_prefix(PREFIX).ok_or_else(bad)?;
        let (who, nic) = match name.split_once('/') {
            Some((who, nic)) => (checked(who)?, Some(checked(nic)?)),
            None => (checked(name)?, None),
        };
        // A number with zeros in front would be written without them.
        let vmid = proxmox::number(&who).filter(|vmid| vmid.to_string() == who);
        Ok(Self { who: vmid.map_or(Who::Name(who), Who::Vmid), nic })
    }
}

impl fmt::Display for GuestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.who {
            Who::Vmid(vmid) => write!(f, "{PREFIX}{vmid}")?,
            Who::Name(name) => write!(f, "{PREFIX}{name}")?,
        }
        self.nic.as_ref().map_or(Ok(()), |nic| write!(f, "/{nic}"))
    }
}
