//! What is a server's reply, told by the lab's frames: every disguise is, and nothing innocent.

use proptest::prelude::*;
use pxeguard_common::dhcp::MessageType;
use pxeguard_common::frame::{Bytes, Frame};
use pxeguard_common::reply::{Form, Ignore, ServerReply};
use pxeguard_lab::frames::{Carried, Message, code, ether_type, innocent, kind, mutations, port};

fn parse(frame: &[u8]) -> Result<ServerReply, Ignore> {
    ServerReply::parse(&Bytes::new(frame))
}

/// A frame of which only the first bytes are at hand, as the kernel has one out of a TX ring.
struct Scattered<'a> {
    whole: Bytes<'a>,
    linear: usize,
}

impl Frame for Scattered<'_> {
    fn head<const N: usize>(&self) -> Option<&[u8; N]> {
        if N > self.linear { None } else { self.whole.head() }
    }

    fn load<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.whole.load(at)
    }

    fn offloaded_tag(&self) -> Option<u16> {
        self.whole.offloaded_tag()
    }
}

/// All that verdicts, counters and events are made of.
fn facts(parsed: Result<ServerReply, Ignore>) -> Result<impl PartialEq + std::fmt::Debug, Ignore> {
    parsed.map(|reply| {
        let said = (reply.type_code, reply.sender.server_id);
        let kinds = (reply.gives_address(), reply.is_relayed(), reply.is_pxe());
        (
            reply.sender.mac,
            reply.sender.vlan,
            reply.sender.source,
            reply.to,
            reply.form,
            reply.op,
            reply.yiaddr,
            said,
            kinds,
        )
    })
}

#[test]
fn every_disguise_is_a_reply() {
    for mutation in mutations() {
        let parsed = parse(&mutation.frames[mutation.telling]);
        assert!(parsed.is_ok(), "{}: {parsed:?}", mutation.name);
    }
}

#[test]
fn nothing_innocent_is_a_reply() {
    for innocent in innocent() {
        let parsed = parse(&innocent.frame);
        assert!(parsed.is_err(), "{}: {parsed:?}", innocent.name);
    }
}

#[test]
fn each_message_is_told_with_its_type_and_its_server() {
    let table = [
        (Message::offer(), MessageType::Offer, false),
        (Message::ack(), MessageType::Ack, false),
        (Message::nak(), MessageType::Nak, false),
        (Message::proxy_offer(), MessageType::Offer, true),
    ];
    for (message, message_type, is_pxe) in table {
        let reply = parse(&message.frame()).unwrap();
        assert_eq!((reply.form, reply.message_type(), reply.is_pxe()), (Form::Plain, message_type, is_pxe));
        assert_eq!(
            (reply.sender.source, reply.sender.server_id),
            (message.ip.source.octets(), message.ip.source.octets())
        );
        assert_eq!((reply.sender.mac, reply.yiaddr), (message.source_mac.into_array(), message.bootp.yiaddr.octets()));
    }
}

/// A message whose options are these bytes.
fn with_options(options: &[u8]) -> Vec<u8> {
    let mut frame = Message::offer().frame();
    frame.truncate(14 + 20 + 8 + 240);
    frame.extend(options);
    frame
}

#[test]
fn options_are_found_wherever_they_stand() {
    let (kind, server_id) = ([53, 1, 2], [54, 4, 10, 66, 0, 9]);
    let other = [12, 2, 0, 0].repeat(14);
    let table = [
        [&kind[..], &server_id, &[255]].concat(),
        [&server_id[..], &kind, &[255]].concat(),
        [&server_id[..], &kind].concat(),
        [&[0; 14][..], &kind, &server_id].concat(),
        [&other[..], &kind, &server_id, &[255]].concat(),
        [&kind[..], &other, &server_id, &[255]].concat(),
    ];
    for options in table {
        let reply = parse(&with_options(&options)).unwrap();
        assert_eq!((reply.type_code, reply.sender.server_id), (2, [10, 66, 0, 9]), "{options:?}");
    }
}

#[test]
fn options_that_lie_change_only_what_is_told() {
    let table: [&[u8]; 7] = [
        &[],
        &[53],
        &[53, 1],
        &[53, 2, 2, 2],
        &[54, 255, 1, 2, 3, 4],
        &[255, 53, 1, 2, 54, 4, 1, 2, 3, 4],
        &[12, 2, 0, 0, 54, 4, 1, 2, 3],
    ];
    for options in table {
        let reply = parse(&with_options(options)).unwrap();
        assert_eq!(
            (reply.form, reply.message_type(), reply.sender.server_id),
            (Form::Plain, MessageType::Other, [0; 4])
        );
    }
    let behind_sixteen = [&[12, 2, 0, 0].repeat(16)[..], &[53, 1, 2]].concat();
    assert_eq!(parse(&with_options(&behind_sixteen)).unwrap().message_type(), MessageType::Other);
}

