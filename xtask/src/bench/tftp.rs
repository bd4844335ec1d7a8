//! Files by TFTP, to one client and to a hundred.

use std::net::Ipv4Addr;

use anyhow::Result;
use pxeguard_lab::load::tftp::{self, Request};

use super::Effort;
use super::contents::contents;
use super::download::{Contest, Turn};
use super::figure::{Figure, Goal};
use super::site::{SERVER, Server};

/// What fits an Ethernet frame; edk2 asks for it.
const BLKSIZE: u16 = 1468;
/// From here on are the addresses of clients.
const FIRST_CLIENT: Ipv4Addr = Ipv4Addr::new(10, 77, 64, 0);
const FILE: &str = "boot.efi";

/// What clients do, with whose server that is compared, and what the ratio should be.
struct Load {
    streams: u16,
    windowsize: u16,
    /// Length of the file, in MiB.
    mib: usize,
    peer: Server,
    goal: f64,
}

const LOADS: [Load; 5] = [
    Load { streams: 1, windowsize: 1, mib: 32, peer: Server::Dnsmasq, goal: 1.2 },
    Load { streams: 1, windowsize: 16, mib: 64, peer: Server::Atftpd, goal: 1.5 },
    Load { streams: 1, windowsize: 64, mib: 64, peer: Server::Atftpd, goal: 1.5 },
    Load { streams: 100, windowsize: 1, mib: 1, peer: Server::Dnsmasq, goal: 3.0 },
    // As edk2 asks; dnsmasq 2.90 sends a block at a time all the same.
    Load { streams: 100, windowsize: 4, mib: 1, peer: Server::Dnsmasq, goal: 3.0 },
];

/// Each load on pxeguard and on its peer.
pub fn measure(effort: Effort) -> Result<Vec<Figure>> {
    let figures = LOADS.iter().map(|load| load.measure(effort)).collect::<Result<Vec<_>>>()?;
    Ok(figures.concat())
}

impl Load {
    fn measure(&self, effort: Effort) -> Result<Vec<Figure>> {
        let Self { streams, windowsize, .. } = self;
        let file = contents(self.mib << 20);
        let request =
            |expected| Request { server: SERVER, file: FILE, blksize: BLKSIZE, windowsize: *windowsize, expected };
        let contest = Contest {
            name: format!("tftp: streams {streams}, windowsize {windowsize}"),
            peer: self.peer,
            files: &[(FILE, &file)],
            goal: Goal::AtLeast(self.goal),
            shares_cpu: *streams == 1,
            fetch: &|client, turn| {
                let clients = tftp::addresses(client, FIRST_CLIENT, *streams)?;
                tftp::fetch(client, &clients, &request((turn == Turn::First).then_some(&file)), 1)
            },
        };
        contest.measure(effort)
    }
}
