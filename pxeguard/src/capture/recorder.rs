//! The flight recorder: the last frames, within bounds.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::Frame;

/// Frames that are kept at the most.
pub const MAX_FRAMES: usize = 2048;
/// What they may take in all, in bytes.
pub const MAX_BYTES: usize = 2 << 20;
/// Frames that are told at once: some 400 kB of JSON at the most.
const MAX_TOLD: usize = 256;

/// Frames that are told.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Frames {
    /// They themselves, in the order in which they were recorded.
    pub frames: Vec<Frame>,
    /// The number after which to ask next.
    pub next: u64,
    /// Frames before that which nobody can tell any more.
    pub lost: u64,
    /// Whether more are there already.
    pub more: bool,
}

/// Keeps the last frames.  Where there is no room, the interface that takes the most of it loses its oldest: whoever floods
/// one port does not make the others' frames disappear.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    interfaces: BTreeMap<String, Share>,
    frames: usize,
    bytes: usize,
    last_number: u64,
}

#[derive(Debug, Default)]
struct Share {
    frames: VecDeque<Frame>,
    bytes: usize,
}

impl Recorder {
    /// Keeps a frame.
    pub fn record(&self, frame: Frame) {
        self.kept().record(frame);
    }

    /// Keeps several; of others that came after them it is only kept how many they were.
    pub fn record_all(&self, frames: impl IntoIterator<Item = Frame>, left_out: u64) {
        let mut kept = self.kept();
        frames.into_iter().for_each(|frame| kept.record(frame));
        kept.last_number += left_out;
    }

    /// What was recorded after the frame with this number, as far as it is there; with `None` what will be.
    pub fn after(&self, number: Option<u64>) -> Frames {
        let kept = self.kept();
        // Whoever knows of a later one asked another daemon before.
        let number = number.map_or(kept.last_number, |number| if number > kept.last_number { 0 } else { number });
        let later = |share: &Share| share.frames.partition_point(|frame| frame.number <= number);
        let mut frames: Vec<&Frame> =
            kept.interfaces.values().flat_map(|share| share.frames.range(later(share)..)).collect();
        frames.sort_unstable_by_key(|frame| frame.number);
        let more = frames.len() > MAX_TOLD;
        frames.truncate(MAX_TOLD);
        let next = if more { frames.last().map_or(number, |frame| frame.number) } else { kept.last_number };
        let lost = next - number - frames.len() as u64;
        Frames { frames: frames.into_iter().cloned().collect(), next, lost, more }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn record(&mut self, mut frame: Frame) {
        self.last_number += 1;
        frame.number = self.last_number;
        let bytes = size(&frame);
        while self.frames >= MAX_FRAMES || self.bytes + bytes > MAX_BYTES {
            self.forget_one();
        }
        if !self.interfaces.contains_key(&frame.interface) {
            self.interfaces.insert(frame.interface.clone(), Share::default());
        }
        let share = self.interfaces.get_mut(&frame.interface).expect("it was put there if it was not");
        share.bytes += bytes;
        share.frames.push_back(frame);
        self.bytes += bytes;
        self.frames += 1;
    }

    fn forget_one(&mut self) {
        let Some((name, share)) = self.interfaces.iter_mut().max_by_key(|(_, share)| share.bytes) else { return };
        let bytes = share.frames.pop_front().map_or(0, |frame| size(&frame));
        share.bytes -= bytes;
        self.bytes -= bytes;
        self.frames -= 1;
        if share.frames.is_empty() {
            let name = name.clone();
            self.interfaces.remove(&name);
        }
    }
}

/// What a frame takes in memory, in bytes.
fn size(frame: &Frame) -> usize {
    let text = frame.interface.len() + frame.comment.len() + frame.guest.as_ref().map_or(0, String::len);
    size_of::<Frame>() + text + frame.bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Direction;
    use crate::time::Timestamp;

    fn frame(interface: &str, len: usize) -> Frame {
        Frame::new(interface, Timestamp::now(), Direction::In, &vec![0; len], "passed (trusted)".into())
    }

    /// All numbers that are told one after the other, and how many are lost.
    fn told(recorder: &Recorder, mut after: u64) -> (Vec<u64>, u64) {
        let (mut numbers, mut lost) = (Vec::new(), 0);
        loop {
            let told = recorder.after(Some(after));
            assert!(told.frames.len() <= MAX_TOLD);
            numbers.extend(told.frames.iter().map(|frame| frame.number));
            (after, lost) = (told.next, lost + told.lost);
            if !told.more {
                return (numbers, lost);
            }
        }
    }

    #[test]
    fn frames_are_told_once_and_in_order() {
        let recorder = Recorder::default();
        assert_eq!(recorder.after(Some(0)), Frames::default());
        recorder.record_all((0..600).map(|number| frame(["eno1", "tap0", "tap1"][number % 3], 60)), 0);
        assert_eq!(told(&recorder, 0), ((1..=600).collect(), 0));
        assert_eq!(told(&recorder, 590), ((591..=600).collect(), 0));
        let from_now = recorder.after(None);
        assert_eq!((from_now.frames.len(), from_now.next), (0, 600));
        recorder.record(frame("eno1", 60));
        assert_eq!(told(&recorder, from_now.next), (vec![601], 0));
    }

    #[test]
    fn a_flood_does_not_grow_the_recorder_and_hides_nobody_else() {
        let recorder = Recorder::default();
        recorder.record_all((0..20).map(|_| frame("eno1", 300)), 0);
        for _ in 0..10 * MAX_FRAMES {
            recorder.record(frame("tap66i0", 1024));
            let kept = recorder.kept();
            assert!(kept.frames <= MAX_FRAMES && kept.bytes <= MAX_BYTES);
        }
        let kept = recorder.kept();
        let bytes: usize = kept.interfaces.values().flat_map(|share| &share.frames).map(size).sum();
        assert_eq!((bytes, kept.interfaces["eno1"].frames.len()), (kept.bytes, 20));
        assert!(bytes > MAX_BYTES * 9 / 10, "the room is used");
        let held = kept.frames as u64;
        drop(kept);
        let (numbers, lost) = told(&recorder, 0);
        assert_eq!((numbers.len() as u64, numbers.len() as u64 + lost), (held, 20 + 10 * MAX_FRAMES as u64));
        assert_eq!(numbers[..20], (1..=20).collect::<Vec<_>>());
    }

    #[test]
    fn interfaces_that_come_and_go_leave_nothing_behind() {
        let recorder = Recorder::default();
        for number in 0..3 * MAX_FRAMES {
            recorder.record(frame(&format!("tap{number}"), 60));
        }
        let kept = recorder.kept();
        assert_eq!((kept.frames, kept.interfaces.len()), (MAX_FRAMES, MAX_FRAMES));
    }

    #[test]
    fn whoever_asked_an_earlier_daemon_is_told_all() {
        let recorder = Recorder::default();
        recorder.record(frame("eno1", 60));
        assert_eq!(told(&recorder, 1000), (vec![1], 0));
    }
}
