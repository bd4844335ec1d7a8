//! On which CPUs threads run.

use std::fs;

use anyhow::{Context as _, Result};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use pxeguard_lab::Process;

/// The CPU that both ends share.
const SHARED: usize = 0;

/// This thread, and those that it starts meanwhile, on one CPU with a process; where they were before when dropped.
///
/// Who waits for each other's every packet is as fast as the wake-ups are, which across CPUs of a virtual machine take
/// several times as long and depend on the scheduler's mood.
pub struct SharedCpu {
    before: CpuSet,
}

impl SharedCpu {
    /// Moves a process, with the threads and children that it has, and this thread.
    pub fn with(process: &Process) -> Result<Self> {
        let this_thread = Pid::from_raw(0);
        let before = sched_getaffinity(this_thread).context("cannot ask for this thread's CPUs")?;
        let mut shared = CpuSet::new();
        shared.set(SHARED)?;
        for thread in threads_of(process.pid())? {
            // It may have ended meanwhile.
            let _ = sched_setaffinity(Pid::from_raw(thread), &shared);
        }
        sched_setaffinity(this_thread, &shared).context("cannot choose this thread's CPU")?;
        Ok(Self { before })
    }
}

impl Drop for SharedCpu {
    fn drop(&mut self) {
        let _ = sched_setaffinity(Pid::from_raw(0), &self.before);
    }
}

/// The threads of a process and of its children.
fn threads_of(process: i32) -> Result<Vec<i32>> {
    let children = format!("/proc/{process}/task/{process}/children");
    let children = fs::read_to_string(&children).with_context(|| format!("cannot read {children}"))?;
    let mut threads = Vec::new();
    for process in children.split_whitespace().map(str::to_owned).chain([process.to_string()]) {
        let folder = format!("/proc/{process}/task");
        for thread in fs::read_dir(&folder).with_context(|| format!("cannot read {folder}"))? {
            threads.push(thread?.file_name().to_string_lossy().parse()?);
        }
    }
    Ok(threads)
}
