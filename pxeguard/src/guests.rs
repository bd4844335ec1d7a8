//! Which guest is behind a port, by the names that its hypervisor has for it.

mod file;
mod followed;
mod guest_name;
mod libvirt;
mod lookup;
mod proxmox;
#[cfg(test)]
mod tests;

use std::fmt;

pub use followed::{Found, Guests};
pub use guest_name::{BadGuestName, GuestName, Meant, PREFIX, Who};
pub use lookup::Lookup;

/// The network card of a guest that a port of the host belongs to.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Guest {
    /// Its number, where the hypervisor gives numbers (Proxmox VE's VMID).
    pub vmid: Option<u32>,
    /// Its name, where it is known: whoever may rename guests chooses it.
    pub name: Option<String>,
    /// Its network card, as the hypervisor calls it: `net0`.
    pub nic: Option<String>,
    /// Whether it is behind the port.  Before a guest with a firewall there is also a port by which everything else comes in.
    pub is_behind: bool,
}

impl Guest {
    /// The guest, whichever of its cards it is.
    fn identity(&self) -> (Option<u32>, Option<&str>) {
        // A number is one guest's, whatever it is called at the moment.
        (self.vmid, if self.vmid.is_some() { None } else { self.name.as_deref() })
    }
}

/// `100 (web01) net0`, or as much of it as is known.
impl fmt::Display for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.vmid, &self.name) {
            (Some(vmid), Some(name)) => write!(f, "{vmid} ({name})")?,
            (Some(vmid), None) => write!(f, "{vmid}")?,
            (None, name) => f.write_str(name.as_deref().unwrap_or("unknown"))?,
        }
        self.nic.as_ref().map_or(Ok(()), |nic| write!(f, " {nic}"))
    }
}
