//! What a packet costs where there are many ports, many servers, many clients.

use std::time::Duration;

use anyhow::{Result, ensure};
use pxeguard_lab::load::discovers::Discovers;
use pxeguard_lab::{Guard, until};

use super::Effort;
use super::contents::efi_program;
use super::counter::Counter;
use super::crowd::Crowd;
use super::figure::{Figure, Goal, Peer, Unit};
use super::packet::{Frame, guarding};
use super::program_time::{Statistics, run_time_ns};
use super::samples::{Samples, in_turns};
use super::site::{Server, Site};
use super::switch::enforcing;

/// By how much the largest may cost more than the smallest.
const FLAT: Goal = Goal::AtMost(1.2);
/// Ports that ten thousand servers share: the kernel keeps 256 servers that nobody trusts for each.
const SHARED_BY: usize = 64;

/// How much there is of what the kernel's programs look up.
#[derive(Clone, Copy)]
struct Size {
    ports: usize,
    servers: usize,
}

const fn size(ports: usize, servers: usize) -> Size {
    Size { ports, servers }
}

/// The smallest first, to which the others are compared.
const SIZES: [Size; 6] =
    [size(1, 1), size(8, 1), size(64, 1), size(256, 1), size(SHARED_BY, 100), size(SHARED_BY, 10_000)];
/// With little patience.
const FEW_SIZES: [Size; 3] = [size(1, 1), size(SHARED_BY, 1), size(SHARED_BY, 10_000)];
/// How long it may take until enough has been asked.
const PATIENCE: Duration = Duration::from_secs(20);
const CLIENTS: [u32; 3] = [1, 100, 10_000];

/// All three.
pub fn measure(effort: Effort) -> Result<Vec<Figure>> {
    let replies = if effort.quick { replies(FEW_SIZES, 5)? } else { replies(SIZES, 15)? };
    Ok([replies, questions(effort)?].concat())
}

/// The guard's program on frames that come in by each of the ports in turns.
fn replies<const N: usize>(sizes: [Size; N], rounds: usize) -> Result<Vec<Figure>> {
    let crowds: Vec<_> = sizes.iter().map(|size| Crowd::new(size.ports)).collect::<Result<_>>()?;
    let guards: Vec<Guard> = crowds.iter().map(|crowd| enforcing(&crowd.lab, "auto")).collect::<Result<_>>()?;
    for ((crowd, guard), size) in crowds.iter().zip(&guards).zip(sizes) {
        crowd.introduce(guard, size.servers)?;
    }
    let mut figures = Vec::new();
    for frame in [Frame::BulkTcp, Frame::RogueOffer] {
        let mut round = [0; N];
        let costs: [Samples; N] = in_turns(rounds, |number| {
            let crowd = &crowds[number];
            // Spread over all ports, however few rounds there are.
            let port = round[number] * crowd.ports / rounds;
            round[number] += 1;
            guarding(&crowd.lab, &Crowd::port(port), "tcx")?.cost_ns(frame)
        })?;
        for (size, cost) in sizes.iter().zip(&costs).skip(1) {
            let of = if size.servers > 1 { counted(size.servers, "server") } else { counted(size.ports, "port") };
            figures.push(figure(&format!("{}, {of}", frame.name()), cost, &costs[0], "1 port, 1 server"));
        }
    }
    Ok(figures)
}

/// The guard's and the responder's programs on what PXE clients ask, by the kernel's own count.
fn questions(effort: Effort) -> Result<Vec<Figure>> {
    let site = Site::new(Server::Pxeguard, &[("boot.efi", &efi_program(4096))])?;
    let asked = Counter::open(site.lab.hypervisor(), site.client.port(), "rx_packets")?;
    let answered = Counter::open(&site.client, "eth0", "rx_packets")?;
    let crowds = CLIENTS.map(|clients| Discovers::new(&site.client, clients));
    let crowds = crowds.into_iter().collect::<Result<Vec<_>>>()?;
    let questions = effort.choose(100_000, 30_000);
    let _statistics = Statistics::switch_on()?;
    let costs: [Samples; CLIENTS.len()] = in_turns(effort.choose(9, 5), |number| {
        crowds[number].flood(|| {
            let wait = |many: u64| {
                let enough = asked.read()? + many;
                until(PATIENCE, "enough questions come in", || asked.read().is_ok_and(|asked| asked >= enough))
            };
            wait(questions / 4)?;
            let (ran, before, offers) = (run_time_ns(site.server())?, asked.read()?, answered.read()?);
            wait(questions)?;
            let (ran, asked) = (run_time_ns(site.server())? - ran, asked.read()? - before);
            let share = (answered.read()? - offers) as f64 / asked as f64;
            ensure!(share > 0.9, "only {share} of the questions are answered");
            Ok(ran / asked as f64)
        })
    })?;
    let others = CLIENTS.iter().zip(&costs).skip(1);
    let name = |clients: u32| format!("PXE DISCOVER, {}", counted(clients as usize, "client"));
    Ok(others.map(|(clients, cost)| figure(&name(*clients), cost, &costs[0], "1 client")).collect())
}

fn figure(name: &str, cost: &Samples, smallest: &Samples, of: &'static str) -> Figure {
    Figure {
        name: format!("growth: {name}"),
        unit: Unit::Ns,
        pxeguard: cost.clone(),
        peer: Some(Peer { name: of, samples: smallest.clone() }),
        goal: Some(FLAT),
    }
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}s")
}
