//! Where the answers of the loaded kernel programs go: to the port and the VLAN of the question, and nowhere else.
//!
//! No daemon answers here, so that whatever comes is the kernel's.

use std::time::Duration;

use pxeguard_lab::{Guest, Lab, Raw, skip_unless};

use super::kinds::{Change, Everything, Kind, changed};
use super::loaded::Kernel;
use super::*;
use crate::dataplane::Port;
use crate::hook::HookChoice;
use crate::ports::Device;

/// For what happens at once.
const SOON: Duration = Duration::from_secs(20);

/// A bridge with two guests, both of whose ports are guarded and served.
struct Wire {
    at_client: Raw,
    at_other: Raw,
    other: Guest,
    kernel: Kernel,
    _client: Guest,
    _lab: Lab,
}

impl Wire {
    fn new() -> Self {
        let lab = Lab::new().unwrap();
        let [client, other] = ["client", "other"].map(|name| lab.attach(name).unwrap());
        let ports = [&client, &other].map(|guest| {
            let index = lab.hypervisor().read(format!("/sys/class/net/{}/ifindex", guest.port())).unwrap();
            (Ifindex(index.trim().parse().unwrap()), guest.port())
        });
        let kernel = lab.hypervisor().enter(|| {
            let mut kernel = Kernel::new(&ports.map(|(index, _)| index));
            for (index, name) in ports {
                let port = Port {
                    index,
                    name,
                    kind: "veth",
                    physical: false,
                    bridge_port: true,
                    only_xdp: false,
                    choice: HookChoice::Auto,
                    xdp_program: None,
                    mtu: 1500,
                    device: &Device::default(),
                    vlan_use: None,
                };
                kernel.programs.guard(&port).unwrap();
            }
            kernel
        });
        let (at_client, at_other) = (client.raw().unwrap(), other.raw().unwrap());
        Self { at_client, at_other, other, kernel: kernel.unwrap(), _client: client, _lab: lab }
    }

    /// Sends frames and then a last one, a plain DISCOVER.  Returns what came to the client before the answer to
    /// that, and to the other guest before it.
    fn send(&self, frames: &[Vec<u8>]) -> [Vec<Vec<u8>>; 2] {
        let last = Asking::of(OVMF_DISCOVER)
            .with(|asking| {
                asking.message.set_xid(0x6c61_7374);
            })
            .frame();
        frames.iter().chain([&last]).for_each(|frame| self.at_client.send(frame).unwrap());
        let answer = by_user_space(&last, None).unwrap();
        [(&self.at_client, &answer), (&self.at_other, &last)].map(|(at, last)| {
            let (mut came, deadline) = (Vec::new(), Instant::now() + SOON);
            loop {
                let frame = at.receive(deadline).unwrap().expect("the last frame comes");
                match &frame {
                    frame if frame == last => return came,
                    // IPv6 and the like is of the guests themselves.
                    frame if is_dhcp(frame) => came.push(frame.clone()),
                    _ => {}
                }
            }
        })
    }
}

fn is_dhcp(frame: &[u8]) -> bool {
    frame.windows(4).any(|bytes| bytes == [99, 130, 83, 99])
}

fn by_user_space(frame: &[u8], tag: Option<u16>) -> Option<Vec<u8>> {
    let mut bench = Bench { offers: &Everything, ..Bench::new() };
    bench.respond(frame, tag)
}

/// A frame with a tag.
fn tagged(frame: &[u8], tpid: u16, tci: u16) -> Vec<u8> {
    [&frame[..12], &tpid.to_be_bytes(), &tci.to_be_bytes(), &frame[12..]].concat()
}

#[test]
fn each_kind_of_client_gets_on_the_wire_what_user_space_would_send_and_others_get_nothing() {
    skip_unless!();
    let wire = Wire::new();
    let questions: Vec<_> = Kind::all().iter().map(|kind| kind.asking().frame()).collect();
    let answers: Vec<_> = questions.iter().map(|question| by_user_space(question, None).unwrap()).collect();
    let [to_client, to_other] = wire.send(&questions);
    assert_eq!(to_client, answers);
    // An offer's question goes on, as it was; a question to port 4011 has ended.
    let discovers = questions.into_iter().filter(|question| question[..6] == [0xff; 6]);
    assert_eq!(to_other, discovers.collect::<Vec<_>>());
}

#[test]
fn a_tagged_question_is_answered_in_its_vlan_and_at_its_port_only() {
    skip_unless!();
    let wire = Wire::new();
    let discover = bytes(OVMF_DISCOVER);
    let to_4011 = Asking::of(OVMF_BOOT_SERVER_REQUEST).with(|asking| {
        asking.envelope.to_mac = VLAN_MAC;
        asking.envelope.to.set_ip(VLAN_SERVER);
        asking.envelope.from.set_ip([10, 5, 0, 9].into());
        asking.message.set_ciaddr([10, 5, 0, 9]);
    });
    for question in [discover.clone(), to_4011.frame()] {
        // A priority is not part of the VLAN, and the answer has the question's.
        for tci in [5, 5 | 3 << 13] {
            let answer = by_user_space(&question, Some(5)).expect("it is answered");
            assert_eq!(answer[12..16], [0x81, 0x00, 0, 5]);
            let expected = tagged(&[&answer[..12], &answer[16..]].concat(), 0x8100, tci);
            let question = tagged(&question, 0x8100, tci);
            let [to_client, to_other] = wire.send(std::slice::from_ref(&question));
            assert_eq!(to_client, [expected], "{tci:x}");
            let goes_on = question[..6] == [0xff; 6];
            assert_eq!(to_other, if goes_on { vec![question] } else { vec![] }, "{tci:x}");
        }
    }
    assert_eq!((wire.kernel.counted().offers, wire.kernel.counted().boot_server), (2 + 4, 2));
}

