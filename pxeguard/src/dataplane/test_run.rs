//! Runs a loaded program on a frame from memory (`BPF_PROG_TEST_RUN`), for tests and benchmarks.

use std::time::Duration;

use aya::TestRun as _;
use aya::programs::{ProgramError, TestRunOptions};

use super::{DataPlane, EGRESS, INGRESS, classifier, xdp};

/// Which program is run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TestRun {
    /// XDP.
    Xdp,
    /// tc at ingress.
    Ingress,
    /// tc at egress.
    Egress,
}

impl DataPlane {
    /// Runs a program `repeat` times.  Returns what it returned, and how long one run took in the mean.  The kernel
    /// says that the frame came in by the loopback interface, whose ifindex is 1.
    pub fn test_run(&mut self, which: TestRun, frame: &[u8], repeat: u32) -> Result<(u32, Duration), ProgramError> {
        let options = TestRunOptions { data_in: Some(frame), repeat, ..TestRunOptions::new() };
        let result = match which {
            TestRun::Xdp => xdp(&mut self.programs).test_run(options)?,
            TestRun::Ingress => classifier(&mut self.programs, INGRESS).test_run(options)?,
            TestRun::Egress => classifier(&mut self.programs, EGRESS).test_run(options)?,
        };
        Ok((result.return_value, result.duration))
    }
}
