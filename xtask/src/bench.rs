//! `cargo xtask bench`: pxeguard's figures, each beside its peer's of the same run.

mod affinity;
mod bare;
mod beside;
mod bounds;
mod capture;
mod contents;
mod counter;
mod cpu_time;
mod crowd;
mod daemon;
mod download;
mod fast_path;
mod figure;
mod flood;
mod growth;
mod http;
mod leases;
mod live_frames;
mod machine;
mod neighbours;
mod packet;
mod plot;
mod power_on;
mod program_time;
mod proxy;
mod reconcile;
mod samples;
mod site;
mod start;
mod storm;
mod switch;
mod tcp;
mod test_run;
mod tftp;
mod xdp_drop;

use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::packages::Purpose;
use crate::{build, command, leftovers, setup};
pub use bare::Bare;
use figure::Figure;
use machine::Machine;

/// Measures pxeguard beside its peers, in network namespaces of its own
///
/// Installs the peers first, and runs as root, through sudo where need be. Whatever is compared is measured in turns.
/// PXEGUARD_BIN in the environment names another program to measure, which is not built here.
#[derive(Args)]
pub struct Bench {
    /// Fewer rounds and shorter ones, and no power-on: some minutes instead of twenty
    #[arg(long)]
    quick: bool,
    /// Also writes every single value to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Also draws the figures into this folder (SVG)
    #[arg(long, value_name = "DIR")]
    plots: Option<PathBuf>,
    /// Draws what an earlier run wrote by --json, and measures nothing
    #[arg(long, value_name = "FILE", requires = "plots", conflicts_with_all = ["quick", "json", "names"])]
    from: Option<PathBuf>,
    /// What to measure; everything where nothing is named
    #[arg(value_name = "NAME")]
    names: Vec<Name>,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Name {
    /// What this machine can do at the most: copying, system calls
    Bounds,
    /// Throughput of TCP through a guarded bridge; peer: no guard
    Tcp,
    /// Cost of one packet in the kernel; peer: xdp-filter
    Packet,
    /// Packets a second in a flood of forged offers; peers: nftables and ebtables
    Drop,
    /// The same by XDP; peer: xdp-filter
    XdpDrop,
    /// Packets a second in such a flood while somebody captures; peer: no capture
    Capture,
    /// Leases of a trusted server beside a flood; peers: no flood, nftables
    Leases,
    /// What a packet and a start cost with many ports, servers, clients
    Growth,
    /// Time from the start of the daemon until it guards, its memory, its wake-ups
    Daemon,
    /// Files by TFTP; peers: dnsmasq, tftpd-hpa, atftpd, and a loop of system calls
    Tftp,
    /// Files by HTTP; peers: nginx, and a loop of system calls
    Http,
    /// PXE clients answered by the daemon; peer: dnsmasq
    Proxy,
    /// PXE clients answered in the kernel; peer: dnsmasq
    FastPath,
    /// Leases from the DHCP server beside; peer: no fast path
    Beside,
    /// Many clients switched on at once; peer: dnsmasq
    Storm,
    /// From power-on until firmware has its boot program; peer: dnsmasq.  With --quick only where it is named
    PowerOn,
}

/// How much patience there is.
#[derive(Clone, Copy, Debug)]
struct Effort {
    quick: bool,
}

impl Effort {
    /// One number for all the patience, another one for little.
    fn choose<T>(self, thorough: T, quick: T) -> T {
        if self.quick { quick } else { thorough }
    }
}

impl Bench {
    pub fn run(&self) -> Result<()> {
        if let Some(report) = &self.from {
            let text = fs::read_to_string(report).with_context(|| format!("cannot read {}", report.display()))?;
            let report = serde_json::from_str(&text).with_context(|| format!("cannot read {}", report.display()))?;
            return self.draw(&report);
        }
        let program = env::var_os(leftovers::PROGRAM).map(PathBuf::from);
        // The load generators share the CPUs with what they measure.
        let optimised = !cfg!(debug_assertions);
        if optimised && program.is_some() && command::is_root() {
            return self.measure();
        }
        let program = match program {
            Some(program) => program,
            None => {
                setup::provide(&[Purpose::Bench])?;
                build::release()?
            }
        };
        command::again_as_root(&build::optimised_xtask()?, &program)
    }

    fn measure(&self) -> Result<()> {
        let machine = Machine::here()?;
        println!("{machine}");
        let (began, effort) = (Instant::now(), Effort { quick: self.quick });
        let mut figures = Vec::new();
        for name in Name::value_variants().iter().filter(|name| self.wants(**name)) {
            let began = Instant::now();
            figures.extend(name.measure(effort).with_context(|| format!("cannot measure {name:?}"))?);
            eprintln!("{name:?}: {:.0} s", began.elapsed().as_secs_f64());
        }
        print!("{}", figure::table(&figures));
        println!("{}; {:.0} s", figure::LEGEND, began.elapsed().as_secs_f64());
        let figures: Vec<_> = figures.iter().map(Figure::to_json).collect();
        let report = json!({ "machine": machine, "quick": self.quick, "figures": figures });
        if let Some(path) = &self.json {
            let written = fs::write(path, format!("{report:#}\n"));
            written.with_context(|| format!("cannot write {}", path.display()))?;
        }
        self.draw(&report)
    }

    /// Draws what a report holds, where that is asked for.
    fn draw(&self, report: &Value) -> Result<()> {
        self.plots.as_ref().map_or(Ok(()), |folder| plot::draw(report, folder))
    }
}

impl Bench {
    /// A machine without KVM needs ten seconds for each power-on.
    fn wants(&self, name: Name) -> bool {
        if self.names.is_empty() { name != Name::PowerOn || !self.quick } else { self.names.contains(&name) }
    }
}

impl Name {
    fn measure(self, effort: Effort) -> Result<Vec<Figure>> {
        match self {
            Self::Bounds => bounds::measure(effort),
            Self::Tcp => tcp::measure(effort),
            Self::Packet => packet::measure(effort),
            Self::Drop => flood::measure(effort),
            Self::XdpDrop => xdp_drop::measure(effort),
            Self::Capture => capture::measure(effort),
            Self::Leases => leases::measure(effort),
            Self::Growth => Ok([growth::measure(effort)?, reconcile::measure(effort)?].concat()),
            Self::Daemon => Ok([start::measure(effort)?, daemon::measure(effort)?].concat()),
            Self::Tftp => tftp::measure(effort),
            Self::Http => http::measure(effort),
            Self::Proxy => proxy::measure(effort),
            Self::FastPath => fast_path::measure(effort),
            Self::Beside => beside::measure(effort),
            Self::Storm => storm::measure(effort),
            Self::PowerOn => power_on::measure(effort),
        }
    }
}
