//! What the kernel would answer: the same bytes as user space, or nothing.

use std::cell::RefCell;

use proptest::prelude::{ProptestConfig, any, prop, proptest};
use pxeguard_common::request::{Ask, Desk, Envelope};
use pxeguard_common::responder::HEADERS;

use super::*;
use crate::dataplane::Reply;
use crate::proxy::fast_path::{Group, replies};
use crate::proxy::learning::Learnt;

/// The steps of the kernel's program, over the same functions.
fn kernels(prepared: &[Reply], variant: usize, frame: &[u8], tag: Option<u16>) -> Option<Vec<u8>> {
    let mut desk = Desk::new();
    desk.head[..HEADERS].copy_from_slice(frame.get(..HEADERS)?);
    let envelope = Envelope::read(&desk.head)?;
    let len = envelope.message_len;
    desk.message[..len].copy_from_slice(frame.get(HEADERS..HEADERS + len)?);
    let vlan = match tag.map(|tag| tag & 0x0fff) {
        Some(0) => return None,
        vlan => vlan.unwrap_or(0),
    };
    if !desk.read(len) {
        return None;
    }
    let request = desk.request;
    let is_it = |reply: &&Reply| (reply.kind, reply.vlan, usize::from(reply.variant)) == (request.kind, vlan, variant);
    let reply = prepared.iter().find(is_it)?;
    let to = envelope.destination(&request, &reply.prepared)?;
    let message = reply.prepared.message;
    let mut head = desk.head;
    reply.prepared.write_head(&request.values, &to, &mut head);
    let mut out = [&[0; HEADERS][..], &message.bytes()[..message.message_len()]].concat();
    out[..head.len()].copy_from_slice(&head);
    for (at, value) in
        [(message.uuid_at(), &request.values.uuid[..]), (message.boot_item_at(), &request.values.boot_item)]
    {
        if at != 0 {
            out[HEADERS + at..][..value.len()].copy_from_slice(value);
        }
    }
    assert_eq!(request.kind.ask == Ask::Offer as u8, message.bytes()[242] == 2, "an offer is what a DISCOVER gets");
    Some(out)
}

/// What both answer to a frame; tags that are in the frame the kernel would have taken out.
fn both(frame: &[u8], tag: Option<u16>) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    thread_local! {
        static PREPARED: RefCell<Vec<Reply>> = const { RefCell::new(Vec::new()) };
    }
    let mut bench = Bench::new();
    let by_kernel = PREPARED.with_borrow_mut(|prepared| {
        if prepared.is_empty() {
            *prepared = replies(&bench.networks, &bench.settings, &Folder, &Group::of_all());
        }
        kernels(prepared, 0, frame, tag)
    });
    let by_user_space = bench.respond(frame, tag).map(|frame| untagged(&frame));
    (by_kernel, by_user_space)
}

/// A reply without its tag, which the kernel keeps beside it.
fn untagged(frame: &[u8]) -> Vec<u8> {
    match frame[12..14] {
        [0x81, 0x00] => [&frame[..12], &frame[16..]].concat(),
        _ => frame.to_vec(),
    }
}

#[test]
fn every_plain_request_is_answered_by_the_kernel_with_the_same_bytes() {
    let menu = Asking::of(OVMF_BOOT_SERVER_REQUEST).option(43, &[71, 4, 0x80, 0, 0, 0, 255]);
    let arm64 = Asking::of(OVMF_DISCOVER).arch(Arch(11));
    let bios = Asking::of(OVMF_DISCOVER).arch(Arch(0));
    let no_uuid = Asking::of(OVMF_DISCOVER).without(97);
    let unicast = Asking::of(OVMF_DISCOVER).with(|asking| {
        asking.message.set_flags(0.into());
    });
    let captured = [OVMF_DISCOVER, OVMF_BOOT_SERVER_REQUEST, OVMF_HTTP_DISCOVER, IPXE_DISCOVER];
    let frames = captured.map(bytes).into_iter();
    for (which, frame) in frames.chain([menu, arm64, bios, no_uuid, unicast].map(|asking| asking.frame())).enumerate() {
        let (by_kernel, by_user_space) = both(&frame, None);
        assert!(by_kernel.is_some(), "{which}");
        assert_eq!(by_kernel, by_user_space, "{which}");
    }
    let (by_kernel, by_user_space) = both(&bytes(OVMF_DISCOVER), Some(5));
    assert!(by_kernel.is_some());
    assert_eq!(by_kernel, by_user_space);
}

