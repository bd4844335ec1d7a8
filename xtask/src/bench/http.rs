//! Files by HTTP, to one client and to a hundred.

use std::net::SocketAddrV4;

use anyhow::Result;
use pxeguard_lab::load::http::{self, Request};

use super::Effort;
use super::contents::contents;
use super::download::{Contest, Turn};
use super::figure::{Figure, Goal};
use super::site::{HTTP_PORT, SERVER, Server, Site};

/// What the figures are to reach of nginx's.
const GOAL: Goal = Goal::AtLeast(0.9);
const FILE: &str = "boot.img";

/// Clients at once, the length of their file in MiB, and how often each fetches it.
const LOADS: [(usize, usize, usize); 2] = [(1, 128, 16), (100, 8, 4)];

/// One stream and a hundred.
pub fn measure(effort: Effort) -> Result<Vec<Figure>> {
    let figures = LOADS.iter().map(|&(streams, mib, times)| {
        let file = contents(mib << 20);
        let site = |server| Site::new(server, &[(FILE, &file)]);
        let sites = [site(Server::Pxeguard)?, site(Server::Nginx)?, site(Server::Bare)?];
        let contest = Contest {
            name: format!("http: streams {streams}"),
            sites: sites.each_ref(),
            goals: [None, Some(GOAL), None],
            shares_cpu: streams == 1,
            fetch: &|client, turn| {
                let server = SocketAddrV4::new(SERVER, HTTP_PORT);
                let path = format!("/{FILE}");
                let (times, expected) = match turn {
                    Turn::First => (1, Some(&file[..])),
                    Turn::Measured => (effort.choose(times, times / 2), None),
                };
                http::fetch(client, streams, &Request { server, path: &path, times, expected })
            },
        };
        contest.measure(effort)
    });
    Ok(figures.collect::<Result<Vec<_>>>()?.concat())
}
