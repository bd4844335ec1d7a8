//! What this machine can do at the most, to which the other figures are to be seen.
//!
//! What a datagram costs on its way, and a stream, says the bare loop beside the downloads ([`super::bare`]).

use std::hint::black_box;
use std::time::Duration;

use anyhow::Result;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::getppid;

use super::Effort;
use super::figure::{Figure, Unit};
use super::samples::Samples;

/// More than the nearer caches hold, as a file does that is sent.
const BLOCK_BYTES: usize = 1 << 20;
const BLOCKS: usize = 64;
const CALLS: u32 = 200_000;

/// Copying, and the least that a system call takes.
pub fn measure(effort: Effort) -> Result<Vec<Figure>> {
    let rounds = effort.choose(31, 9);
    let from = vec![1_u8; BLOCK_BYTES * BLOCKS];
    let mut to = vec![0_u8; BLOCK_BYTES * BLOCKS];
    let copied = (0..rounds).map(|_| {
        let took = timed(|| {
            for (to, from) in to.chunks_mut(BLOCK_BYTES).zip(from.chunks(BLOCK_BYTES)) {
                to.copy_from_slice(black_box(from));
            }
        })?;
        black_box(&to);
        Ok(from.len() as f64 / took.as_secs_f64() / 1e6)
    });
    let copied = copied.collect::<Result<Samples>>()?;
    let called = (0..rounds).map(|_| {
        let took = timed(|| {
            for _ in 0..CALLS {
                black_box(getppid());
            }
        })?;
        Ok(took.as_nanos() as f64 / f64::from(CALLS))
    });
    let figure =
        |name: &str, unit, pxeguard| Figure { name: format!("bounds: {name}"), unit, pxeguard, peer: None, goal: None };
    Ok(vec![
        figure("copying, blocks of 1 MiB", Unit::MegabytesPerS, copied),
        figure("a system call that does nothing", Unit::Ns, called.collect::<Result<Samples>>()?),
    ])
}

/// This thread's CPU time: others run as well.
fn timed(work: impl FnOnce()) -> Result<Duration> {
    let now = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from);
    let began = now()?;
    work();
    Ok(now()? - began)
}
