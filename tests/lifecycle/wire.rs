//! Whether a frame comes through.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use nix::sched::{CpuSet, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;
use pxeguard_lab::Raw;
use pxeguard_lab::frames::{Carried, Message};

/// For what happens at once.
pub const SOON: Duration = Duration::from_secs(20);

/// An EtherType for experiments (IEEE 802), which nobody keeps.
const EXPERIMENT: u16 = 0x88b5;

/// Whether a frame arrives: one more follows it that certainly does, and nothing can come after that.
pub fn arrives(send: impl Fn(&[u8]) -> Result<()> + Sync, to: &Raw, frame: &[u8]) -> bool {
    let last = last();
    thread::scope(|scope| {
        scope.spawn(|| {
            keep_order();
            send(frame).unwrap();
            send(&last).unwrap();
        });
    });
    before(to, &last).iter().any(|arrived| arrived == frame)
}

/// A frame like no other, to be sent as the last one.
pub fn last() -> Vec<u8> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    Message::discover().framed(&Carried::new(EXPERIMENT, [&number[..], &[0x5a; 60]].concat()))
}

/// What arrives before the last frame.
pub fn before(to: &Raw, last: &[u8]) -> Vec<Vec<u8>> {
    let deadline = Instant::now() + SOON;
    let mut arrived = Vec::new();
    loop {
        match to.receive(deadline).unwrap().expect("the last frame arrives") {
            frame if frame == last => return arrived,
            frame => arrived.push(frame),
        }
    }
}

/// Keeps the calling thread on its processor: what goes through the queues of two may come in another order.
pub fn keep_order() {
    let mut here = CpuSet::new();
    here.set(sched_getcpu().unwrap()).unwrap();
    sched_setaffinity(Pid::from_raw(0), &here).unwrap();
}
