//! Leases from the network's own DHCP server, past a guard that answers PXE clients in the kernel; peer: one that does not.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use pxeguard_lab::load::perfdhcp;
use pxeguard_lab::{BRIDGE, Guard, Guest, Lab, Pool, Process, Server};

use super::Effort;
use super::figure::{Figure, Goal, Peer, Unit};
use super::samples::in_turns;

/// The hypervisor's address.
const HOST: &str = "10.77.0.1/16";
const POOL: Pool = Pool { server: Ipv4Addr::new(10, 77, 0, 2), ..Pool::TRUSTED };
/// What is asked for; a busy machine gives less.
const PER_S: u32 = 500;

/// A DHCP server, and who asks it.
struct Site {
    lab: Lab,
    clients: Guest,
    trusted: Guest,
    _server: Process,
}

pub fn measure(effort: Effort) -> Result<Vec<Figure>> {
    let sites = [Site::new()?, Site::new()?];
    let guards = [sites[0].guard(&[])?, sites[1].guard(&["--no-fast-path"])?];
    let count = effort.choose(2000, 500);
    let lease = |number: usize| {
        let leases = perfdhcp::lease(&sites[number].clients, count, Some(PER_S), &[])?;
        ensure!(leases.acks.received > 0, "nobody has a lease: {}", leases.output);
        Ok(leases.per_s)
    };
    let [ours, theirs] = in_turns(effort.choose(7, 3), lease)?;
    drop(guards);
    Ok(vec![Figure {
        name: format!("beside: leases in a second, of {PER_S} asked for"),
        unit: Unit::LeasesPerS,
        pxeguard: ours,
        peer: Some(Peer { name: "no fast path", samples: theirs }),
        goal: Some(Goal::AtLeast(0.99)),
    }])
}

impl Site {
    fn new() -> Result<Self> {
        let lab = Lab::new()?;
        lab.hypervisor().ip(&format!("address add {HOST} broadcast + dev {BRIDGE}\n"))?;
        lab.hypervisor().write("/run/lab/boot/boot.efi", super::contents::efi_program(1 << 16))?;
        let (trusted, clients) = (lab.attach("trusted")?, lab.attach("clients")?);
        clients.add_address("10.77.0.60/16")?;
        let server = Server::Kea.start(&trusted, &POOL)?;
        Ok(Self { lab, clients, trusted, _server: server })
    }

    fn guard(&self, more: &[&str]) -> Result<Guard<'_>> {
        let trusted = self.trusted.port();
        let arguments = ["--iface", BRIDGE, "--trust-port", trusted, "--boot-root", "/run/lab/boot"];
        Guard::start(&self.lab, [&arguments[..], more].concat())
    }
}
