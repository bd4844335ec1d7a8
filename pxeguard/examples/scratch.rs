//! Loads the kernel programs and runs them on frames from memory, beside XDP programs of others: `scratch [ID]...`.
//! `xdp-filter load -f udp,ipv4,ethernet v0` leaves one behind; `ip link show v0` tells its number.
//!
//! Prints what the verifier had to do, and the least of several means in nanoseconds per frame.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result};
use aya::programs::loaded_programs;
use pxeguard::dataplane::{DataPlane, Port, TestRun, detach};
use pxeguard::hook::HookChoice;
use pxeguard_common::net::Ifindex;
use pxeguard_common::trust::{Grant, Mode, Place};

const BPFFS: &str = "/sys/fs/bpf";
const ROUNDS: usize = 8;
const REPEAT: u32 = 300_000;

fn main() -> Result<()> {
    let done = measure();
    detach(Path::new(BPFFS))?;
    done
}

fn measure() -> Result<()> {
    let start = Instant::now();
    let mut plane = DataPlane::open(Path::new(BPFFS))?;
    println!("opened in {:?}", start.elapsed());
    for program in loaded_programs().flatten() {
        let name = program.name_as_str().unwrap_or_default();
        if name.starts_with("pxeguard_") {
            println!("{name}: {} steps verified", program.verified_instruction_count().unwrap_or_default());
        }
    }
    let server = Place::new(None, Some([2, 0, 0, 0, 0, 1]), None);
    plane.maps.set_policy(Mode::Enforce, &[(server, Grant::DHCP.where_first_seen())])?;
    // `BPF_PROG_TEST_RUN` has the frames come in by the loopback interface.
    let choice = HookChoice::Tcx;
    let (index, name) = (Ifindex(1), "lo");
    let (physical, bridge_port, only_xdp) = (false, true, false);
    plane.guard(&Port { index, name, kind: name, physical, bridge_port, only_xdp, choice, xdp_program: None })?;

    let others: Vec<String> = std::env::args().skip(1).collect();
    for (kind, frame) in frames() {
        let mut ours = [TestRun::Xdp, TestRun::Ingress, TestRun::Egress].map(|hook| (hook, u128::MAX, 0));
        let mut theirs = vec![u128::MAX; others.len()];
        for _ in 0..ROUNDS {
            for (hook, least, returned) in &mut ours {
                let (value, mean) = plane.test_run(*hook, &frame, REPEAT)?;
                (*least, *returned) = (mean.as_nanos().min(*least), value);
            }
            for (id, least) in others.iter().zip(&mut theirs) {
                *least = other(id, &frame)?.min(*least);
            }
        }
        for (hook, least, returned) in ours {
            print!("{kind} {hook:?} {least} ns ({})  ", returned as i32);
        }
        println!("others {theirs:?}");
    }
    Ok(())
}

/// What a frame takes a program that somebody else loaded.
fn other(id: &str, frame: &[u8]) -> Result<u128> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(frame)?;
    let mut bpftool = Command::new("bpftool");
    bpftool.args(["--json", "prog", "run", "id", id, "repeat", &REPEAT.to_string(), "data_in"]).arg(file.path());
    let printed = bpftool.output().context("cannot run bpftool")?.stdout;
    let printed: serde_json::Value = serde_json::from_slice(&printed).context("bpftool could not run it")?;
    printed["duration"].as_u64().map(u128::from).context("bpftool printed no duration")
}

/// TCP, other UDP, and OFFERs: as dnsmasq orders the options, as Kea does, and in a VLAN.
fn frames() -> [(&'static str, Vec<u8>); 5] {
    let sorted =
        [&[1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 0, 1, 6, 4, 10, 0, 0, 1, 51, 4, 0, 0, 1, 0][..], &SAID].concat();
    [
        ("tcp", frame(&[], 6, 40_000, &[0; 1472])),
        ("udp", frame(&[], 17, 40_000, &[0; 1472])),
        ("offer", frame(&[], 17, 68, &message(&SAID))),
        ("sorted", frame(&[], 17, 68, &message(&sorted))),
        ("vlan", frame(&[0x81, 0, 0, 5], 17, 68, &message(&SAID))),
    ]
}

const SAID: [u8; 9] = [53, 1, 2, 54, 4, 10, 0, 0, 1];

fn message(options: &[u8]) -> Vec<u8> {
    let mut message = vec![0; 236];
    (message[0], message[16], message[19]) = (2, 10, 5);
    [&message[..], &[0x63, 0x82, 0x53, 0x63], options, &[255; 40]].concat()
}

fn frame(tag: &[u8], protocol: u8, to: u16, payload: &[u8]) -> Vec<u8> {
    let udp_len = 8 + payload.len() as u16;
    let [high, low] = (20 + udp_len).to_be_bytes();
    let ip = [0x45, 0, high, low, 0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 5];
    let udp = [67, to, udp_len, 0].map(u16::to_be_bytes).concat();
    let mac = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9];
    [&mac[..], tag, &[8, 0], &ip, &udp, payload].concat()
}
