//! On what was measured.

use std::fmt;
use std::fs;
use std::thread;

use anyhow::{Context as _, Result};
use serde::Serialize;

/// What the figures depend on.
#[derive(Debug, Serialize)]
pub struct Machine {
    kernel: String,
    cpu: String,
    cores: usize,
    /// Processes that wanted to run in the minute before.
    load: f64,
}

impl Machine {
    /// This one.
    pub fn here() -> Result<Self> {
        let read = |path: &str| fs::read_to_string(path).with_context(|| format!("cannot read {path}"));
        let cpu = read("/proc/cpuinfo")?;
        let cpu = cpu.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(": ").nth(1));
        Ok(Self {
            kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            cpu: cpu.unwrap_or(std::env::consts::ARCH).to_owned(),
            cores: thread::available_parallelism().context("cannot count the CPUs")?.get(),
            load: read("/proc/loadavg")?.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default(),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kernel, cpu, cores, load } = self;
        write!(f, "Linux {kernel}, {cpu}, {cores} cores, load before: {load}")
    }
}
