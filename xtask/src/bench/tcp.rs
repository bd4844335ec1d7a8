//! What the guard costs those who have nothing to do with DHCP: TCP through its bridge.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use pxeguard_lab::{BRIDGE, Lab, Tap};

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
    let machine = of_a_machine("auto", effort.choose(15, 5), effort)?;
    let machine_native = of_a_machine("xdp", effort.choose(15, 5), effort)?;
    Ok(vec![Figure { goal: Some(Goal::AtLeast(0.99)), ..rate }, cost, generic, native, machine, machine_native])
}

/// What a virtual machine sends by a tap port: TCP in packets of nearly 64 KiB, which nobody has cut yet.
///
/// The receiver counts them and has no address, so that this is the way through the host and nothing else.
fn of_a_machine(hook: &'static str, rounds: usize, effort: Effort) -> Result<Figure> {
    let lab = Lab::new()?;
    let receiver = lab.attach("receiver")?;
    let tap = Tap::with_offloads(lab.hypervisor(), "p-machine")?;
    lab.join_port("p-machine", BRIDGE)?;
    let packet = uncut_packet(receiver.mac().into_array());
    let received = Counter::open(&receiver, "eth0", "rx_bytes")?;
    let mut guard = Switch::new(&lab, hook);
    let window = effort.choose(Duration::from_millis(400), Duration::from_millis(300));
    let ended = AtomicBool::new(false);
    let [unguarded, guarded] = thread::scope(|scope| {
        let sender = scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                tap.send(&packet)?;
            }
            Ok::<_, anyhow::Error>(())
        });
        let measured = in_turns(rounds, |contender| {
            guard.set(contender == 1)?;
            ensure!(!sender.is_finished(), "the machine does not send any more");
            Ok(received.per_s(window)? * 8.0 / 1e9)
        });
        ended.store(true, Ordering::Relaxed);
        sender.join().expect("the sender does not panic")?;
        measured
    })?;
    ensure!(unguarded.median() > 0.1, "nothing arrives of what the machine sends");
    Ok(Figure {
        name: format!("tcp: packets of 64 KiB from a tap, --hook {hook}"),
        unit: Unit::GigabitsPerS,
        pxeguard: guarded,
        peer: Some(Peer { name: "no guard", samples: unguarded }),
        goal: None,
    })
}

/// A TCP packet of 44 segments, behind the `struct virtio_net_hdr` that says how to cut it (linux/virtio_net.h).
fn uncut_packet(to: [u8; 6]) -> Vec<u8> {
    const SEGMENT: usize = 1448;
    let payload = 44 * SEGMENT;
    let mut packet = Vec::new();
    // VIRTIO_NET_HDR_F_NEEDS_CSUM and VIRTIO_NET_HDR_GSO_TCPV4.
    packet.extend([1, 1]);
    // hdr_len, gso_size, csum_start, csum_offset: the host's byte order.
    packet.extend([54, SEGMENT as u16, 34, 16].map(u16::to_ne_bytes).concat());
    packet.extend([&to[..], &[2, 0, 0, 0, 0x77, 1], &[8, 0]].concat());
    let mut ip = [0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 77, 0, 2, 10, 77, 0, 1];
    ip[2..4].copy_from_slice(&((40 + payload) as u16).to_be_bytes());
    let sum: u32 = ip.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    ip[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    packet.extend(ip);
    // Ports, sequence number, acknowledgement, ACK, window, checksum, urgent pointer.
    packet.extend([0x9c, 0x40, 0x14, 0x51, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
    packet.resize(packet.len() + payload, 0);
    packet
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
