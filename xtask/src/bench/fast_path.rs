//! PXE clients answered in the kernel: what an answer costs, and how soon it comes.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use pxeguard_lab::BRIDGE;
use pxeguard_lab::load::discovers::Discovers;
use pxeguard_lab::load::tftp::{self, Request};

use super::Effort;
use super::affinity::Pinned;
use super::contents::efi_program;
use super::counter::Counter;
use super::cpu_time::CpuTime;
use super::figure::{Figure, Goal, Peer, Unit};
use super::program_time::{Statistics, run_time_ns};
use super::samples::{Samples, in_turns};
use super::site::{SERVER, Server, Site};

/// Each with a MAC of its own.
const CLIENTS: u32 = 1 << 15;
/// Questions a second whose answers are timed.
const PACE: f64 = 2000.0;
/// Transfers at once that keep user space busy meanwhile.
const STREAMS: u16 = 100;
const FIRST_STREAM: Ipv4Addr = Ipv4Addr::new(10, 77, 64, 0);
/// Of those that have an address.
const FIRST_CLIENT: Ipv4Addr = Ipv4Addr::new(10, 77, 128, 1);
const PROGRAM_BYTES: usize = 1 << 20;

/// A server, and who asks it.
struct Contender<'a> {
    site: &'a Site,
    discovers: Discovers<'a>,
    asked: Counter,
    answered: Counter,
}

/// What a flood of questions showed.
struct Flooded {
    /// CPU time of who asks.
    per_question_ns: f64,
    /// Of the questions, how many are answered.
    share: f64,
    /// For a second of the server's CPU time.
    answers_per_cpu_s: f64,
}

/// Who asks carries each frame to where it ends, and the answer back: what an offer costs is what a question costs more if
/// it is answered on the way.
pub fn measure(effort: Effort) -> Result<Vec<Figure>> {
    let program = efi_program(PROGRAM_BYTES);
    let site = |server| Site::new(server, &[("boot.efi", &program)]);
    let sites = [site(Server::Pxeguard)?, site(Server::PxeguardWithoutBoot)?, site(Server::Dnsmasq)?];
    let contenders = [Contender::new(&sites[0])?, Contender::new(&sites[1])?, Contender::new(&sites[2])?];
    let window = effort.choose(Duration::from_millis(500), Duration::from_millis(300));
    let rounds = effort.choose(9, 3);
    let [fast, silent, theirs] = in_turns(rounds, |number| contenders[number].flood(window, number))?;
    let costs: Vec<f64> = fast.values().iter().zip(silent.values()).map(|(fast, silent)| fast - silent).collect();
    let per_cpu_s = Samples::from_iter(costs.iter().map(|ns| 1e9 / ns));

    let mut waits = [const { Vec::new() }; 2];
    for _ in 0..rounds {
        let (median, last) =
            contenders[0].wait(effort.choose(Duration::from_secs(2), Duration::from_secs(1)), &program)?;
        waits[0].push(median);
        waits[1].push(last);
    }
    let [median, last] = waits.map(Samples::from_iter);
    let boot_server = (0..rounds).map(|_| contenders[0].ask_boot_server(window)).collect::<Result<Samples>>()?;
    let programs = in_programs(&contenders[0], window, rounds)?;
    let alone = |name: &str, unit, samples, goal| Figure {
        name: format!("in the kernel: {name}"),
        unit,
        pxeguard: samples,
        peer: None,
        goal: Some(Goal::ItselfAtMost(goal)),
    };
    Ok(vec![
        Figure {
            name: "in the kernel: offers in a second of CPU time".to_owned(),
            unit: Unit::AnswersPerS,
            pxeguard: per_cpu_s,
            peer: Some(Peer { name: Server::Dnsmasq.name(), samples: theirs }),
            goal: Some(Goal::AtLeast(20.0)),
        },
        alone("CPU time of an offer, in the programs", Unit::Ns, programs, 2000.0),
        Figure {
            name: "in the kernel: CPU time of an offer, until the client has it".to_owned(),
            unit: Unit::Ns,
            pxeguard: Samples::from_iter(costs),
            peer: None,
            goal: None,
        },
        // All that XDP could save of it, once for each boot, if it sent the answer itself.
        Figure {
            name: "in the kernel: CPU time of a question on port 4011, sent and answered".to_owned(),
            unit: Unit::Ns,
            pxeguard: boot_server,
            peer: None,
            goal: None,
        },
        alone("offer while 100 files are sent, median", Unit::MsShort, median, 0.06),
        alone("offer while 100 files are sent, 99 % within", Unit::MsShort, last, 0.2),
    ])
}

