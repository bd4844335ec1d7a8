//! On what was measured, and what.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::SystemTime;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::site::unpacked;
use crate::{command, workspace};

/// What the figures depend on.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// When it was measured, UTC.
    date: String,
    kernel: String,
    distribution: String,
    cpu: String,
    cores: usize,
    memory_mib: u64,
    /// Whether it is a guest of another.
    is_virtual: bool,
    clock: String,
    /// Weaknesses of the CPU against which the kernel does something, and what: it costs at each system call.
    mitigations: BTreeMap<String, String>,
    /// Processes that wanted to run in the minute before.
    load: f64,
    /// pxeguard's, where it is built from a repository.
    revision: Option<String>,
    rustc: Option<String>,
    /// What the peers say of themselves.
    peers: BTreeMap<&'static str, String>,
}

/// Peers and load generators, and how each is asked for its version.
const PROGRAMS: [(&str, &str); 10] = [
    ("/usr/sbin/dnsmasq", "--version"),
    ("/usr/sbin/atftpd", "--version"),
    ("/usr/sbin/in.tftpd", "--version"),
    ("/usr/sbin/nginx", "-v"),
    ("/usr/sbin/nft", "--version"),
    ("/usr/sbin/ebtables", "--version"),
    ("/usr/sbin/perfdhcp", "-v"),
    ("/usr/bin/iperf3", "--version"),
    ("/usr/sbin/trafgen", "--version"),
    ("/usr/bin/qemu-system-x86_64", "--version"),
];

impl Machine {
    /// This one.
    pub fn here() -> Result<Self> {
        let cpu = read("/proc/cpuinfo")?;
        let field = |name| cpu.lines().find_map(|line| line.strip_prefix(name)?.split_once(": "));
        let distribution = read("/etc/os-release").unwrap_or_default();
        let distribution = distribution.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
        let memory = read("/proc/meminfo")?;
        let memory = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next());
        let memory_kib: u64 = memory.context("/proc/meminfo has no MemTotal")?.parse()?;
        let clock = read("/sys/devices/system/clocksource/clocksource0/current_clocksource");
        Ok(Self {
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            distribution: distribution.unwrap_or("unknown").trim_matches('"').to_owned(),
            cpu: field("model name").map_or(std::env::consts::ARCH, |(_, model)| model).to_owned(),
            cores: thread::available_parallelism().context("cannot count the CPUs")?.get(),
            memory_mib: memory_kib / 1024,
            is_virtual: field("flags").is_some_and(|(_, flags)| flags.split(' ').any(|flag| flag == "hypervisor")),
            clock: clock.unwrap_or_default().trim().to_owned(),
            mitigations: mitigations(),
            load: read("/proc/loadavg")?.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default(),
            revision: revision(),
            rustc: command::answer(Command::new("rustc").arg("--version")).ok().map(trimmed),
            peers: PROGRAMS.iter().filter_map(|(path, flag)| version(path, flag)).chain(xdp_tools()).collect(),
        })
    }
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {path}"))
}

fn trimmed(text: String) -> String {
    text.trim().to_owned()
}

/// Of this repository, whoever it belongs to: it may be another's than root's.
fn revision() -> Option<String> {
    let mut git = Command::new("git");
    git.arg("-c").arg(format!("safe.directory={}", workspace::root().display())).current_dir(workspace::root());
    command::answer(git.args(["describe", "--always", "--dirty", "--abbrev=12"])).ok().map(trimmed)
}

/// What `/sys` has of weaknesses, without those that this CPU does not have.
fn mitigations() -> BTreeMap<String, String> {
    let files = fs::read_dir("/sys/devices/system/cpu/vulnerabilities").into_iter().flatten().flatten();
    let told = files.filter_map(|file| {
        let what = fs::read_to_string(file.path()).ok()?.trim().to_owned();
        (what != "Not affected").then(|| (file.file_name().to_string_lossy().into_owned(), what))
    });
    told.collect()
}

/// A program's name, and the first line with a digit of what it says of its version, on whichever stream.
fn version(path: &'static str, flag: &str) -> Option<(&'static str, String)> {
    let name = Path::new(path).file_name()?.to_str()?;
    let words = unpacked(path).ok()?;
    let output = Command::new(&words[0]).args(&words[1..]).arg(flag).output().ok()?;
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let line = said.lines().find(|line| line.contains(|letter: char| letter.is_ascii_digit()))?;
    Some((name, line.trim().to_owned()))
}

/// xdp-filter does not tell; its package does.
fn xdp_tools() -> Option<(&'static str, String)> {
    let version = command::answer(Command::new("dpkg-query").args(["-W", "-f=${Version}", "xdp-tools"]));
    version.ok().map(|version| ("xdp-filter", version))
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { date, kernel, distribution, cpu, cores, memory_mib, clock, load, .. } = self;
        let kind = if self.is_virtual { "virtual machine" } else { "machine" };
        writeln!(f, "{date}: Linux {kernel}, {distribution}, {kind} with {cores} cores of {cpu}, {memory_mib} MiB,")?;
        writeln!(f, "clock {clock}, load before: {load}")?;
        for (weakness, what) in &self.mitigations {
            writeln!(f, "{weakness}: {what}")?;
        }
        let revision = self.revision.as_deref().unwrap_or("of an unknown revision");
        write!(f, "pxeguard {revision}, xtask's {}", self.rustc.as_deref().unwrap_or("rustc unknown"))?;
        self.peers.iter().try_for_each(|(name, version)| write!(f, "\n{name}: {version}"))
    }
}
