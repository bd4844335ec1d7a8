//! A guest of our own behind a bridge: a cable into a network namespace that only this thread is in.
//!
//! What it asks takes the way of every guest's frames: the port's state, the guard at it, netfilter, and whoever answers
//! in the kernel at the port.  None of them would show to a packet socket on the bridge itself, whose frames are the host's own.
//!
//! The namespace has no name, and ends with its last user; the kernel deletes the cable with it.  So nothing is left behind,
//! also if this process is killed.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, unshare};
use pxeguard_common::net::{Ifindex, Mac};

use super::links::{Cable, Links};

/// What its port is called; a number follows.
const NAME: &str = "pxgprobe";
/// Probes that can run at once.
const MAX_PORTS: u32 = 16;
/// The guest's end.
const CARD: &str = "eth0";
/// The longest wait until a port forwards: a bridge listens and learns for up to 30 s each (IEEE 802.1D, forward delay).
const FORWARD_LIMIT: Duration = Duration::from_secs(61);
/// Between two looks at a port's state.
const GLANCE: Duration = Duration::from_millis(10);

/// Why there is no guest.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// No network namespace.
    #[error("cannot make a network namespace (it takes CAP_SYS_ADMIN)")]
    Namespace(#[source] io::Error),
    /// No cable, or it cannot be used.
    #[error("cannot make a port of the bridge for the probe: cannot {what}")]
    Port {
        /// What was attempted.
        what: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// All names are taken.
    #[error("{NAME}0 to {NAME}{} are all there: does the probe run so often at once?", MAX_PORTS - 1)]
    Names,
    /// A bridge that does not let the port forward.
    #[error("{0} does not forward after {seconds} s: look at the bridge's forward delay and STP", seconds = FORWARD_LIMIT.as_secs())]
    Blocked(String),
}

/// The guest; its port goes with it.
#[derive(Debug)]
pub struct GuestPort {
    /// The host's interfaces.
    host: Links,
    /// The name of its port.
    pub name: String,
    port: Ifindex,
    /// Its own card.
    pub card: Ifindex,
    /// Its own interfaces.
    pub links: Links,
}

/// The bridge that the guest is behind.
#[derive(Clone, Copy, Debug)]
pub struct Behind<'a> {
    /// The bridge.
    pub bridge: Ifindex,
    /// Its longest packet, in bytes: a port with a shorter one would make the bridge's shorter.
    pub mtu: u32,
    /// VLANs that a bridge which filters VLANs has to let through.
    pub vlans: &'a [u16],
}

impl GuestPort {
    /// Moves the calling thread into a network namespace of its own, and joins that to a bridge.
    pub fn new(behind: &Behind<'_>, mac: Mac) -> Result<Self, GuestError> {
        let failed = |what| move |source| GuestError::Port { what, source };
        let mut host = Links::open().map_err(failed("ask the kernel"))?;
        unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| GuestError::Namespace(errno.into()))?;
        let namespace = File::open("/proc/thread-self/ns/net").map_err(GuestError::Namespace)?;
        // A bridge takes the lowest address of its ports unless it was given one: ours is higher than any card's.
        let [_, _, _, a, b, c] = mac;
        let port_mac = [0xfe, 0xff, 0xff, a, b, c];
        let mut names = (0..MAX_PORTS).map(|number| format!("{NAME}{number}"));
        let name = loop {
            let name = names.next().ok_or(GuestError::Names)?;
            let cable = Cable {
                name: &name,
                mac: port_mac,
                other_name: CARD,
                other_mac: mac,
                other_namespace: namespace.as_fd(),
                mtu: behind.mtu,
            };
            match host.add_cable(&cable) {
                Ok(()) => break name,
                Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(failed("make a veth pair (it takes CAP_NET_ADMIN)")(source)),
            }
        };
        let port = host.index_of(&name).map_err(failed("find it again"))?;
        let links = Links::open().map_err(failed("ask the kernel"))?;
        let card = if_nametoindex(CARD).map_err(|errno| failed("find its other end")(errno.into()))?;
        // From here on `Drop` removes it.
        let mut guest = Self { host, name, port, card: Ifindex(card), links };
        guest.connect(behind).map_err(failed("join it to the bridge"))?;
        Ok(guest)
    }

    fn connect(&mut self, behind: &Behind<'_>) -> io::Result<()> {
        // Where there is no IPv6, there is nothing to keep quiet.
        let _ = self.host.without_ipv6(self.port);
        let _ = self.links.without_ipv6(self.card);
        self.host.join(self.port, behind.bridge)?;
        for vlan in behind.vlans {
            self.host.add_vlan(self.port, *vlan)?;
        }
        // In this order: the card has its carrier as soon as it is up, and so sends at once; the port gets it a little later, and
        // then sends and forwards together (`linkwatch_do_dev`).
        self.host.up(self.port)?;
        self.links.up(self.card)
    }

    /// Waits until the bridge forwards the port's frames; for how long that was.
    pub fn wait_forwarding(&mut self) -> Result<Duration, GuestError> {
        let since = Instant::now();
        let failed = |source| GuestError::Port { what: "look at its state", source };
        while !self.host.is_forwarding(self.port).map_err(failed)? {
            if since.elapsed() > FORWARD_LIMIT {
                return Err(GuestError::Blocked(self.name.clone()));
            }
            std::thread::sleep(GLANCE);
        }
        Ok(since.elapsed())
    }
}

impl Drop for GuestPort {
    fn drop(&mut self) {
        // If it fails, the kernel does it when the namespace ends.
        let _ = self.host.delete(self.port);
    }
}
