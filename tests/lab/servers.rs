//! Real DHCP servers; whether one is trusted or rogue is a matter of where it runs.

use std::net::Ipv4Addr;

use anyhow::Result;

use crate::{Host, Process};

pub mod dnsmasq;
mod kea;
mod udhcpd;

/// The addresses that a server gives out, in the network `server/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// The server's own address on `eth0`, and its option 54.
    pub server: Ipv4Addr,
    /// The first address given out.
    pub first: Ipv4Addr,
    /// The last address given out.
    pub last: Ipv4Addr,
}

impl Pool {
    /// What the trusted server of a test usually gives.
    pub const TRUSTED: Self = Self::within(10, 77);
    /// What the rogue server of a test usually gives.
    pub const ROGUE: Self = Self::within(10, 66);

    /// Server `a.b.0.1` with a pool of 16384 addresses.
    pub const fn within(a: u8, b: u8) -> Self {
        Self {
            server: Ipv4Addr::new(a, b, 0, 1),
            first: Ipv4Addr::new(a, b, 64, 0),
            last: Ipv4Addr::new(a, b, 127, 255),
        }
    }

    /// Whether an address is one that this pool gives out.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&address)
    }
}

/// A DHCP server program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// dnsmasq, without its check that nobody has the address yet.
    Dnsmasq,
    /// kea-dhcp4 with leases in memory.
    Kea,
    /// busybox udhcpd.
    Udhcpd,
}

impl Server {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Dnsmasq, Self::Kea, Self::Udhcpd];

    /// The program that has to be installed.
    pub fn program(self) -> &'static str {
        match self {
            Self::Dnsmasq => "dnsmasq",
            Self::Kea => "kea-dhcp4",
            Self::Udhcpd => "busybox",
        }
    }

    /// Starts it on the `eth0` of a host, which gets the pool's server address; returns once it listens.
    pub fn start(self, host: &Host, pool: &Pool) -> Result<Process> {
        match self {
            Self::Dnsmasq => dnsmasq::start(host, pool, &[]),
            Self::Kea => kea::start(host, pool),
            Self::Udhcpd => udhcpd::start(host, pool),
        }
    }
}

/// Gives the host the server's address.
fn settle(host: &Host, pool: &Pool) -> Result<()> {
    host.ip(&format!("address replace {}/16 broadcast + dev eth0\n", pool.server))
}
