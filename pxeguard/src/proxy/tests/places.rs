//! Where answers come from and where they go.

use super::loaded::Only;
use super::*;
use crate::proxy::Ignore;

const BROADCAST: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::BROADCAST, port::CLIENT);

#[test]
fn an_offer_is_broadcast_where_the_client_wants_that() {
    let (envelope, _) = Bench::new().reply(&bytes(OVMF_DISCOVER));
    assert_eq!((envelope.from_mac, envelope.to_mac, envelope.to), (SERVER_MAC, [0xff; 6], BROADCAST));
    // edk2 takes offers from port 67 only.
    assert_eq!(envelope.from, socket(SERVER, port::SERVER));
}

#[test]
fn an_offer_is_framed_for_the_client_alone_where_it_does_not() {
    let (envelope, reply) = Bench::new().reply(&bytes(IPXE_DISCOVER));
    assert_eq!((envelope.to_mac, envelope.to), (CLIENT_MAC, BROADCAST));
    assert!(!reply.flags().broadcast());
}

#[test]
fn a_boot_server_answers_from_its_port_to_the_port_that_asked() {
    for from in [port::BOOT_SERVER, port::CLIENT] {
        let asking = Asking::of(OVMF_BOOT_SERVER_REQUEST).with(|asking| {
            asking.envelope.from.set_port(from);
            asking.envelope.to.set_ip(SERVER);
            asking.envelope.to_mac = SERVER_MAC;
        });
        let (envelope, reply) = Bench::new().reply(&asking.frame());
        assert_eq!(envelope.from, socket(SERVER, port::BOOT_SERVER));
        assert_eq!(envelope.to, socket(asking.message.ciaddr(), from));
        assert_eq!((envelope.to_mac, reply.ciaddr()), (CLIENT_MAC, asking.message.ciaddr()));
    }
}

#[test]
fn a_request_by_a_relay_is_answered_to_the_relay_with_its_option_last() {
    let asking = Asking::of(OVMF_DISCOVER).option(82, b"\x01\x02ab").with(|asking| {
        asking.message.set_giaddr([10, 9, 0, 1]);
        asking.envelope.from_mac = [2, 0, 0, 0, 0x77, 0xfe];
    });
    let reply = Bench::new().respond(&asking.frame(), None).unwrap();
    let (envelope, payload) = frame::read(&reply, None).unwrap();
    assert_eq!((envelope.to_mac, envelope.to), ([2, 0, 0, 0, 0x77, 0xfe], socket([10, 9, 0, 1].into(), port::SERVER)));
    let message = decode(payload);
    assert_eq!((message.giaddr(), message.hops()), ([10, 9, 0, 1].into(), 0));
    let end = payload.iter().rposition(|byte| *byte == 255).unwrap();
    assert_eq!(payload[end - 6..end], *b"\x52\x04\x01\x02ab");
}

#[test]
fn an_answer_goes_to_who_asked_whatever_address_the_message_names() {
    let asking = Asking::of(IPXE_DISCOVER).with(|asking| asking.envelope.from_mac = [2, 0, 0, 0, 0, 9]);
    let (envelope, reply) = Bench::new().reply(&asking.frame());
    assert_eq!((envelope.to_mac, reply.chaddr()), ([2, 0, 0, 0, 0, 9], &CLIENT_MAC[..]));
}

#[test]
fn a_relays_question_is_not_answered_by_much_more_than_it_had() {
    let short = [55, 57, 61, 94, 97, 128, 129, 130, 131, 132, 133, 134, 135];
    let short = short.into_iter().fold(Asking::of(OVMF_DISCOVER), Asking::without).option(60, b"PXEClient");
    let relayed = |giaddr: [u8; 4], len: usize| {
        let asking = short.clone().option(82, &vec![1; len]).option(57, &1500_u16.to_be_bytes());
        asking.with(|asking| _ = asking.message.set_giaddr(giaddr)).frame()
    };
    const NAME: &str = "a-name-that-goes-on-and-on-for-as-long-as-it-takes-until-the-answer-is-much-longer-than-what-asked/\
                        and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on/boot.efi";
    let mut bench = Bench { offers: &Only(NAME), ..Bench::new() };
    let frame = relayed([10, 9, 0, 1], 20);
    assert_eq!(bench.respond(&frame, None), None);
    let Some(Step::Refused { why, .. }) = bench.steps.last() else { panic!("{:?}", bench.steps) };
    assert!(why.contains("one and a half times"), "{why}");
    // Who asks directly gets it: it goes nowhere else.
    let frame = relayed([0; 4], 20);
    assert!(bench.respond(&frame, None).unwrap().len() * 2 > frame.len() * 3);
}

