//! What the guard costs those who have nothing to do with DHCP: TCP through its bridge.

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use pxeguard_lab::Lab;

use super::Effort;
use super::counter::Counter;
use super::cpu_time::CpuTime;
use super::figure::{Figure, Goal, Peer, Unit};
use super::samples::{Samples, in_turns};
use super::switch::Switch;

/// The receiver's address, and where iperf3 listens.
const RECEIVER: &str = "10.77.0.1";
/// One stream between two guests, which goes on while the guard comes and goes.
pub fn measure(effort: Effort) -> Result<Vec<Figure>> {
    // How long a stream needs until it is as fast as before: native XDP loses frames when it comes and when it goes.
    let (soon, late) = (Duration::from_millis(100), Duration::from_millis(500));
    let [rate, cost] = one_hook("auto", effort.choose(64, 12), soon, effort)?;
    let [generic, _] = one_hook("xdp-generic", effort.choose(5, 3), late, effort)?;
    let [native, _] = one_hook("xdp", effort.choose(5, 3), late, effort)?;
    Ok(vec![Figure { goal: Some(Goal::AtLeast(0.99)), ..rate }, cost, generic, native])
}

/// Throughput, and CPU time of both ends for a GB: the latter is less sensitive to what else runs here.
fn one_hook(hook: &'static str, rounds: usize, settle: Duration, effort: Effort) -> Result<[Figure; 2]> {
    let lab = Lab::new()?;
    let (sender, receiver) = (lab.attach("sender")?, lab.attach("receiver")?);
    sender.add_address("10.77.0.2/24")?;
    receiver.add_address(&format!("{RECEIVER}/24"))?;
    let server = receiver.spawn(["iperf3", "--server", "--forceflush"])?;
    server.wait_line(|line| line.contains("listening"), Duration::from_secs(10))?;
    // Both ends on one CPU: whatever the kernel does more costs throughput, and the scheduler has no choice to make.
    let client =
        sender.spawn(["iperf3", "--client", RECEIVER, "--time", "600", "--affinity", "0,0", "--forceflush"])?;
    client.wait_line(|line| line.contains("Gbits/sec"), Duration::from_secs(10))?;

    let received = Counter::open(&receiver, "eth0", "rx_bytes")?;
    let ends = [CpuTime::of(&client)?, CpuTime::of(&server)?];
    let mut guard = Switch::new(&lab, hook);
    let window = effort.choose(Duration::from_millis(400), Duration::from_millis(200));
    let mut costs = [const { Vec::new() }; 2];
    let [unguarded, guarded] = in_turns(rounds, |contender| {
        guard.set(contender == 1)?;
        thread::sleep(settle);
        ensure!(client.is_running(), "iperf3 has ended:\n{}", client.output());
        let spent = || Ok::<_, anyhow::Error>((ends[0].read()? + ends[1].read()?).as_secs_f64());
        let before = spent()?;
        let per_s = received.per_s(window)?;
        costs[contender].push((spent()? - before) * 1e3 / (per_s * window.as_secs_f64() / 1e9));
        Ok(per_s * 8.0 / 1e9)
    })?;
    let [free, charged] = costs.map(Samples::from_iter);
    let figure = |what, unit, pxeguard, peer| Figure {
        name: format!("tcp: {what}, --hook {hook}"),
        unit,
        pxeguard,
        peer: Some(Peer { name: "no guard", samples: peer }),
        goal: None,
    };
    Ok([
        figure("one stream", Unit::GigabitsPerS, guarded, unguarded),
        figure("CPU time for a GB", Unit::Ms, charged, free),
    ])
}
