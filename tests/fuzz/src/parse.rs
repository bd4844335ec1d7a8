//! Target `parse`: any bytes, taken for a frame.

use pxeguard_common::dhcp::UdpPort;
use pxeguard_common::frame::{Bytes, Frame};
use pxeguard_common::reply::{Form, Ignore, ServerReply};

/// An Ethernet header, and an IPv4 header without options.
const HEADERS: usize = 14 + 20;

/// A frame is parsed without a panic, and to the same end however it lies in memory and whatever follows it.
pub fn parse(bytes: &[u8]) {
    let parsed = ServerReply::parse(&Bytes::new(bytes));
    scattered_is_the_same(bytes, &parsed);
    taken_out_tag_is_the_same(bytes, &parsed);
    plain_is_told_by_the_rule(bytes, &parsed);
    for eighth in 1..8 {
        beginning_decides(&bytes[..bytes.len() * eighth / 8], &parsed);
    }
}

type Parsed = Result<ServerReply, Ignore>;

/// All that a verdict, a counter or a line can depend on.
fn facts(parsed: &Parsed) -> Result<impl PartialEq + std::fmt::Debug, Ignore> {
    parsed.map(|reply| {
        let flags = (reply.gives_address(), reply.is_relayed(), reply.is_pxe());
        (headers(&reply), flags, reply.type_code, reply.sender.server_id)
    })
}

/// The facts that do not come from options.
fn headers(reply: &ServerReply) -> impl PartialEq + std::fmt::Debug + use<> {
    let addresses = (reply.sender.source, reply.yiaddr, reply.giaddr);
    (reply.sender.mac, reply.sender.vlan, addresses, reply.to, reply.form, reply.op)
}

/// A frame of which only the first bytes are at hand, as of an skb with fragments.
struct Scattered<'a> {
    whole: Bytes<'a>,
    at_hand: &'a [u8],
}

impl Frame for Scattered<'_> {
    fn head<const N: usize>(&self) -> Option<&[u8; N]> {
        self.at_hand.first_chunk()
    }

    fn load<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.whole.load(at)
    }

    fn offloaded_tag(&self) -> Option<u16> {
        self.whole.offloaded_tag()
    }
}

fn scattered_is_the_same(bytes: &[u8], parsed: &Parsed) {
    for length in [14, 24, 34, 42, 100] {
        let at_hand = &bytes[..length.min(bytes.len())];
        let scattered = ServerReply::parse(&Scattered { whole: Bytes::new(bytes), at_hand });
        assert_eq!(facts(&scattered), facts(parsed), "{length} bytes at hand");
    }
}

/// The kernel takes the outermost 802.1Q tag out before tc sees a frame, and XDP sees it in its place.
fn taken_out_tag_is_the_same(bytes: &[u8], parsed: &Parsed) {
    let Some([0x81, 0x00, high, low]) = bytes.get(12..16) else { return };
    let untagged = [&bytes[..12], &bytes[16..]].concat();
    let without = ServerReply::parse(&Bytes::with_offloaded_tag(&untagged, u16::from_be_bytes([*high, *low])));
    // The tag counts as one header more.
    let too_deep = parsed.is_ok_and(|reply| reply.form == Form::TooDeep);
    if !too_deep {
        assert_eq!(facts(&without), facts(parsed));
    }
}

/// The rule in its own words, for frames without tags and fragments.
fn plain_is_told_by_the_rule(bytes: &[u8], parsed: &Parsed) {
    if bytes.len() < HEADERS {
        return;
    }
    let udp = 14 + usize::from(bytes[14] & 0x0f) * 4;
    let fragmented = u16::from_be_bytes([bytes[20], bytes[21]]) & 0x3fff != 0;
    if bytes[12..14] != [8, 0] || fragmented || udp < HEADERS || bytes.len() < udp + 8 + 240 {
        return;
    }
    let is_reply = match u16::from_be_bytes([bytes[udp + 2], bytes[udp + 3]]) {
        68 => true,
        67 | 4011 => bytes[udp + 8] == 2,
        _ => false,
    };
    assert_eq!(parsed.is_ok(), bytes[23] == 17 && is_reply);
    if let Ok(reply) = parsed {
        assert_eq!((reply.form, reply.op), (Form::Plain, bytes[udp + 8]));
        assert_eq!((&reply.sender.mac[..], &reply.sender.source[..]), (&bytes[6..12], &bytes[26..30]));
        assert!(reply.to.takes_replies() && (reply.to != UdpPort::PXE_BOOT_SERVER || !reply.gives_address()));
    }
}

/// Once all headers are there, no byte behind them makes something else of the frame.
fn beginning_decides(beginning: &[u8], whole: &Parsed) {
    match ServerReply::parse(&Bytes::new(beginning)) {
        Ok(reply) if matches!(reply.form, Form::Plain | Form::Llc) => {
            assert_eq!(whole.map(|whole| headers(&whole)), Ok(headers(&reply)));
        }
        Err(why @ (Ignore::NotUdp | Ignore::FromClient)) => assert_eq!(whole.err(), Some(why)),
        _ => {}
    }
}