#[test]
fn a_client_beyond_a_relay_comes_to_port_4011_from_another_network() {
    let relayed = Asking::of(OVMF_DISCOVER).with(|asking| _ = asking.message.set_giaddr([10, 9, 0, 1]));
    let remote = Asking::of(OVMF_BOOT_SERVER_REQUEST).with(|asking| _ = asking.message.set_ciaddr([10, 9, 0, 50]));
    let mut bench = Bench::new();
    assert_eq!(bench.respond(&remote.frame(), None), None);
    bench.respond(&relayed.frame(), None).unwrap();
    assert_eq!(bench.reply(&remote.frame()).0.to, socket([10, 9, 0, 50].into(), port::BOOT_SERVER));
}

#[test]
fn a_vlan_is_answered_in_the_vlan_with_its_devices_address() {
    let discover = bytes(OVMF_DISCOVER);
    let mut bench = Bench::new();
    for (tag, vlan, mac, server) in [
        (None, 0, SERVER_MAC, SERVER),
        // Linux takes a priority tag for none, and so does the answer: iPXE drops such a tag.
        (Some(0xe000), 0, SERVER_MAC, SERVER),
        (Some(5), 5, VLAN_MAC, VLAN_SERVER),
        (Some(0xe005), 5, VLAN_MAC, VLAN_SERVER),
        // No device has this one: the bridge's address, which a router may lead to.
        (Some(6), 6, SERVER_MAC, SERVER),
    ] {
        let reply = bench.respond(&discover, tag).unwrap();
        let (envelope, payload) = frame::read(&reply, None).unwrap();
        assert_eq!((envelope.vlan, envelope.from_mac), (vlan, mac), "{tag:?}");
        assert_eq!((*envelope.from.ip(), decode(payload).siaddr()), (server, server), "{tag:?}");
    }
    // A tag that is still in the frame.
    let tagged = [&discover[..12], &[0x81, 0, 0, 5], &discover[12..]].concat();
    assert_eq!(bench.respond(&tagged, None), bench.respond(&discover, Some(5)));
}

#[test]
fn an_interface_without_an_address_answers_nobody() {
    let mut bench = Bench::new();
    bench.networks.own.retain(|network| network.vlan == 5);
    assert_eq!(bench.respond(&bytes(OVMF_DISCOVER), None), None);
    assert_eq!(bench.ignored(Ignore::NotServed), 1);
    assert!(bench.respond(&bytes(OVMF_DISCOVER), Some(5)).is_some());
}

#[test]
fn of_several_addresses_the_one_in_the_clients_network_answers() {
    let mut bench = Bench::new();
    let second = Network { address: "10.88.0.1/16".parse().unwrap(), ..bench.networks.own[0].clone() };
    bench.networks.own.push(second);
    let asking = Asking::of(OVMF_BOOT_SERVER_REQUEST).with(|asking| {
        asking.message.set_ciaddr([10, 88, 0, 7]);
        asking.envelope.to = socket([10, 88, 0, 1].into(), port::BOOT_SERVER);
        asking.envelope.to_mac = SERVER_MAC;
    });
    assert_eq!(*bench.reply(&asking.frame()).0.from.ip(), Ipv4Addr::new(10, 88, 0, 1));
    assert_eq!(*bench.reply(&bytes(OVMF_DISCOVER)).0.from.ip(), SERVER);
}

#[test]
fn of_several_addresses_the_one_that_a_relay_asked_answers() {
    let mut bench = Bench::new();
    let second = Network { address: "10.88.0.1/16".parse().unwrap(), ..bench.networks.own[0].clone() };
    bench.networks.own.push(second);
    for asked in [SERVER, Ipv4Addr::new(10, 88, 0, 1)] {
        let asking = Asking::of(OVMF_DISCOVER).with(|asking| {
            asking.message.set_giaddr([10, 9, 0, 1]);
            asking.envelope.to = socket(asked, port::SERVER);
            asking.envelope.to_mac = SERVER_MAC;
        });
        assert_eq!(*bench.reply(&asking.frame()).0.from.ip(), asked);
    }
}

#[test]
fn a_checksum_that_a_card_was_to_finish_is_no_fault() {
    let mut frame = bytes(OVMF_DISCOVER);
    frame[40..42].copy_from_slice(&[0x12, 0x34]);
    assert!(Bench::new().respond(&frame, None).is_some());
}
