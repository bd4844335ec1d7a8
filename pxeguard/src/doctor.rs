//! The doctor: looks at what on this host is in the way of DHCP, of booting and of the guard, and says what mends it.
//!
//! Each subject has a file, in which facts are gathered first and judged then, by a function that asks nobody.  A check
//! that could not be made is a warning that says why.

mod address;
mod boot_root;
mod bridge;
mod checksums;
mod command;
mod dnsmasq;
mod holders;
mod kernel;
mod netfilter;
mod ports;
mod processes;

use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::config::Config;
use crate::control::{Request, Response, ask};
use crate::networks::Networks;
use crate::ports::{Kind, Snapshot, Targets, Watch};
use crate::report;
use crate::trust::Trusts;

/// What was looked at.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// What `--iface` names.
    Interface,
    /// Kernel and BPF.
    Kernel,
    /// A bridge: forward delay, STP, its ports' states.
    Bridge,
    /// DHCP between the ports of a bridge: its own rules, and those of iptables by br_netfilter.
    Forwarding,
    /// Who holds a port.
    Holder,
    /// Rules in the way of questions, answers and files.
    Firewall,
    /// The boot root.
    BootRoot,
    /// Addresses.
    Address,
    /// dnsmasq on this host.
    Dnsmasq,
    /// UDP checksums of this host's DHCP server.
    Checksum,
    /// A guarded port.
    Port,
}

/// What came of it; the gravest first.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Something does not work.
    Fail,
    /// Something may not work, or could not be looked at.
    Warn,
    /// All is well.
    Pass,
}

/// What a check has found.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// Which check.
    pub check: Check,
    /// What came of it.
    pub result: Outcome,
    /// What it is about, such as `vmbr0` or `udp 69`.
    pub subject: String,
    /// What was seen.
    pub evidence: String,
    /// What mends it: a command, where there is one.
    pub remedy: Option<String>,
}

impl Check {
    /// As in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interface => "interface",
            Self::Kernel => "kernel",
            Self::Bridge => "bridge",
            Self::Forwarding => "forwarding",
            Self::Holder => "holder",
            Self::Firewall => "firewall",
            Self::BootRoot => "boot-root",
            Self::Address => "address",
            Self::Dnsmasq => "dnsmasq",
            Self::Checksum => "checksum",
            Self::Port => "port",
        }
    }
}

impl Outcome {
    /// As in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Warn => "warn",
            Self::Pass => "pass",
        }
    }
}

impl Finding {
    fn new(result: Outcome, check: Check, subject: &str, evidence: impl Into<String>, remedy: Option<String>) -> Self {
        Self { check, result, subject: subject.to_owned(), evidence: evidence.into(), remedy }
    }

    fn pass(check: Check, subject: &str, evidence: impl Into<String>) -> Self {
        Self::new(Outcome::Pass, check, subject, evidence, None)
    }

    fn warn(check: Check, subject: &str, evidence: impl Into<String>, remedy: Option<String>) -> Self {
        Self::new(Outcome::Warn, check, subject, evidence, remedy)
    }

    fn fail(check: Check, subject: &str, evidence: impl Into<String>, remedy: Option<String>) -> Self {
        Self::new(Outcome::Fail, check, subject, evidence, remedy)
    }
}

/// This host, as the checks see it.
struct Host<'a> {
    config: &'a Config,
    snapshot: Snapshot,
    targets: Targets,
    networks: Networks,
    segments: Vec<Segment>,
    trusts: Trusts,
    /// What the running daemon says of its ports, or why nothing.
    daemon: Result<Vec<report::Port>, String>,
}

/// Something that `--iface` names and that is there.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Segment {
    /// As the kernel calls it.
    name: String,
    /// The bridge that it is, or is a port of.
    bridge: Option<String>,
    /// Of a bridge: its ports.
    ports: Vec<String>,
}

/// Who asks for the checks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Asked {
    /// Somebody who wants to know all.
    ByPerson,
    /// `pxeguard run`, which has said by itself what it could not do.
    ByDaemon,
}

