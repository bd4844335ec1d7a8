//! CPU time of others, which says what something costs however many share the CPUs.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use pxeguard_lab::Process;

/// The CPU clocks of a process and of its children of now.  What the kernel does for packets that they send is in it.
pub struct CpuTime(Vec<ClockId>);

impl CpuTime {
    /// Those of a running program.
    pub fn of(process: &Process) -> Result<Self> {
        let pid = process.pid();
        let children = format!("/proc/{pid}/task/{pid}/children");
        let children = fs::read_to_string(&children).with_context(|| format!("cannot read {children}"))?;
        let mut clocks = vec![clock_of(pid)?];
        for child in children.split_whitespace() {
            clocks.push(clock_of(child.parse()?)?);
        }
        Ok(Self(clocks))
    }

    /// That of this program, and of the kernel's thread that takes over from it what is left of packets on the first CPU.
    pub fn of_this_and_softirqs() -> Result<Self> {
        let name =
            |pid: &i32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "ksoftirqd/0\n");
        let processes = fs::read_dir("/proc")?.flatten();
        let mut pids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
        let softirqs = pids.find(name).context("there is no process ksoftirqd/0")?;
        Ok(Self(vec![clock_of(std::process::id() as i32)?, clock_of(softirqs)?]))
    }

    /// All of it, since they began.
    pub fn read(&self) -> Result<Duration> {
        let times = self.0.iter().map(|clock| Ok(Duration::from(clock_gettime(*clock)?)));
        times.sum()
    }
}

fn clock_of(pid: i32) -> Result<ClockId> {
    clock_getcpuclockid(Pid::from_raw(pid)).with_context(|| format!("process {pid} has no CPU clock"))
}
