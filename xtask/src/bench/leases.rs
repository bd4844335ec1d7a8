//! Leases of a trusted server, while a port beside its own is flooded with forged OFFERs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use pxeguard_lab::frames::Message;
use pxeguard_lab::load::perfdhcp::Leases;
use pxeguard_lab::{Guest, Lab, Pool, Process, Server};

use super::Effort;
use super::affinity::{Pinned, keep_on, next_cpu};
use super::cpu_time::CpuTime;
use super::figure::{Figure, Goal, Peer, Unit};
use super::flood::use_rules;
use super::live_frames::{LiveFrames, Way};
use super::samples::{Samples, in_turns};
use super::switch::Switch;

/// What an administrator writes who trusts one port.
const RULES: &str = "table bridge no_dhcp {
    chain prerouting {
        type filter hook prerouting priority filter;
        iifname != \"p-trusted\" udp dport 68 drop
    }
}
";
/// Clients, each with a MAC of its own; the pool has three times as many addresses.
const CLIENTS: &str = "5000";

/// Who keeps the flood from the others, if there is one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Contender {
    /// The guard, and nothing is sent.
    Undisturbed,
    Guard,
    Nftables,
    Nobody,
}

const CONTENDERS: [Contender; 4] = [Contender::Undisturbed, Contender::Guard, Contender::Nftables, Contender::Nobody];

/// What came of one turn.
struct Turn {
    leases_per_s: f64,
    per_cpu_s: f64,
    forged_per_s: f64,
}

/// The flood, and all that becomes of it, has a CPU of its own: what the others lose, they lose by the bridge and the
/// guard.  Where nothing is sent, that CPU makes the same frames, and throws them away.
pub fn measure(effort: Effort) -> Result<Vec<Figure>> {
    let scene = Scene::new()?;
    let mut guard = Switch::trusting(&scene.lab, "auto", "*@p-trusted");
    let mut turns = [const { Vec::new() }; CONTENDERS.len()];
    in_turns::<{ CONTENDERS.len() }>(effort.choose(15, 2), |number| {
        let contender = CONTENDERS[number];
        guard.set(matches!(contender, Contender::Undisturbed | Contender::Guard))?;
        let rules = (contender == Contender::Nftables).then_some(RULES);
        use_rules(scene.lab.hypervisor(), rules)?;
        let turn = scene.turn(if contender == Contender::Undisturbed { &scene.nothing } else { &scene.flood })?;
        let leases_per_s = turn.leases_per_s;
        turns[number].push(turn);
        Ok(leases_per_s)
    })?;
    let of = |contender: Contender, value: fn(&Turn) -> f64| {
        let number = CONTENDERS.iter().position(|it| *it == contender).expect("it is one of them");
        turns[number].iter().map(value).collect::<Samples>()
    };
    let figure = |name: &str, unit, value: fn(&Turn) -> f64, peer: Option<(&'static str, Contender)>, goal| Figure {
        name: format!("leases: {name}"),
        unit,
        pxeguard: of(Contender::Guard, value),
        peer: peer.map(|(name, contender)| Peer { name, samples: of(contender, value) }),
        goal,
    };
    let all: fn(&Turn) -> f64 = |turn| turn.leases_per_s;
    let by_cpu: fn(&Turn) -> f64 = |turn| turn.per_cpu_s;
    let forged: fn(&Turn) -> f64 = |turn| turn.forged_per_s;
    let undisturbed = Some(("no flood", Contender::Undisturbed));
    let (nftables, nobody) = (Some(("nftables", Contender::Nftables)), Some(("no guard", Contender::Nobody)));
    Ok(vec![
        figure("beside a flood", Unit::LeasesPerS, all, undisturbed, Some(Goal::AtLeast(0.95))),
        figure("in a second of the server's CPU time", Unit::LeasesPerS, by_cpu, undisturbed, None),
        figure("beside a flood", Unit::LeasesPerS, all, nftables, None),
        figure("beside a flood", Unit::LeasesPerS, all, nobody, None),
        figure("forged OFFERs meanwhile", Unit::PacketsPerS, forged, nftables, None),
        figure("forged OFFERs meanwhile", Unit::PacketsPerS, forged, nobody, None),
    ])
}

/// A trusted server, its clients, and a port that is flooded.
struct Scene {
    lab: Lab,
    client: Guest,
    server: Process,
    flood: LiveFrames,
    nothing: LiveFrames,
    _guests: [Guest; 2],
}

impl Scene {
    fn new() -> Result<Self> {
        let lab = Lab::new()?;
        let (trusted, client, rogue) = (lab.attach("trusted")?, lab.attach("client")?, lab.attach("rogue")?);
        client.add_address("10.77.0.9/16")?;
        let server = Server::Kea.start(&trusted, &Pool::TRUSTED)?;
        keep_on(&server, next_cpu())?;
        let frames = |way| LiveFrames::at(lab.hypervisor(), rogue.port(), Message::offer().frame(), way);
        let (flood, nothing) = (frames(Way::In)?, frames(Way::Nowhere)?);
        Ok(Self { client, server, flood, nothing, _guests: [trusted, rogue], lab })
    }

    /// Gives leases for a second, as many as server and clients can on one CPU.
    fn turn(&self, frames: &LiveFrames) -> Result<Turn> {
        let is_over = AtomicBool::new(false);
        let flood = || -> Result<f64> {
            let _pinned = Pinned::to_first()?;
            let began = Instant::now();
            let made = frames.flood(self.lab.hypervisor(), || is_over.load(Ordering::Relaxed))?;
            Ok(made as f64 / began.elapsed().as_secs_f64())
        };
        thread::scope(|scope| {
            let flooding = scope.spawn(flood);
            let leased = self.lease();
            is_over.store(true, Ordering::Relaxed);
            let forged_per_s = flooding.join().expect("the flooding thread does not panic")?;
            let (leases_per_s, per_cpu_s) = leased?;
            Ok(Turn { leases_per_s, per_cpu_s, forged_per_s })
        })
    }

    /// Leases in a second, and in a second of the server's CPU time.
    fn lease(&self) -> Result<(f64, f64)> {
        let cpu = next_cpu().to_string();
        let spent = CpuTime::of(&self.server)?;
        let before = spent.read()?;
        let perfdhcp = ["perfdhcp", "-4", "-g", "single", "-R", CLIENTS, "-p", "1", "-l", "eth0"];
        // Its exit code says whether there was an answer to each request.
        let process = self.client.spawn([&["taskset", "--cpu-list", &cpu], &perfdhcp[..]].concat())?;
        process.wait(Duration::from_secs(20))?;
        let (spent, leases) = ((spent.read()? - before).as_secs_f64(), Leases::read(process.output())?);
        ensure!(leases.acks.received > 100, "too few leases: {}", leases.output);
        Ok((leases.per_s, leases.acks.received as f64 / spent))
    }
}
