//! Runs a loaded program on a frame from memory (`BPF_PROG_TEST_RUN`), for tests and benchmarks.

use std::time::Duration;

use aya::TestRun as _;
use aya::programs::{ProgramError, TestRunOptions, TestRunResult};

use super::{DataPlane, EGRESS, INGRESS, RESPOND, classifier, xdp};

/// Which program is run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TestRun {
    /// XDP.
    Xdp,
    /// tc at ingress.
    Ingress,
    /// tc at ingress behind XDP: what answers PXE clients.
    Respond,
    /// tc at egress.
    Egress,
}

/// What a program has made of a frame.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ran {
    /// What it returned: `TC_ACT_..` of `linux/pkt_cls.h`.
    pub action: u32,
    /// The frame, as it is then.
    pub frame: Vec<u8>,
    /// Its mark, as it is then.
    pub mark: u32,
}

/// Room for the longest frame that a program can make of one.
const FRAME: usize = 4096;
/// Room for a `struct __sk_buff`, of which kernels differ in the length.
const SK_BUFF: usize = 256;
/// Where the mark stands in it.
const MARK: usize = 8;

impl DataPlane {
    /// Runs a program `repeat` times.  Returns what it returned, and how long one run took in the mean.  The kernel
    /// says that the frame came in by the loopback interface, whose ifindex is 1.
    pub fn test_run(&mut self, which: TestRun, frame: &[u8], repeat: u32) -> Result<(u32, Duration), ProgramError> {
        let options = TestRunOptions { data_in: Some(frame), repeat, ..TestRunOptions::new() };
        let result = self.test_run_with(which, options)?;
        Ok((result.return_value, result.duration))
    }

    /// Runs a program of tc on a frame that came in by the loopback interface with a mark.
    pub fn test_run_on(&mut self, which: TestRun, frame: &[u8], mark: u32) -> Result<Ran, ProgramError> {
        let (mut after, mut context) = (vec![0; FRAME], [0; SK_BUFF]);
        let mut given = [0; MARK + size_of::<u32>()];
        given[MARK..].copy_from_slice(&mark.to_ne_bytes());
        let options = TestRunOptions {
            data_in: Some(frame),
            data_out: Some(&mut after),
            ctx_in: Some(&given),
            ctx_out: Some(&mut context),
            ..TestRunOptions::new()
        };
        let result = self.test_run_with(which, options)?;
        after.truncate(result.data_size_out as usize);
        let mark = u32::from_ne_bytes([0, 1, 2, 3].map(|index| context[MARK + index]));
        Ok(Ran { action: result.return_value, frame: after, mark })
    }

    fn test_run_with(&mut self, which: TestRun, options: TestRunOptions<'_>) -> Result<TestRunResult, ProgramError> {
        match which {
            TestRun::Xdp => xdp(&mut self.programs).test_run(options),
            TestRun::Ingress => classifier(&mut self.programs, INGRESS).test_run(options),
            TestRun::Respond => classifier(&mut self.programs, RESPOND).test_run(options),
            TestRun::Egress => classifier(&mut self.programs, EGRESS).test_run(options),
        }
    }
}