/// Makes all checks, in the network namespace of the calling thread; the gravest findings come first.
///
/// Waits for other programs and for the disk, some seconds at the worst.
pub fn check(config: &Config, asked: Asked) -> anyhow::Result<Vec<Finding>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start tokio")?;
    let host = runtime.block_on(Host::look(config, asked))?;
    let mut findings: Vec<Finding> = host.targets.problems.iter().map(interface).collect();
    findings.extend(bridge::check(&host));
    findings.extend(netfilter::check(&host));
    findings.extend(holders::check(&host));
    findings.extend(address::check(&host));
    findings.extend(dnsmasq::check(&host));
    findings.extend(checksums::check(&host));
    if asked == Asked::ByPerson {
        findings.extend(kernel::check());
        findings.extend(boot_root::check(&host));
        findings.extend(ports::check(&host));
    }
    findings.sort_by_key(|finding| (finding.result, finding.check));
    Ok(findings)
}

/// Makes the checks beside a daemon that has just begun, and tells what failed.  It keeps nobody waiting.
///
/// What is returned is closed when it is done.  A daemon that stops waits for that: a program that the doctor is just
/// starting has the daemon's sockets for a moment (fork(2)), and the next daemon would find its ports taken.
pub fn tell_failures(config: Config) -> oneshot::Receiver<()> {
    let (done, is_done) = oneshot::channel();
    let look = move || {
        tell(&config);
        drop(done);
    };
    if let Err(error) = std::thread::Builder::new().name("doctor".to_owned()).spawn(look) {
        log::warn!("doctor: cannot start its thread: {error}");
    }
    is_done
}

fn tell(config: &Config) {
    match check(config, Asked::ByDaemon) {
        Ok(findings) => {
            for finding in findings.iter().filter(|finding| finding.result == Outcome::Fail) {
                log::warn!("doctor: {}", in_a_line(finding));
            }
        }
        Err(error) => log::warn!("doctor: cannot look at this host: {error:#}"),
    }
}

fn in_a_line(finding: &Finding) -> String {
    let remedy = finding.remedy.as_ref().map_or_else(String::new, |remedy| format!("; what mends it: {remedy}"));
    report::printable(&format!("{} {}: {}{remedy}", finding.check.name(), finding.subject, finding.evidence))
}

fn interface(problem: &crate::ports::Problem) -> Finding {
    let evidence = problem.to_string();
    match problem.is_guarded_all_the_same() {
        true => Finding::warn(Check::Interface, problem.iface(), evidence, None),
        false => Finding::fail(Check::Interface, problem.iface(), evidence, None),
    }
}

impl<'a> Host<'a> {
    async fn look(config: &'a Config, asked: Asked) -> anyhow::Result<Self> {
        let ifaces: Vec<String> = config.ifaces.iter().map(ToString::to_string).collect();
        let snapshot = Watch::open()?.snapshot().await?;
        let targets = snapshot.targets(&ifaces).await;
        let beyond = config.boot.as_ref().map_or(&[][..], |boot| &boot.networks);
        let networks = Networks::of(&snapshot, &ifaces, beyond);
        let segments = segments(&snapshot, &ifaces);
        let daemon = match asked {
            Asked::ByPerson => match ask(&config.control, &Request::Ports) {
                Ok(Response::Ports(ports)) => Ok(ports),
                Ok(other) => Err(format!("the running pxeguard answered something else: {other:?}")),
                Err(error) => Err(format!("{:#}", anyhow::Error::from(error))),
            },
            // It would wait for itself.
            Asked::ByDaemon => Err("it has just begun".to_owned()),
        };
        // What was trusted at run time decides nothing here but whether VLANs matter, and the daemon tells that of its ports.
        let trusts = Trusts::new(config.trusts.clone(), &[]);
        Ok(Self { config, snapshot, targets, networks, segments, trusts, daemon })
    }

    /// Whether a process is pxeguard's own: this one, or one of the same name.
    fn is_ours(holder: &crate::port_holder::PortHolder) -> bool {
        holder.pid == std::process::id() || holder.name == "pxeguard"
    }
}

fn segments(snapshot: &Snapshot, ifaces: &[String]) -> Vec<Segment> {
    let mut segments = Vec::new();
    for link in ifaces.iter().filter_map(|iface| snapshot.link_named(iface)) {
        let bridge = if link.kind == Kind::Bridge { Some(link) } else { snapshot.bridge_of(link) };
        let ports = bridge.map(|bridge| snapshot.members(bridge.index).map(|port| port.name.clone()).collect());
        let segment = Segment {
            name: link.name.clone(),
            bridge: bridge.map(|bridge| bridge.name.clone()),
            ports: ports.unwrap_or_default(),
        };
        if !segments.contains(&segment) {
            segments.push(segment);
        }
    }
    segments
}

/// Reads a small file of the kernel's, without the newline at its end.
fn read(path: impl AsRef<Path>) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim_end().to_owned())
}
