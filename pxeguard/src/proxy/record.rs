//! What is kept of the frames that come and go, for `pxeguard capture`.

use std::borrow::Cow;
use std::time::Instant;

use super::answer::Answer;
use super::socket::Received;
use super::templates::{FRAME, Templates};
use crate::capture::{ASK_EVERY, Direction, Frame, MAX_FRAMES, Recorder, with_vlan};
use crate::clients::Step;
use crate::time::Timestamp;

/// Frames on their way to the recorder.
#[derive(Default)]
pub struct Film {
    templates: Templates,
    room: Room,
    frames: Vec<Frame>,
    left_out: u64,
}

impl Film {
    /// Takes a client's message that was read, and what it led to; nothing of a message that is not there.
    pub fn take_question(&mut self, iface: &str, received: &Received<'_>, steps: &[Step], now: Instant) {
        if !received.frame.is_empty() && self.has_room(now) {
            let whole = with_vlan(received.frame, received.tag.unwrap_or(0));
            self.frames.push(Frame::new(iface, Timestamp::now(), Direction::In, &whole, what_became_of(steps)));
        }
    }

    /// Takes an answer of pxeguard's.
    pub fn take_answer(&mut self, iface: &str, frame: &[u8], now: Instant) {
        if self.has_room(now) {
            let comment = "answered by pxeguard".into();
            self.frames.push(Frame::new(iface, Timestamp::now(), Direction::Out, frame, comment));
        }
    }

    /// Makes the frame of an answer that the kernel has sent without showing it: it fills the same templates, so that
    /// it has the same bytes.
    pub fn take_kernel_answer(&mut self, iface: &str, answer: &Answer, now: Instant) {
        if !self.has_room(now) {
            return;
        }
        let mut frame = [0; FRAME];
        // It has sent it, so that it fitted.
        if let Ok(len) = self.templates.write(answer, FRAME, FRAME, &mut frame) {
            let comment = "answered by pxeguard in the kernel, which does not show the question".into();
            self.frames.push(Frame::new(iface, Timestamp::now(), Direction::Out, &frame[..len], comment));
        }
    }

    /// Gives the recorder what was taken since.
    pub fn hand_over(&mut self, recorder: &Recorder) {
        recorder.record_all(self.frames.drain(..), std::mem::take(&mut self.left_out));
    }

    /// Whether one more is taken; else it is counted.
    fn has_room(&mut self, now: Instant) -> bool {
        let has_room = self.room.take(now);
        self.left_out += u64::from(!has_room);
        has_room
    }
}

/// As many frames as the recorder has room for until whoever captures asks again: more would only take the place of
/// others.  With all of a flood's questions recorded, nearly a third fewer of them are answered (`cargo xtask bench proxy`).
#[derive(Default)]
struct Room {
    until: Option<Instant>,
    left: usize,
}

impl Room {
    fn take(&mut self, now: Instant) -> bool {
        if self.until.is_none_or(|until| now >= until) {
            *self = Self { until: Some(now + ASK_EVERY), left: MAX_FRAMES };
        }
        let has_room = self.left > 0;
        self.left -= usize::from(has_room);
        has_room
    }
}

fn what_became_of(steps: &[Step]) -> Cow<'static, str> {
    let told = steps.iter().find_map(|step| match step {
        Step::Answered { message, strategy, .. } => {
            Some(format!("a client's question: answered by an {message} ({strategy})").into())
        }
        Step::Refused { why, .. } => Some(format!("a client's question: not answered: {why}").into()),
        _ => None,
    });
    told.unwrap_or("a client's message, which is not for pxeguard".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_flood_as_many_are_kept_as_can_be_fetched_and_the_others_counted() {
        let (mut film, recorder, now) = (Film::default(), Recorder::default(), Instant::now());
        let frames = 3 * MAX_FRAMES;
        for number in 0..frames {
            film.take_answer("vmbr0", &number.to_be_bytes(), now);
        }
        assert_eq!(film.frames.len(), MAX_FRAMES);
        film.hand_over(&recorder);
        film.take_answer("vmbr0", &[7; 60], now + ASK_EVERY);
        film.hand_over(&recorder);
        let (mut after, mut told, mut lost) = (0, Vec::new(), 0);
        loop {
            let frames = recorder.after(Some(after));
            (after, lost) = (frames.next, lost + frames.lost);
            told.extend(frames.frames);
            if !frames.more {
                break;
            }
        }
        assert_eq!(told.last().map(|frame| frame.bytes.len()), Some(60));
        assert_eq!(told.len() as u64 + lost, frames as u64 + 1);
    }
}
