//! How long kernel programs run, by the kernel's own count.

use std::fs;

use anyhow::{Context as _, Result};
use pxeguard_lab::Process;

/// The kernel's statistics of programs, off again when dropped.
pub struct Statistics;

impl Statistics {
    const SWITCH: &str = "/proc/sys/kernel/bpf_stats_enabled";

    /// On.
    pub fn switch_on() -> Result<Self> {
        fs::write(Self::SWITCH, "1").with_context(|| format!("cannot write {}", Self::SWITCH))?;
        Ok(Self)
    }
}

impl Drop for Statistics {
    fn drop(&mut self) {
        if let Err(why) = fs::write(Self::SWITCH, "0") {
            eprintln!("cannot write {}: {why}", Self::SWITCH);
        }
    }
}

/// How long all programs have run that a process holds.
pub fn run_time_ns(process: &Process) -> Result<f64> {
    let folder = format!("/proc/{}/fdinfo", process.pid());
    let mut all = 0.0;
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {folder}"))? {
        // One that is closed meanwhile is no program.
        let Ok(text) = fs::read_to_string(entry?.path()) else { continue };
        let time = text.lines().find_map(|line| line.strip_prefix("run_time_ns:"));
        all += time.map_or(Ok(0.0), |time| time.trim().parse::<f64>())?;
    }
    Ok(all)
}
