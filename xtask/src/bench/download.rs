//! Downloads from pxeguard and from a peer, by turns.

use anyhow::Result;
use pxeguard_lab::Guest;
use pxeguard_lab::load::Fetched;

use super::Effort;
use super::affinity::Pinned;
use super::figure::{Figure, Goal, Peer, Unit};
use super::samples::{Samples, in_turns};
use super::site::{Server, Site};

/// What is downloaded, and from whom besides pxeguard.
pub struct Contest<'a> {
    /// The figure's name.
    pub name: String,
    pub peer: Server,
    /// What both have in their boot root.
    pub files: &'a [(&'a str, &'a [u8])],
    /// For the ratio of throughputs.
    pub goal: Goal,
    /// Whether both ends share a CPU, because they wait for each other.
    pub shares_cpu: bool,
    /// All downloads of one turn, by a guest; looks at the bytes if it is the first turn.
    pub fetch: &'a dyn Fn(&Guest, Turn) -> Result<Fetched>,
}

/// Which turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The one in which it is looked at what arrives.
    First,
    /// One that is measured.
    Measured,
}

impl Contest<'_> {
    /// Throughput, and CPU time of the server for a GB: the latter is less sensitive to what else runs here.
    pub fn measure(&self, effort: Effort) -> Result<Vec<Figure>> {
        let mut sites = Vec::new();
        for server in [Server::Pxeguard, self.peer] {
            let site = Site::new(server, self.files)?;
            self.fetch(&site, Turn::First)?;
            sites.push(site);
        }
        let mut costs = [const { Vec::new() }; 2];
        let [ours, theirs] = in_turns(effort.choose(9, 3), |contender| {
            let (mb_per_s, ms_per_gb) = self.fetch(&sites[contender], Turn::Measured)?;
            costs[contender].push(ms_per_gb);
            Ok(mb_per_s)
        })?;
        let [our_cost, their_cost] = costs.map(Samples::from_iter);
        let peer = |samples| Some(Peer { name: self.peer.name(), samples });
        let name = self.name.clone();
        let cost = format!("{name}, CPU time for a GB");
        Ok(vec![
            Figure { name, unit: Unit::MegabytesPerS, pxeguard: ours, peer: peer(theirs), goal: Some(self.goal) },
            Figure { name: cost, unit: Unit::Ms, pxeguard: our_cost, peer: peer(their_cost), goal: None },
        ])
    }

    /// MB/s, and ms of the server's CPU time for a GB.
    fn fetch(&self, site: &Site, turn: Turn) -> Result<(f64, f64)> {
        let _shared = self.shares_cpu.then(|| Pinned::together(site.server())).transpose()?;
        let before = site.spent()?;
        let fetched = (self.fetch)(&site.client, turn)?;
        let spent = site.spent()? - before;
        Ok((fetched.mb_per_s(), spent.as_secs_f64() * 1e3 / (fetched.bytes as f64 / 1e9)))
    }
}
