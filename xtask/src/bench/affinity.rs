//! On which CPUs threads run.

use std::{fs, thread};

use anyhow::{Context as _, Result};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use pxeguard_lab::Process;

/// This thread, and those that it starts meanwhile, on one CPU, and a process on a chosen one; this thread is where it
/// was before when dropped, the process is not.
pub struct Pinned {
    before: CpuSet,
}

impl Pinned {
    /// Both on one CPU.
    ///
    /// Who waits for each other's every packet is as fast as the wake-ups are, which across CPUs of a virtual machine
    /// take several times as long and depend on the scheduler's mood.
    pub fn together(process: &Process) -> Result<Self> {
        Self::on(process, 0)
    }

    /// The process on the next CPU, if there is one: who sends without waiting would else now and then be on one CPU
    /// with whoever is woken by it, each in the other's way, while the other CPU is idle.
    pub fn apart(process: &Process) -> Result<Self> {
        Self::on(process, next_cpu())
    }

    /// This thread alone, on the first CPU: what it sends, and what becomes of that, is done there.
    pub fn to_first() -> Result<Self> {
        let this_thread = Pid::from_raw(0);
        let before = sched_getaffinity(this_thread).context("cannot ask for this thread's CPUs")?;
        sched_setaffinity(this_thread, &cpu_set(0)?).context("cannot choose this thread's CPU")?;
        Ok(Self { before })
    }

    /// Moves a process, with the threads and children that it has, and this thread.
    fn on(process: &Process, cpu: usize) -> Result<Self> {
        let here = Self::to_first()?;
        keep_on(process, cpu)?;
        Ok(here)
    }
}

/// Moves a process, with the threads and children that it has, to a CPU.
pub fn keep_on(process: &Process, cpu: usize) -> Result<()> {
    let there = cpu_set(cpu)?;
    for thread in threads_of(process.pid())? {
        // It may have ended meanwhile.
        let _ = sched_setaffinity(Pid::from_raw(thread), &there);
    }
    Ok(())
}

/// The CPU next to the first, if there is one.
pub fn next_cpu() -> usize {
    usize::from(thread::available_parallelism().is_ok_and(|cpus| cpus.get() > 1))
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let _ = sched_setaffinity(Pid::from_raw(0), &self.before);
    }
}

fn cpu_set(cpu: usize) -> Result<CpuSet> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    Ok(set)
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