#[test]
fn a_question_in_another_vlan_or_with_other_tags_is_not_answered_and_goes_on() {
    skip_unless!();
    let wire = Wire::new();
    let discover = bytes(OVMF_DISCOVER);
    let tags = [(0x8100, 6), (0x8100, 0x0fff), (0x8100, 0), (0x8100, 3 << 13), (0x88a8, 5), (0x88a8, 0)];
    let inner = tagged(&discover, 0x8100, 5);
    let inner = [(0x8100, 5), (0x8100, 6), (0x8100, 0), (0x88a8, 5)].map(|(tpid, tci)| tagged(&inner, tpid, tci));
    let questions: Vec<_> = tags.into_iter().map(|(tpid, tci)| tagged(&discover, tpid, tci)).chain(inner).collect();
    // The receiver takes an outer tag out only, and puts it back; so they are the same again.
    let [to_client, to_other] = wire.send(&questions);
    assert_eq!(to_client, Vec::<Vec<u8>>::new());
    assert_eq!(to_other, questions);
}

/// Whoever asks in somebody's name, or asks nonsense, makes the kernel send nothing, neither to that one nor to anybody.
#[test]
fn a_forged_question_makes_the_kernel_send_nothing_to_anybody() {
    skip_unless!();
    let wire = Wire::new();
    let victim: Mac = wire.other.mac().into_array();
    let group: Mac = [1, 0, 0x5e, 0, 0, 1];
    let socket = |address: [u8; 4], port| SocketAddrV4::new(address.into(), port);
    let third_party = [10, 77, 0, 9];
    let of_both = [
        // giaddr.
        vec![Change::Field(24, 10), Change::Field(25, 77), Change::Field(27, 9)],
        vec![Change::Field(24, 255), Change::Field(25, 255), Change::Field(26, 255), Change::Field(27, 255)],
        // hops.
        vec![Change::Field(3, 1)],
        // The frame's source: another one's, everybody's, a group's, nobody's.
        vec![Change::FromMac(victim)],
        vec![Change::FromMac([0xff; 6])],
        vec![Change::FromMac(group)],
        vec![Change::FromMac([0; 6])],
        // The message's: another one's, and the same three where the frame's is the same.
        chaddr(victim),
        [chaddr([0xff; 6]), vec![Change::FromMac([0xff; 6])]].concat(),
        [chaddr(group), vec![Change::FromMac(group)]].concat(),
        [chaddr([0; 6]), vec![Change::FromMac([0; 6])]].concat(),
        // The datagram's source.
        vec![Change::From(socket(third_party, 68))],
        vec![Change::From(socket(third_party, 67))],
        vec![Change::From(socket([255; 4], 68))],
        vec![Change::From(socket([10, 77, 255, 255], 4011))],
        vec![Change::From(socket([224, 0, 0, 1], 4011))],
        vec![Change::From(socket(SERVER.octets(), 4011))],
        // The client's own address, where that is somebody else's or nobody's.
        vec![Change::Client([10, 78, 0, 9])],
        vec![Change::Client([10, 77, 255, 255])],
        vec![Change::Client(SERVER.octets())],
        vec![Change::Client([255; 4])],
    ];
    let mut forged = Vec::new();
    for captured in [OVMF_DISCOVER, OVMF_BOOT_SERVER_REQUEST] {
        forged.extend(of_both.iter().map(|changes| changed(Asking::of(captured), changes)));
        forged.extend([53, 57, 60, 77, 93, 97].map(|code| with_empty(captured, code)));
    }
    let [to_client, to_other] = wire.send(&forged);
    let answers = wire.kernel.counted();
    assert_eq!((answers.offers, answers.boot_server, answers.failed), (1, 0, 0), "only the last one");
    assert_eq!(to_client, Vec::<Vec<u8>>::new());
    assert!(to_other.iter().all(|frame| forged.contains(frame)), "{to_other:02x?}");
    assert!(to_other.len() > 20, "they go on");
}

/// An option that holds others may hold none.
#[test]
fn a_question_with_an_empty_option_43_or_175_is_answered_as_by_user_space_to_who_asked() {
    skip_unless!();
    let wire = Wire::new();
    let questions: Vec<_> = [43, 175].map(|code| with_empty(OVMF_DISCOVER, code)).into();
    let answers: Vec<_> = questions.iter().map(|question| by_user_space(question, None).unwrap()).collect();
    assert_eq!(wire.send(&questions), [answers, questions]);
}

fn with_empty(captured: &str, code: u8) -> Vec<u8> {
    changed(Asking::of(captured).without(code), &[Change::Option(0, code, Vec::new())])
}

fn chaddr(mac: Mac) -> Vec<Change> {
    mac.into_iter().enumerate().map(|(at, byte)| Change::Field(28 + at, byte)).collect()
}
