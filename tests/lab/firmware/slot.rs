//! How many machines are on at once: each wants a processor for itself, and up to half a gigabyte.

use std::sync::{Condvar, Mutex, PoisonError};

/// What the smallest machine that runs the tests has processors for.
const MOST: usize = 2;

static ON: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

/// The right to have one machine on.
#[derive(Debug)]
pub(super) struct Slot(());

impl Slot {
    /// Waits for its turn.
    pub(super) fn wait() -> Self {
        let on = ON.lock().unwrap_or_else(PoisonError::into_inner);
        let mut on = FREED.wait_while(on, |on| *on >= MOST).unwrap_or_else(PoisonError::into_inner);
        *on += 1;
        Self(())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *ON.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        FREED.notify_one();
    }
}
