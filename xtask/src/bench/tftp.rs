//! Files by TFTP, to one client, to a hundred and to a thousand.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use pxeguard_lab::load::tftp::{self, Request};

use super::Effort;
use super::contents::contents;
use super::daemon::memory_mib;
use super::download::{Contest, Turn};
use super::figure::{Figure, Goal, Peer, Unit};
use super::neighbours::RoomForNeighbours;
use super::samples::Samples;
use super::site::{SERVER, Server, Site};

/// What fits an Ethernet frame; edk2 asks for it.
const BLKSIZE: u16 = 1468;
/// From here on are the addresses of clients.
const FIRST_CLIENT: Ipv4Addr = Ipv4Addr::new(10, 77, 64, 0);
/// MiB that a server may hold while it serves a thousand.
const MEMORY: Goal = Goal::ItselfAtMost(100.0);

/// What clients do.
struct Load {
    streams: u16,
    windowsize: u16,
    /// Length of the file, in KiB.
    kib: usize,
}

/// Each load on pxeguard, on its peers, and on the least that could serve it.
pub fn measure(effort: Effort) -> Result<Vec<Figure>> {
    let figures = [to_one(effort)?, to_many(effort)?];
    Ok(figures.concat())
}

/// One stream: server and client share a CPU.
fn to_one(effort: Effort) -> Result<Vec<Figure>> {
    let small = Load { streams: 1, windowsize: 1, kib: 16 << 10 };
    let [medium, large] = [16, 64].map(|windowsize| Load { streams: 1, windowsize, kib: effort.choose(64, 32) << 10 });
    let site = |server| site(server, &[&small, &large]);
    let (ours, bare) = (site(Server::Pxeguard)?, site(Server::Bare)?);
    let (dnsmasq, hpa, atftpd) = (site(Server::Dnsmasq)?, site(Server::TftpdHpa)?, site(Server::Atftpd)?);
    let beside = |limit| [None, Some(Goal::AtLeast(limit)), None];
    let figures = [
        small.measure([&ours, &dnsmasq, &hpa, &bare], [None, Some(Goal::AtLeast(1.2)), None, None], effort)?,
        medium.measure([&ours, &atftpd, &bare], beside(1.5), effort)?,
        large.measure([&ours, &atftpd, &bare], beside(2.0), effort)?,
    ];
    Ok(figures.concat())
}

/// Many streams.  edk2 asks for a windowsize of 4; dnsmasq 2.90 sends a block at a time all the same.
fn to_many(effort: Effort) -> Result<Vec<Figure>> {
    let _room = RoomForNeighbours::make()?;
    let [hundred, hundred_by_one] =
        [4, 1].map(|windowsize| Load { streams: 100, windowsize, kib: effort.choose(1024, 512) });
    let [thousand, thousand_by_one] =
        [4, 1].map(|windowsize| Load { streams: 1000, windowsize, kib: effort.choose(512, 128) });
    let site = |server| site(server, &[&hundred, &thousand]);
    let sites = [site(Server::Pxeguard)?, site(Server::Dnsmasq)?, site(Server::Bare)?];
    let sites = sites.each_ref();
    let beside = |limit| [None, Some(Goal::AtLeast(limit)), None];
    let mut figures = [
        hundred.measure(sites, beside(3.0), effort)?,
        hundred_by_one.measure(sites, beside(3.0), effort)?,
        thousand.measure(sites, beside(5.0), effort)?,
    ]
    .concat();
    // In a hurry, a hundred have to speak for a thousand.
    if !effort.quick {
        figures.extend(thousand_by_one.measure(sites, [None; 3], effort)?);
    }
    let [ours, theirs] = [sites[0], sites[1]].map(|site| memory_mib(site.server().pid(), "VmHWM"));
    figures.push(Figure {
        name: "tftp: streams 1000, resident memory, highest".to_owned(),
        unit: Unit::Mib,
        pxeguard: Samples::from_iter([ours?]),
        peer: Some(Peer { name: Server::Dnsmasq.name(), samples: Samples::from_iter([theirs?]) }),
        goal: Some(MEMORY),
    });
    Ok(figures)
}

/// A server of what these loads fetch.
fn site(server: Server, loads: &[&Load]) -> Result<Site> {
    let files: Vec<_> = loads.iter().map(|load| (load.file(), contents(load.kib << 10))).collect();
    let files: Vec<_> = files.iter().map(|(name, contents)| (&name[..], &contents[..])).collect();
    Site::new(server, &files).with_context(|| format!("cannot start {}", server.name()))
}

impl Load {
    fn file(&self) -> String {
        format!("{}.efi", self.kib)
    }

    fn measure<const N: usize>(
        &self,
        sites: [&Site; N],
        goals: [Option<Goal>; N],
        effort: Effort,
    ) -> Result<Vec<Figure>> {
        let Self { streams, windowsize, .. } = *self;
        let (name, file) = (self.file(), contents(self.kib << 10));
        let request = |expected| Request { server: SERVER, file: &name, blksize: BLKSIZE, windowsize, expected };
        let contest = Contest {
            name: format!("tftp: streams {streams}, windowsize {windowsize}"),
            sites,
            goals,
            shares_cpu: streams == 1,
            fetch: &|client, turn| {
                let clients = tftp::addresses(client, FIRST_CLIENT, streams)?;
                tftp::fetch(client, &clients, &request((turn == Turn::First).then_some(&file)), 1)
            },
        };
        contest.measure(effort)
    }
}
