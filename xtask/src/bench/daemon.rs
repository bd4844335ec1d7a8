//! What the daemon takes while nothing happens.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use pxeguard_lab::Lab;

use super::Effort;
use super::figure::{Figure, Goal, Unit};
use super::samples::Samples;
use super::start::{attach_rogues, trusting_one};

/// Memory and wake-ups of a daemon that guards eight ports.
pub fn measure(effort: Effort) -> Result<Vec<Figure>> {
    let lab = Lab::new()?;
    let _rogues = attach_rogues(&lab)?;
    let guard = trusting_one(&lab)?;
    let pid = guard.process().pid();
    // What it does after the start is no idling.
    thread::sleep(Duration::from_secs(1));
    let before = switches(pid)?;
    let window = effort.choose(Duration::from_secs(30), Duration::from_secs(10));
    thread::sleep(window);
    // A thread that has ended meanwhile says nothing any more.
    let woken: u64 = switches(pid)?.iter().map(|(thread, now)| now - before.get(thread).unwrap_or(&0)).sum();

    let one = |name: &str, unit, value: f64, goal| Figure {
        name: name.to_owned(),
        unit,
        pxeguard: Samples::from_iter([value]),
        peer: None,
        goal,
    };
    let wake_ups = format!("daemon: wake-ups in {} s of idling", window.as_secs());
    Ok(vec![
        one("daemon: resident memory, idle", Unit::Mib, memory_mib(pid, "VmRSS")?, Some(Goal::AtMost(20.0))),
        one("daemon: resident memory, highest", Unit::Mib, memory_mib(pid, "VmHWM")?, None),
        // One turn of its slow timer, every ten seconds, takes some: it asks the kernel, and waits for the answers.
        one(&wake_ups, Unit::Count, woken as f64, Some(Goal::AtMost(window.as_secs_f64()))),
    ])
}

/// A field of `/proc/PID/status` that is in kB, such as `VmHWM`.
pub fn memory_mib(pid: i32, field: &str) -> Result<f64> {
    Ok(field_of(&PathBuf::from(format!("/proc/{pid}/status")), field)? as f64 / 1024.0)
}

/// How often each of its threads has gone to sleep by itself.
fn switches(pid: i32) -> Result<BTreeMap<PathBuf, u64>> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).context("cannot read its threads")?;
    let threads = threads.map(|thread| {
        let status = thread?.path().join("status");
        let switches = field_of(&status, "voluntary_ctxt_switches")?;
        Ok((status, switches))
    });
    threads.collect()
}

/// A field of `/proc/PID/status`.
fn field_of(path: &Path, field: &str) -> Result<u64> {
    let status = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let value = value.with_context(|| format!("{} has no {field}", path.display()))?;
    Ok(value.trim().trim_end_matches(" kB").parse()?)
}
