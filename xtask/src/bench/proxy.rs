//! PXE clients answered by the daemon: how many in a second of CPU time, and how soon.

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use pxeguard_lab::load::discovers::Discovers;

use super::Effort;
use super::affinity::Pinned;
use super::contents::efi_program;
use super::counter::Counter;
use super::figure::{Figure, Goal, Peer, Unit};
use super::samples::{Samples, in_turns};
use super::site::{Server, Site};

/// Each with a MAC of its own.
const CLIENTS: u32 = 1 << 15;

/// A server, who asks it, and what arrives there.
struct Contender<'a> {
    site: &'a Site,
    discovers: Discovers<'a>,
    arrived: Counter,
}

/// What one flood showed.
struct Flooded {
    per_cpu_s: f64,
    per_s: f64,
}

/// A flood, and half of it.
pub fn measure(effort: Effort) -> Result<Vec<Figure>> {
    // An EFI program for x64, as far as its headers.
    let site = |server| Site::new(server, &[("boot.efi", &efi_program(4096))]);
    let sites = [site(Server::PxeguardInUserSpace)?, site(Server::Dnsmasq)?];
    let contenders = [Contender::new(&sites[0])?, Contender::new(&sites[1])?];
    let window = effort.choose(Duration::from_millis(500), Duration::from_millis(300));
    let rounds = effort.choose(9, 3);
    let mut rates = [const { Vec::new() }; 2];
    let [ours, theirs] = in_turns(rounds, |number| {
        let flooded = contenders[number].flood(window)?;
        rates[number].push(flooded.per_s);
        Ok(flooded.per_cpu_s)
    })?;
    let [our_rate, their_rate] = rates.map(Samples::from_iter);
    let halves = [our_rate.median() / 2.0, their_rate.median() / 2.0];
    let [our_wait, their_wait] = in_turns(rounds, |number| contenders[number].wait(halves[number], window))?;

    let figure = |name: &str, unit, pxeguard, samples, goal| Figure {
        name: format!("proxy: {name}"),
        unit,
        pxeguard,
        peer: Some(Peer { name: Server::Dnsmasq.name(), samples }),
        goal,
    };
    Ok(vec![
        figure("answers in a second of CPU time", Unit::AnswersPerS, ours, theirs, Some(Goal::AtLeast(5.0))),
        figure("answers in a second", Unit::AnswersPerS, our_rate, their_rate, None),
        figure("at half of that, 99 % within", Unit::MsShort, our_wait, their_wait, Some(Goal::ItselfAtMost(2.0))),
    ])
}

impl<'a> Contender<'a> {
    fn new(site: &'a Site) -> Result<Self> {
        let discovers = Discovers::new(&site.client, CLIENTS)?;
        let arrived = Counter::open(&site.client, "eth0", "rx_packets")?;
        let contender = Self { site, discovers, arrived };
        let answered = contender.discovers.once()?;
        ensure!(answered > 1000, "{answered} clients are answered:\n{}", site.server().output());
        Ok(contender)
    }

    fn flood(&self, window: Duration) -> Result<Flooded> {
        let _pinned = Pinned::apart(self.site.server())?;
        self.discovers.flood(|| {
            thread::sleep(window / 4);
            let (spent, arrived) = (self.site.spent()?, self.arrived.read()?);
            let per_s = self.arrived.per_s(window)?;
            let (spent, arrived) = (self.site.spent()? - spent, self.arrived.read()? - arrived);
            Ok(Flooded { per_cpu_s: arrived as f64 / spent.as_secs_f64(), per_s })
        })
    }

    /// Within how many ms 99 % of the clients are answered.
    fn wait(&self, per_s: f64, time: Duration) -> Result<f64> {
        let _pinned = Pinned::apart(self.site.server())?;
        let mut waited: Vec<_> =
            self.discovers.pace(per_s, time)?.into_iter().map(|it| it.unwrap_or(Duration::MAX)).collect();
        waited.sort_unstable();
        Ok(waited[waited.len() * 99 / 100].as_secs_f64() * 1e3)
    }
}
