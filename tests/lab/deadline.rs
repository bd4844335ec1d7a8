//! Waiting for a condition, never for a time.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// The pause between two looks at a condition that nobody signals.
const PAUSE: Duration = Duration::from_millis(2);

/// Looks at `condition` until it holds; an error that names `what` once `limit` has passed.
pub fn until(limit: Duration, what: &str, condition: impl FnMut() -> bool) -> Result<()> {
    until_every(PAUSE, limit, what, condition)
}

/// As [`until`], for a condition that is costly to look at.
pub(crate) fn until_every(
    pause: Duration,
    limit: Duration,
    what: &str,
    mut condition: impl FnMut() -> bool,
) -> Result<()> {
    let deadline = Instant::now() + limit;
    while !condition() {
        if Instant::now() >= deadline {
            bail!("waited {limit:?} in vain until {what}");
        }
        thread::sleep(pause);
    }
    Ok(())
}
