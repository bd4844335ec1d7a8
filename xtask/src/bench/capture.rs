//! A flood of forged OFFERs while somebody captures: how many are dropped in a second, beside the same without.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::signal::Signal;
use pxeguard_lab::frames::Message;
use pxeguard_lab::{Host, Lab, Process, guard};

use super::Effort;
use super::affinity::Pinned;
use super::counter::Counter;
use super::cpu_time::CpuTime;
use super::figure::{Figure, Goal, Peer, Unit};
use super::live_frames::{LiveFrames, Way};
use super::samples::{Samples, in_turns};
use super::switch::enforcing;

const FILE: &str = "/run/lab/bench.pcapng";
/// How long a capture may take to begin or to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// The frames end in native XDP at a port of a cable: more of them than by any other way.  Counted is for each second of the
/// CPU time that making and dropping them cost; the guard and the capture have the other CPU as well, as on a host.
pub fn measure(effort: Effort) -> Result<Vec<Figure>> {
    let lab = Lab::new()?;
    let (rogue, hypervisor) = (lab.attach("rogue")?, lab.hypervisor());
    let frames = LiveFrames::at(&rogue, "eth0", Message::offer().frame(), Way::Out)?.incessant();
    let guard = enforcing(&lab, "xdp")?;
    let taken = Counter::open(hypervisor, rogue.port(), "rx_packets")?;
    let window = effort.choose(Duration::from_millis(1000), Duration::from_millis(400));
    let cpu_time = CpuTime::of_this_and_softirqs()?;
    let (mut capture, mut written) = (None, 0);
    let mut in_cpu_time = [const { Vec::new() }; 2];
    let [with, without] = in_turns(effort.choose(16, 6), |contender| {
        match (contender == 0, capture.take()) {
            (true, None) => capture = Some(start(hypervisor)?),
            (false, Some(running)) => written += stop(&running)?,
            (_, as_wanted) => capture = as_wanted,
        }
        let _pinned = Pinned::to_first()?;
        let before = (cpu_time.read()?, taken.read()?);
        let began = Instant::now();
        frames.flood(&rogue, || began.elapsed() >= window)?;
        let (elapsed, spent) = (began.elapsed(), cpu_time.read()? - before.0);
        let dropped = (taken.read()? - before.1) as f64;
        in_cpu_time[contender].push(dropped / spent.as_secs_f64());
        Ok(dropped / elapsed.as_secs_f64())
    })?;
    if let Some(running) = capture {
        written += stop(&running)?;
    }
    // Of one server in one window there may be none.
    ensure!(written > 0, "nothing was captured");
    drop(guard);
    let figure = |name: &str, [ours, peer]: [Samples; 2], goal| Figure {
        name: name.to_owned(),
        unit: Unit::PacketsPerS,
        pxeguard: ours,
        peer: Some(Peer { name: "no capture", samples: peer }),
        goal,
    };
    Ok(vec![
        figure("capture: OFFERs dropped meanwhile", in_cpu_time.map(Samples::from_iter), Some(Goal::AtLeast(0.95))),
        // What others do on this machine is in it as well.
        figure("capture: in a second by the clock", [with, without], Some(Goal::AtLeast(0.95))),
    ])
}

fn start(hypervisor: &Host) -> Result<Process> {
    let program = guard::program()?;
    let program = program.to_str().context("the program's path is no text")?;
    let capture = hypervisor.spawn([program, "capture", "-w", FILE])?;
    capture.wait_line(|line| line.contains("capturing"), PATIENCE)?;
    Ok(capture)
}

/// Ends a capture; how many frames it has written.
fn stop(capture: &Process) -> Result<u64> {
    capture.signal(Signal::SIGINT)?;
    let status = capture.wait(PATIENCE)?;
    let said = capture.output();
    let written =
        said.lines().find_map(|line| line.strip_prefix("pxeguard: ")?.split_once(" frames written")?.0.parse().ok());
    ensure!(status.success(), "the capture ended with {status}: {said}");
    written.with_context(|| format!("the capture does not say how many frames it has written: {said}"))
}
