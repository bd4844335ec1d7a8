//! A rogue that sends all it can.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{Scope, ScopedJoinHandle};

use pxeguard_lab::frames::Message;
use pxeguard_lab::{Guest, Raw, until};

use crate::wire::{self, SOON};

/// OFFERs sent by one system call.
const BATCH: usize = 64;

/// Forged OFFERs at full speed, until they are stopped.
pub struct Flood<'scope> {
    sent: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<ScopedJoinHandle<'scope, Vec<u8>>>,
}

impl<'scope> Flood<'scope> {
    /// Begins; returns once the first are under way.
    pub fn start(scope: &'scope Scope<'scope, '_>, rogue: &Guest) -> Self {
        let socket = rogue.raw().unwrap();
        let (sent, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counter, stopping) = (Arc::clone(&sent), Arc::clone(&stop));
        let thread = scope.spawn(move || flood(&socket, &counter, &stopping));
        let flood = Self { sent, stop, thread: Some(thread) };
        flood.goes_on();
        flood
    }

    /// Returns once more OFFERs have been sent, all of them after this call.
    pub fn goes_on(&self) {
        // The batch that is under way may be an earlier one.
        let enough = self.sent.load(Ordering::Relaxed) + 2 * BATCH as u64;
        until(SOON, "the flood goes on", || self.sent.load(Ordering::Relaxed) >= enough).unwrap();
    }

    /// Ends it; how many of its OFFERs have come to a socket of a host that its last frame reaches.
    pub fn leaked_to(mut self, client: &Raw) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let last = self.thread.take().expect("it was started").join().unwrap();
        wire::before(client, &last).iter().filter(|frame| is_forged(frame)).count()
    }
}

impl Drop for Flood<'_> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Whether a frame is one of a flood.
pub fn is_forged(frame: &[u8]) -> bool {
    frame == Message::offer().frame()
}

fn flood(socket: &Raw, sent: &AtomicU64, stop: &AtomicBool) -> Vec<u8> {
    wire::keep_order();
    let offer = Message::offer().frame();
    let batch = [offer.as_slice(); BATCH];
    while !stop.load(Ordering::Relaxed) {
        socket.send_ring(&batch).unwrap();
        sent.fetch_add(BATCH as u64, Ordering::Relaxed);
    }
    let last = wire::last();
    socket.send(&last).unwrap();
    last
}
