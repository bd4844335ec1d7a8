//! The processors that this process may use.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// This thread, to system calls.
const SELF: Pid = Pid::from_raw(0);

/// Their numbers.
pub fn all() -> Vec<usize> {
    let allowed = sched_getaffinity(SELF).unwrap();
    let numbers = 0..CpuSet::count();
    numbers.filter(|number| allowed.is_set(*number).unwrap()).collect()
}

/// Keeps this thread on one of them.
pub fn stay_on(number: usize) {
    let mut one = CpuSet::new();
    one.set(number).unwrap();
    sched_setaffinity(SELF, &one).unwrap();
}
