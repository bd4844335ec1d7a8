//! Frames that the kernel itself makes and hands on: no system call and no copy for each, so that little of what is
//! measured is the sender's (kernel: Documentation/bpf/bpf_prog_run.rst, "Running XDP programs in live frame mode").

use anyhow::Result;
use pxeguard_lab::Host;

use super::test_run::Program;

/// Made by one system call, at whose end it waits for an RCU grace period: five times as long as it takes to make them.
const BURST: u32 = 16_384;

/// What becomes of the frames.  The numbers are those of `enum xdp_action`.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// They are made, and thrown away.
    Nowhere = 1,
    /// They come in by the device, behind its driver: generic XDP, tc, the bridge.
    In = 2,
    /// They are sent by the device, by the way of frames that XDP redirects (`ndo_xdp_xmit`).
    Out = 3,
}

/// One frame, to be had as often as one likes, at one device of a host.
pub struct LiveFrames {
    frame: Vec<u8>,
    /// `struct xdp_md`.
    context: [u32; 6],
    program: Program,
    burst: u32,
}

impl LiveFrames {
    /// None is made yet.
    pub fn at(host: &Host, device: &str, frame: Vec<u8>, way: Way) -> Result<Self> {
        let ifindex = host.read(format!("/sys/class/net/{device}/ifindex"))?.trim().parse()?;
        let context = [0, frame.len() as u32, 0, ifindex, 0, 0];
        Ok(Self { frame, context, program: Program::returning(way as u32)?, burst: BURST })
    }

    /// By calls that are so long that frames are made nearly all of the time, and not for a fifth of it.
    pub fn incessant(self) -> Self {
        Self { burst: 32 * BURST, ..self }
    }

    /// Makes burst after burst of them on the host, until it is over; how many.  All that becomes of them is done by the
    /// caller's CPU, and all but what is left to its `ksoftirqd` by this call.
    pub fn flood(&self, host: &Host, is_over: impl Fn() -> bool + Sync) -> Result<u64> {
        host.enter(|| {
            let mut count = 0;
            while !is_over() {
                self.program.run_live(&self.frame, &self.context, self.burst)?;
                count += u64::from(self.burst);
            }
            Ok(count)
        })?
    }
}