/// What the kernel says that the programs take for a question: that of the port at its ingress, twice, as a copy of the
/// question goes on; and at its egress.
fn in_programs(contender: &Contender<'_>, window: Duration, rounds: usize) -> Result<Samples> {
    let _statistics = Statistics::switch_on()?;
    let measure = || {
        let (before, asked) = (run_time_ns(contender.site.server())?, contender.asked.read()?);
        thread::sleep(window);
        let (after, asked) = (run_time_ns(contender.site.server())?, contender.asked.read()? - asked);
        Ok((after - before) / asked as f64)
    };
    (0..rounds).map(|_| contender.discovers.flood(measure)).collect()
}

impl<'a> Contender<'a> {
    fn new(site: &'a Site) -> Result<Self> {
        let discovers = Discovers::new(&site.client, CLIENTS)?;
        let asked = Counter::open(site.lab.hypervisor(), site.client.port(), "rx_packets")?;
        let answered = Counter::open(&site.client, "eth0", "rx_packets")?;
        Ok(Self { site, discovers, asked, answered })
    }

    /// CPU time of a question, in ns; of dnsmasq, answers in a second of its own CPU time.
    fn flood(&self, window: Duration, number: usize) -> Result<f64> {
        let Flooded { per_question_ns, share, answers_per_cpu_s } = self.flood_with(&self.discovers, window)?;
        match number {
            0 => ensure!(share > 0.95, "only {share} of the questions are answered"),
            1 => ensure!(share < 0.05, "{share} of the questions are answered"),
            _ => return Ok(answers_per_cpu_s),
        }
        Ok(per_question_ns)
    }

    /// CPU time of a question to port 4011 and its answer, in ns, all that the sender does included.
    fn ask_boot_server(&self, window: Duration) -> Result<f64> {
        let server = (self.site.lab.hypervisor_mac(BRIDGE)?, SERVER);
        let questions = Discovers::at_boot_server(&self.site.client, CLIENTS, FIRST_CLIENT, server)?;
        let Flooded { per_question_ns, share, .. } = self.flood_with(&questions, window)?;
        ensure!(share > 0.95, "only {share} of the questions on port 4011 are answered");
        Ok(per_question_ns)
    }

    fn flood_with(&self, questions: &Discovers<'_>, window: Duration) -> Result<Flooded> {
        let _pinned = Pinned::apart(self.site.server())?;
        let asking = CpuTime::of_this_and_softirqs()?;
        questions.flood(|| {
            thread::sleep(window / 4);
            let (spent, answered) = (self.site.spent()?, self.answered.read()?);
            let (before, asked) = (asking.read()?, self.asked.read()?);
            thread::sleep(window);
            let (cost, asked) = (asking.read()? - before, self.asked.read()? - asked);
            let (spent, answered) = (self.site.spent()? - spent, self.answered.read()? - answered);
            Ok(Flooded {
                per_question_ns: cost.as_nanos() as f64 / asked as f64,
                share: answered as f64 / asked as f64,
                answers_per_cpu_s: answered as f64 / spent.as_secs_f64(),
            })
        })
    }

    /// Within how many ms half of the clients are answered, and 99 %, while files are sent to others.
    fn wait(&self, time: Duration, program: &[u8]) -> Result<(f64, f64)> {
        let streams = tftp::addresses(&self.site.client, FIRST_STREAM, STREAMS)?;
        let request =
            Request { server: SERVER, file: "boot.efi", blksize: 1468, windowsize: 4, expected: Some(program) };
        let is_over = AtomicBool::new(false);
        let waited = thread::scope(|scope| {
            let fetching = scope.spawn(|| -> Result<()> {
                while !is_over.load(Ordering::Relaxed) {
                    tftp::fetch(&self.site.client, &streams, &request, 1)?;
                }
                Ok(())
            });
            let waited = self.discovers.pace(PACE, time);
            is_over.store(true, Ordering::Relaxed);
            fetching.join().expect("the fetching thread does not panic")?;
            waited
        })?;
        let mut waited: Vec<_> = waited.into_iter().map(|it| it.unwrap_or(Duration::MAX).as_secs_f64() * 1e3).collect();
        waited.sort_by(f64::total_cmp);
        Ok((waited[waited.len() / 2], waited[waited.len() * 99 / 100]))
    }
}
