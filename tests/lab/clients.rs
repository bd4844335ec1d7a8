//! Real DHCP clients, each asked for one lease and then forgotten.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{Host, Process};

mod dhclient;
mod dhcpcd;
mod tftp;
mod udhcpc;

pub use tftp::TftpClient;

/// The program that a client runs with what it was given: prints one line that [`Lease::parse`] reads.
const SCRIPT: &str = "/run/lab/lease.sh";

/// What a client was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The client's address (`yiaddr`).
    pub address: Ipv4Addr,
    /// Option 54.
    pub server_id: Ipv4Addr,
}

/// A DHCP client program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// busybox udhcpc.
    Udhcpc,
    /// ISC dhclient.
    Dhclient,
    /// dhcpcd.
    Dhcpcd,
}

impl Client {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Udhcpc, Self::Dhclient, Self::Dhcpcd];

    /// The program that has to be installed.
    pub fn program(self) -> &'static str {
        match self {
            Self::Udhcpc => "busybox",
            Self::Dhclient => "dhclient",
            Self::Dhcpcd => "dhcpcd",
        }
    }

    /// Gets a lease on `eth0`, from DISCOVER to ACK, without any memory of earlier ones.
    pub fn lease(self, host: &Host) -> Result<Lease> {
        let lease = self.lease_within(host, Duration::from_secs(20))?;
        lease.with_context(|| format!("{}: {self:?} got no lease", host.name()))
    }

    /// As [`Client::lease`]; `None` if it asked and was given nothing within `limit`.
    ///
    /// An error if it crashed: some disguised replies make dhcpcd 9.4.1 do so.
    pub fn lease_within(self, host: &Host, limit: Duration) -> Result<Option<Lease>> {
        let process = match self {
            Self::Udhcpc => udhcpc::start(host),
            Self::Dhclient => dhclient::start(host),
            Self::Dhcpcd => dhcpcd::start(host),
        }?;
        let lease = Lease::wait(&process, limit);
        end(process)?;
        match self {
            Self::Udhcpc | Self::Dhclient => {}
            Self::Dhcpcd => dhcpcd::forget(host)?,
        }
        lease
    }
}

impl Lease {
    fn wait(client: &Process, limit: Duration) -> Result<Option<Self>> {
        let why = match client.wait_line(|line| Self::parse(line).is_some(), limit) {
            Ok(line) => return Ok(Self::parse(&line)),
            Err(why) => why,
        };
        let asked = client.output().to_lowercase().contains("discover");
        let gave_up = || client.wait(limit).is_ok_and(|status| status.code().is_some());
        if asked && (client.is_running() || gave_up()) {
            return Ok(None);
        }
        Err(why)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("lease ")?.split(' ');
        let (address, server_id) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Self { address, server_id })
    }
}

/// Starts a client in a pid namespace of its own: dhcpcd has helpers that outlive it when it is killed.
fn spawn(host: &Host, client: &[&str]) -> Result<Process> {
    host.spawn([&["unshare", "--pid", "--fork", "--kill-child"], client].concat())
}

/// Ends a client and its helpers, so that none of them writes a lease file later.
///
/// The client is the first process of its pid namespace, and `unshare` waits for it: the kernel reports
/// its end only after that of all others there.
fn end(unshare: Process) -> Result<()> {
    let pid = unshare.pid();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    // None if it has ended by itself.
    for child in children.unwrap_or_default().split_whitespace() {
        let _ = kill(Pid::from_raw(child.parse()?), Signal::SIGKILL);
        unshare.wait(Duration::from_secs(5))?;
    }
    Ok(())
}

/// Makes [`SCRIPT`] with these lines.
fn write_script(host: &Host, lines: &str) -> Result<()> {
    host.write(SCRIPT, format!("#!/bin/sh\n{lines}\n"))?;
    host.run(["chmod", "+x", SCRIPT]).map(drop)
}
