//! A cable that delays frames in one direction.

use std::thread;
use std::time::Duration;

use crate::wire::Manner;

/// Passes frames from the host on one after the other, none sooner than `delay` after it came; those to it at once.
pub(crate) fn slow(delay: Duration) -> [Manner; 2] {
    let late = move |frame: Option<Vec<u8>>| {
        if frame.is_some() {
            thread::sleep(delay);
        }
        Vec::from_iter(frame)
    };
    [Box::new(late), Box::new(Vec::from_iter)]
}