#[test]
fn clients_with_something_of_their_own_get_from_the_kernel_what_user_space_tells_them() {
    let plain = [OVMF_DISCOVER, OVMF_BOOT_SERVER_REQUEST];
    for strategy in [Strategy::Direct, Strategy::Binl, Strategy::Menu] {
        let chosen = Bench::with(strategy);
        let own = chosen.settings.clients[&MacAddress(CLIENT_MAC)].clone();
        let settled =
            Bench { learning: Learning::new(&Learnt(vec![(MacAddress(CLIENT_MAC), strategy)])), ..Bench::new() };
        let groups = [Group { own, settled: None }, Group { settled: Some(strategy), ..Group::default() }];
        for (variant, mut bench) in [chosen, settled].into_iter().enumerate() {
            let prepared = replies(&bench.networks, &bench.settings, &Folder, &groups);
            for frame in plain.map(bytes) {
                let by_kernel = kernels(&prepared, variant, &frame, None);
                assert!(by_kernel.is_some(), "{strategy:?} {variant}");
                assert_eq!(by_kernel, bench.respond(&frame, None), "{strategy:?} {variant}");
            }
        }
    }
}

#[test]
fn the_ways_to_answer_are_told_apart() {
    let bench = Bench::new();
    let prepared = replies(&bench.networks, &bench.settings, &Folder, &Group::of_all());
    let offers: std::collections::HashSet<_> =
        (0..3).map(|variant| kernels(&prepared, variant, &bytes(OVMF_DISCOVER), None).unwrap()).collect();
    assert_eq!(offers.len(), 3);
}

#[test]
fn groups_for_which_there_is_no_room_have_no_replies() {
    let bench = Bench::new();
    let groups: Vec<_> = (0..1000)
        .map(|number| Group {
            own: ClientSettings { entry: Some(number.to_string()), ..ClientSettings::default() },
            settled: None,
        })
        .collect();
    let prepared = replies(&bench.networks, &bench.settings, &Folder, &groups);
    let of = |variant: u16| prepared.iter().filter(|reply| reply.variant == variant).count();
    assert!(prepared.len() <= 4096 && prepared.len() > 3000, "{}", prepared.len());
    assert!(of(0) > 0 && of(0) == of(1));
    assert_eq!(of(999), 0);
}

#[test]
fn what_is_not_plain_is_left_to_user_space() {
    let discover = || Asking::of(OVMF_DISCOVER);
    let relayed = discover().with(|asking| {
        asking.message.set_giaddr([10, 9, 0, 1]);
    });
    let overloaded = discover().option(52, &[1]);
    let two_arches = discover().option(93, &[0, 7, 0, 9]);
    let foreign_source = discover().with(|asking| asking.envelope.from_mac = [2, 0, 0, 0, 0, 9]);
    for (which, asking) in [relayed, overloaded, two_arches, foreign_source].iter().enumerate() {
        let (by_kernel, by_user_space) = both(&asking.frame(), None);
        assert_eq!(by_kernel, None, "{which}");
        assert!(by_user_space.is_some() || which == 0, "{which}");
    }
    // A client beyond the network, one that is nobody's, and this host itself: also user space says nothing.
    for ciaddr in [[10, 78, 0, 2], [10, 77, 0, 0], [10, 77, 255, 255], [10, 77, 0, 1], [0; 4]] {
        let asking = Asking::of(OVMF_BOOT_SERVER_REQUEST).with(|asking| {
            asking.message.set_ciaddr(ciaddr);
            asking.envelope.from.set_ip(ciaddr.into());
        });
        assert_eq!(both(&asking.frame(), None), (None, None), "{ciaddr:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(10_000) })]

    #[test]
    fn the_kernel_answers_as_user_space_or_not_at_all(
        captured in prop::sample::select(vec![OVMF_DISCOVER, OVMF_REQUEST, OVMF_BOOT_SERVER_REQUEST, OVMF_HTTP_DISCOVER, IPXE_DISCOVER]),
        changes in prop::collection::vec((0..700_usize, any::<u8>()), 0..4),
        tag in prop::sample::select(vec![None, None, Some(5), Some(6), Some(0)]),
    ) {
        let mut frame = bytes(captured);
        for (at, byte) in changes {
            let len = frame.len();
            frame[at % len] = byte;
        }
        let (by_kernel, by_user_space) = both(&frame, tag);
        if by_kernel.is_some() {
            assert_eq!(by_kernel, by_user_space);
        }
    }
}
