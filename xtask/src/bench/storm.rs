//! A boot storm: many clients are switched on at once.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use pxeguard_lab::load::storm::{Storm, Weathered};
use pxeguard_lab::load::tftp;

use super::Effort;
use super::contents::efi_program;
use super::daemon::memory_mib;
use super::figure::{Figure, Goal, Peer, Unit};
use super::neighbours::RoomForNeighbours;
use super::samples::Samples;
use super::site::{SERVER, Server, Site};

const FIRST_CLIENT: Ipv4Addr = Ipv4Addr::new(10, 77, 64, 0);
const PROGRAM_BYTES: usize = 1 << 20;

/// One storm over pxeguard, and one over dnsmasq.
pub fn measure(effort: Effort) -> Result<Vec<Figure>> {
    let clients: u16 = effort.choose(2000, 500);
    let _room = RoomForNeighbours::make()?;
    let [ours, theirs] = [Server::Pxeguard, Server::Dnsmasq].map(|server| one_storm(server, clients));
    let ((ours, our_memory), (theirs, their_memory)) = (ours?, theirs?);
    let one = |value: f64| Samples::from_iter([value]);
    let figure = |name: &str, unit, pxeguard, peer, goal| Figure {
        name: format!("storm of {clients} clients: {name}"),
        unit,
        pxeguard: one(pxeguard),
        peer: Some(Peer { name: Server::Dnsmasq.name(), samples: one(peer) }),
        goal,
    };
    let all = Some(Goal::ItselfAtLeast(clients.into()));
    let (our_time, their_time) = (ours.elapsed.as_secs_f64(), theirs.elapsed.as_secs_f64());
    Ok(vec![
        figure("served", Unit::Count, ours.served as f64, theirs.served as f64, all),
        figure("time", Unit::S, our_time, their_time, None),
        figure("resident memory, highest", Unit::Mib, our_memory, their_memory, None),
    ])
}

/// What came of it, and the server's highest memory.
fn one_storm(server: Server, clients: u16) -> Result<(Weathered, f64)> {
    let program = efi_program(PROGRAM_BYTES);
    let site = Site::new(server, &[("boot.efi", &program)])?;
    let clients = tftp::addresses(&site.client, FIRST_CLIENT, clients)?;
    let weathered = Storm { clients: &clients, server: SERVER, program: &program }.run(&site.client)?;
    if let Some(why) = &weathered.why_not {
        eprintln!("{}: {why:#}", server.name());
    }
    ensure!(weathered.served > 0, "{} serves nobody:\n{}", server.name(), site.server().output());
    Ok((weathered, memory_mib(site.server().pid(), "VmHWM")?))
}
