//! One frame, as it is kept and told.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use pxeguard_common::event::{Event, FRAME_BYTES};
use pxeguard_common::verdict::{Judgement, Verdict};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::Timestamp;

/// Bytes of a frame that are kept at the most: as many as the kernel tells.
pub const SNAP_BYTES: usize = FRAME_BYTES;

/// A frame, or its beginning.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Frame {
    /// Its number, counted by the daemon from 1 on.
    pub number: u64,
    /// When it came or went, in nanoseconds since 1970.
    pub at_ns: u64,
    /// Name of the interface: of a server's reply the port by which it came in, else where the daemon reads and sends.
    pub interface: String,
    /// The guest behind that port.
    pub guest: Option<String>,
    /// Whether it came or went.
    pub direction: Direction,
    /// Whether it was dropped, or would have been if the mode were not to observe.
    pub is_dropped: bool,
    /// Its whole length in bytes.
    pub len: u32,
    /// What became of it, in words.
    pub comment: Cow<'static, str>,
    /// Its bytes, no more than `SNAP_BYTES`.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    pub bytes: Vec<u8>,
}

/// Which way a frame went, as the host sees it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// It came in.
    In,
    /// It went out.
    Out,
}

impl Frame {
    /// A frame without a number yet.
    pub fn new(interface: &str, at: Timestamp, direction: Direction, whole: &[u8], comment: Cow<'static, str>) -> Self {
        Self {
            number: 0,
            at_ns: at.unix_ns(),
            interface: interface.to_owned(),
            guest: None,
            direction,
            is_dropped: false,
            len: whole.len() as u32,
            comment,
            bytes: whole[..whole.len().min(SNAP_BYTES)].to_vec(),
        }
    }

    /// A server's reply, as the kernel tells it.
    pub fn reply(event: &Event, judgement: Judgement, port: &str, guest: Option<String>, at: Timestamp) -> Self {
        let head = &event.head;
        let captured = &event.frame[..(head.captured as usize).min(event.frame.len())];
        let bytes = with_vlan(captured, head.server.vlan);
        let tag_len = bytes.len() - captured.len();
        Self {
            guest,
            is_dropped: judgement.verdict != Verdict::Pass,
            len: head.frame_len.max(head.captured) + tag_len as u32,
            ..Self::new(port, at, Direction::In, &bytes, what_became_of(event, judgement).into())
        }
    }
}

fn what_became_of(event: &Event, judgement: Judgement) -> String {
    let verdict = match judgement.verdict {
        Verdict::Pass => "passed",
        Verdict::Drop => "dropped",
        Verdict::WouldDrop => "would be dropped",
    };
    let mut comment = format!("{verdict} ({}): {}", judgement.reason.name(), judgement.reason.explanation());
    if event.head.flags & Event::AT_EGRESS != 0 {
        comment += "; seen where it would leave, since the port by which it came in is not guarded yet";
    }
    if event.head.flags & Event::FIRST != 0 {
        comment += "; the first reply of this server";
    }
    if event.head.untold != 0 {
        comment += &format!("; and {} more like it before, which are not here", event.head.untold);
    }
    comment
}

/// Puts a VLAN tag back that the kernel has taken out; which kind of tag it was, nobody knows any more.
pub fn with_vlan(frame: &[u8], tci: u16) -> Cow<'_, [u8]> {
    /// Both MAC addresses.
    const ADDRESSES: usize = 12;
    let is_tagged = matches!(frame.get(ADDRESSES..ADDRESSES + 2), Some([0x81, 0x00] | [0x88, 0xa8]) | None);
    if tci == 0 || is_tagged {
        return Cow::Borrowed(frame);
    }
    let (addresses, rest) = frame.split_at(ADDRESSES);
    Cow::Owned([addresses, &[0x81, 0x00], &tci.to_be_bytes(), rest].concat())
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD_NO_PAD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    STANDARD_NO_PAD.decode(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use pxeguard_common::event::EventHead;
    use pxeguard_common::server::ServerKey;
    use pxeguard_common::verdict::Reason;

    use super::*;

    const UNTRUSTED: Judgement = Judgement { verdict: Verdict::Drop, reason: Reason::Untrusted };

    fn event(captured: u32, frame_len: u32, vlan: u16, untold: u64) -> Event {
        let server = ServerKey { port: 2, source: [10, 0, 0, 66], server_id: [0; 4], mac: [2; 6], vlan };
        let head = EventHead {
            at_ns: 0,
            untold,
            server,
            judgement: UNTRUSTED.index(),
            type_code: 2,
            frame_len,
            flags: 0,
            captured,
        };
        Event { head, frame: [0x45; FRAME_BYTES] }
    }

    fn reply(event: &Event) -> Frame {
        Frame::reply(event, UNTRUSTED, "tap100i0", None, Timestamp::now())
    }

    #[test]
    fn a_long_reply_is_cut_and_says_how_long_it_was() {
        let frame = reply(&event(1024, 1400, 0, 0));
        assert_eq!((frame.bytes.len(), frame.len, frame.is_dropped), (1024, 1400, true));
        assert_eq!(frame.comment, "dropped (untrusted): the server is not trusted");
    }

    #[test]
    fn how_many_were_not_told_is_told() {
        assert!(reply(&event(300, 300, 0, 41)).comment.ends_with("; and 41 more like it before, which are not here"));
    }

    #[test]
    fn a_tag_that_the_kernel_took_out_is_put_back_once() {
        let frame = reply(&event(300, 300, 5, 0));
        assert_eq!((frame.bytes.len(), frame.len), (304, 304));
        assert_eq!(frame.bytes[10..18], [0x45, 0x45, 0x81, 0, 0, 5, 0x45, 0x45]);
        let tagged = frame.bytes;
        assert_eq!(*with_vlan(&tagged, 5), tagged);
        assert_eq!(*with_vlan(&[0; 5], 5), [0; 5], "cut off before the tag");
    }

    #[test]
    fn a_frame_is_read_back_as_written() {
        let frame = reply(&event(301, 400, 0, 0));
        let json = serde_json::to_string(&frame).unwrap();
        assert_eq!(serde_json::from_str::<Frame>(&json).unwrap(), frame);
    }
}