#[test]
fn the_vlan_is_the_first_that_is_not_0_wherever_the_tag_is_kept() {
    let message = Message::offer();
    let tagged = |vlans: &[u16]| {
        let tags: Vec<_> = vlans.iter().map(|vlan| (ether_type::VLAN, *vlan)).collect();
        message.framed(&message.carried().tags(&tags))
    };
    for (vlans, vlan) in [(&[][..], 0), (&[0], 0), (&[5], 5), (&[0, 5], 5), (&[5, 7], 5)] {
        assert_eq!(parse(&tagged(vlans)).unwrap().sender.vlan, vlan, "{vlans:?}");
    }
    let (untagged, tagged) = (tagged(&[]), tagged(&[7]));
    for (offloaded, vlan) in [(0, 0), (5, 5), (0xe005, 5)] {
        let frame = Bytes::with_offloaded_tag(&untagged, offloaded);
        assert_eq!(ServerReply::parse(&frame).unwrap().sender.vlan, vlan);
    }
    assert_eq!(ServerReply::parse(&Bytes::with_offloaded_tag(&tagged, 5)).unwrap().sender.vlan, 5);
}

#[test]
fn eight_link_headers_hide_a_reply_and_seven_do_not() {
    let message = Message::offer();
    for (tags, form) in [(7, Form::Plain), (8, Form::TooDeep), (40, Form::TooDeep)] {
        let carried = message.carried().tags(&vec![(ether_type::VLAN, 0); tags]);
        assert_eq!(parse(&message.framed(&carried)).unwrap().form, form, "{tags} tags");
    }
}

#[test]
fn a_request_is_no_reply_and_neither_is_what_other_ports_get() {
    let to = |port| Message::offer().with(|message| message.udp.destination_port = port).frame();
    assert!(parse(&to(port::SERVER)).is_ok() && parse(&to(port::PXE)).is_ok());
    assert_eq!(parse(&to(69)).unwrap_err(), Ignore::OtherPort);
    for request in [Message::discover(), Message::request(), Message::pxe_discover()] {
        assert_eq!(parse(&request.frame()).unwrap_err(), Ignore::FromClient);
    }
}

#[test]
fn a_header_that_is_cut_off_is_not_taken_for_innocent() {
    let frame = Message::offer().frame();
    for len in 14..14 + 20 + 8 + 28 {
        assert_eq!(parse(&frame[..len]).unwrap().form, Form::Truncated, "{len} bytes");
    }
    // What can be read of it may tell that it is not UDP, behind tags, too.
    let tcp = Message::offer().with(|message| message.ip.protocol = 6);
    for carried in [tcp.carried(), tcp.carried().tag(ether_type::VLAN, 5)] {
        let frame = tcp.framed(&carried);
        assert_eq!(parse(&frame[..frame.len().min(30)]).unwrap_err(), Ignore::NotUdp);
    }
}

#[test]
fn a_glance_ignores_only_what_a_close_look_ignores_and_for_the_same_reason() {
    for frame in frames() {
        check_readings(&frame, None);
    }
}

fn frames() -> Vec<Vec<u8>> {
    let disguised = mutations().into_iter().flat_map(|mutation| mutation.frames);
    disguised.chain(innocent().into_iter().map(|innocent| innocent.frame)).collect()
}

/// The same comes of a frame however much of it is at hand.
fn check_readings(frame: &[u8], tag: Option<u16>) {
    let whole = tag.map_or(Bytes::new(frame), |tag| Bytes::with_offloaded_tag(frame, tag));
    let parsed = facts(ServerReply::parse(&whole));
    for linear in [0, 14, 38, 290, 291] {
        assert_eq!(facts(ServerReply::parse(&Scattered { whole, linear })), parsed, "{linear} bytes at hand");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_frames_are_read_alike_however_they_lie(
        mut frame in proptest::sample::select(frames()),
        changes in proptest::collection::vec((0..300_usize, any::<u8>()), 0..4),
        len in any::<proptest::sample::Index>(),
        tag in proptest::option::of(any::<u16>()),
    ) {
        for (at, byte) in changes {
            if let Some(changed) = frame.get_mut(at) {
                *changed = byte;
            }
        }
        check_readings(&frame, tag);
        check_readings(&frame[..len.index(frame.len() + 1)], tag);
    }
}

#[test]
fn type_other_is_told_where_option_53_says_something_else() {
    let discover = Message::offer().with(|message| {
        message.bootp.set(code::MESSAGE_TYPE, [kind::DISCOVER]);
    });
    let reply = parse(&discover.framed(&Carried::ipv4(discover.packet()))).unwrap();
    assert_eq!((reply.message_type(), reply.type_code), (MessageType::Other, kind::DISCOVER));
}
