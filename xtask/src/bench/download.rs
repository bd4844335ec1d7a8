//! Downloads from pxeguard and from others, by turns.

use anyhow::{Context as _, Result};
use pxeguard_lab::Guest;
use pxeguard_lab::load::Fetched;

use super::Effort;
use super::affinity::Pinned;
use super::figure::{Figure, Goal, Peer, Unit};
use super::samples::{Samples, in_turns};
use super::site::Site;

/// What is downloaded, and from whom.
pub struct Contest<'a, const N: usize> {
    /// The figure's name.
    pub name: String,
    /// pxeguard first.
    pub sites: [&'a Site; N],
    /// For the ratios of throughputs to each of the others.
    pub goals: [Option<Goal>; N],
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

impl<const N: usize> Contest<'_, N> {
    /// Throughput, and CPU time of the server for a GB: the latter is less sensitive to what else runs here.
    pub fn measure(&self, effort: Effort) -> Result<Vec<Figure>> {
        for site in self.sites {
            self.fetch(site, Turn::First)?;
        }
        let mut costs = [const { Vec::new() }; N];
        let rates = in_turns(effort.choose(9, 3), |contender| {
            let (mb_per_s, ms_per_gb) = self.fetch(self.sites[contender], Turn::Measured)?;
            costs[contender].push(ms_per_gb);
            Ok(mb_per_s)
        })?;
        let costs = costs.map(Samples::from_iter);
        let figures = (1..N).flat_map(|other| {
            let server = self.sites[other].kind;
            let figure = |name: String, unit, samples: &[Samples; N], goal| Figure {
                name,
                unit,
                pxeguard: samples[0].clone(),
                peer: Some(Peer { name: server.name(), samples: samples[other].clone() }),
                goal,
            };
            let rate = figure(self.name.clone(), Unit::MegabytesPerS, &rates, self.goals[other]);
            let cost = server
                .tells_cpu_time()
                .then(|| figure(format!("{}, CPU time for a GB", self.name), Unit::Ms, &costs, None));
            [Some(rate), cost]
        });
        Ok(figures.flatten().collect())
    }

    /// MB/s, and ms of the server's CPU time for a GB.
    fn fetch(&self, site: &Site, turn: Turn) -> Result<(f64, f64)> {
        let _shared = self.shares_cpu.then(|| Pinned::together(site.server())).transpose()?;
        let before = site.spent()?;
        let fetched = (self.fetch)(&site.client, turn);
        let fetched = fetched.with_context(|| format!("{}: {}", self.name, site.kind.name()))?;
        let spent = site.spent()? - before;
        Ok((fetched.mb_per_s(), spent.as_secs_f64() * 1e3 / (fetched.bytes as f64 / 1e9)))
    }
}
