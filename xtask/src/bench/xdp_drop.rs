//! A flood of forged OFFERs that ends in XDP: how many a CPU drops in a second, beside xdp-filter at the same port.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use pxeguard_lab::frames::Message;
use pxeguard_lab::{Guest, Lab};

use super::Effort;
use super::affinity::Pinned;
use super::counter::Counter;
use super::cpu_time::CpuTime;
use super::figure::{Figure, Goal, Peer, Unit};
use super::live_frames::{LiveFrames, Way};
use super::samples::in_turns;
use super::switch::Switch;

/// Both modes.
pub fn measure(effort: Effort) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for mode in [Mode::Native, Mode::Generic] {
        figures.extend(one_mode(mode, effort)?);
    }
    Ok(figures)
}

/// How XDP is run.
#[derive(Clone, Copy)]
enum Mode {
    /// By the driver: the frames come by a veth cable, which hands them over as they are.
    Native,
    /// By the kernel, on an skb: the frames are put where the driver would have left them.
    Generic,
}

impl Mode {
    const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Generic => "generic",
        }
    }

    /// As `--hook` has it.
    const fn hook(self) -> &'static str {
        match self {
            Self::Native => "xdp",
            Self::Generic => "xdp-generic",
        }
    }

    /// As xdp-filter has it.
    const fn of_xdp_filter(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Generic => "skb",
        }
    }
}

/// Who drops.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Contender {
    Pxeguard,
    /// With these features.
    XdpFilter(&'static str),
}

const CONTENDERS: [Contender; 3] =
    [Contender::Pxeguard, Contender::XdpFilter("udp,ethernet,ipv4"), Contender::XdpFilter("udp")];

/// Whoever makes the frames carries each to where it ends: its CPU time, and its `ksoftirqd`'s, are what making and
/// dropping cost, and a second of them is a second of a CPU that does nothing else.
fn one_mode(mode: Mode, effort: Effort) -> Result<Vec<Figure>> {
    let lab = Lab::new()?;
    let (rogue, client) = (lab.attach("rogue")?, lab.attach("client")?);
    let hypervisor = lab.hypervisor();
    let offer = Message::offer().frame();
    let (sender, device, way) = match mode {
        Mode::Native => (&*rogue, "eth0", Way::Out),
        Mode::Generic => (hypervisor, rogue.port(), Way::In),
    };
    let frames = LiveFrames::at(sender, device, offer, way)?;
    let taken = Counter::open(hypervisor, rogue.port(), "rx_packets")?;
    let passed = Counter::open(hypervisor, client.port(), "tx_packets")?;
    let window = effort.choose(Duration::from_millis(400), Duration::from_millis(200));
    let mut at_port = AtPort { lab: &lab, rogue: &rogue, mode, guard: Switch::new(&lab, mode.hook()), filter: None };
    let cpu_time = CpuTime::of_this_and_softirqs()?;
    let [ours, like_us, smallest] = in_turns(effort.choose(12, 5), |number| {
        at_port.set(CONTENDERS[number])?;
        let _pinned = Pinned::to_first()?;
        let before = (cpu_time.read()?, taken.read()?, passed.read()?);
        let end = Instant::now() + window;
        let made = frames.flood(sender, || Instant::now() >= end)?;
        let spent = cpu_time.read()? - before.0;
        // What the driver did not take in is not counted by it.
        let dropped = match mode {
            Mode::Native => taken.read()? - before.1,
            Mode::Generic => made,
        };
        let reached_client = passed.read()? - before.2;
        ensure!(reached_client < 100, "{reached_client} forged OFFERs reached the client");
        ensure!(dropped * 2 > made, "of {made} forged OFFERs only {dropped} came in");
        Ok(dropped as f64 / spent.as_secs_f64())
    })?;
    let figure = |name, samples| Figure {
        name: format!("xdp drop: OFFERs, {}", mode.name()),
        unit: Unit::PacketsPerS,
        pxeguard: ours.clone(),
        peer: Some(Peer { name, samples }),
        goal: Some(Goal::AtLeast(1.0)),
    };
    Ok(vec![figure("xdp-filter -f udp,ethernet,ipv4", like_us), figure("xdp-filter -f udp", smallest)])
}

/// One port, and who drops there by turns.
struct AtPort<'a> {
    lab: &'a Lab,
    rogue: &'a Guest,
    mode: Mode,
    guard: Switch<'a>,
    filter: Option<&'static str>,
}

impl AtPort<'_> {
    fn set(&mut self, contender: Contender) -> Result<()> {
        let wanted = match contender {
            Contender::Pxeguard => None,
            Contender::XdpFilter(features) => Some(features),
        };
        let (hypervisor, port) = (self.lab.hypervisor(), self.rogue.port());
        if self.filter != wanted && self.filter.take().is_some() {
            hypervisor.run(["xdp-filter", "unload", port])?;
        }
        self.guard.set(contender == Contender::Pxeguard)?;
        if let Some(features) = wanted.filter(|_| self.filter != wanted) {
            let mode = self.mode.of_xdp_filter();
            hypervisor.run(["xdp-filter", "load", "--mode", mode, "--features", features, port])?;
            hypervisor.run(["xdp-filter", "port", "68", "--mode", "dst", "--proto", "udp"])?;
            self.filter = wanted;
        }
        Ok(())
    }
}
