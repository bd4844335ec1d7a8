//! What is kept of the frames that come and go, for `pxeguard capture`.

use std::borrow::Cow;

use super::answer::Answer;
use super::socket::Received;
use super::templates::{FRAME, Templates};
use crate::capture::{Direction, Frame, with_vlan};
use crate::clients::Step;
use crate::time::Timestamp;

/// A client's message that was read, and what it led to; `None` if nothing of it is there.
pub fn question(iface: &str, received: &Received<'_>, steps: &[Step]) -> Option<Frame> {
    if received.frame.is_empty() {
        return None;
    }
    let whole = with_vlan(received.frame, received.tag.unwrap_or(0));
    Some(Frame::new(iface, Timestamp::now(), Direction::In, &whole, what_became_of(steps)))
}

/// An answer of pxeguard's.
pub fn answer(iface: &str, frame: &[u8]) -> Frame {
    Frame::new(iface, Timestamp::now(), Direction::Out, frame, "answered by pxeguard".into())
}

/// The kernel's own answers, which it sends without showing them.
#[derive(Default)]
pub struct Film {
    templates: Templates,
    /// Those that were taken and not recorded yet.
    pub frames: Vec<Frame>,
}

impl Film {
    /// Makes the frame of an answer: the kernel fills the same templates, so that it has the same bytes.
    pub fn take(&mut self, iface: &str, answer: &Answer) {
        let mut frame = [0; FRAME];
        // It has sent it, so that it fitted.
        if let Ok(len) = self.templates.write(answer, FRAME, FRAME, &mut frame) {
            let comment = "answered by pxeguard in the kernel, which does not show the question".into();
            self.frames.push(Frame::new(iface, Timestamp::now(), Direction::Out, &frame[..len], comment));
        }
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
