//! Several bridges, VLANs, relays.

use std::net::Ipv4Addr;
use std::time::Duration;

use pxeguard_lab::frames::{Message, code};
use pxeguard_lab::{skip_unless, until};

use crate::scene::{BRIDGE, PROGRAM, Reply, SERVER, SOON, Scene, of};

#[test]
fn each_of_two_bridges_has_its_own_server_address() {
    skip_unless!();
    let scene = Scene::new();
    scene.lab.hypervisor().ip("address add 10.88.0.1/16 dev vmbr0\n").unwrap();
    let guest = scene.lab.attach("other").unwrap();
    let at_guest = guest.raw().unwrap();
    let _guard = scene.guard(&["--iface", "vmbr0"]);
    assert_eq!(scene.ask(&scene.discover(1)).siaddr, SERVER);
    at_guest.send(&of(&guest, Message::pxe_discover(), 2).frame()).unwrap();
    let frame = at_guest.find(SOON, |frame| Reply::read(frame).is_some_and(|reply| reply.xid == 2)).unwrap();
    let reply = Reply::read(&frame.expect("it is answered")).unwrap();
    assert_eq!((reply.siaddr, reply.options[&54].as_slice()), (Ipv4Addr::new(10, 88, 0, 1), &[10, 88, 0, 1][..]));
    let mac = scene.lab.hypervisor_mac("vmbr0").unwrap();
    assert_eq!(reply.from_mac, mac);
}

#[test]
fn a_bridge_that_gets_its_address_later_is_served_from_then_on() {
    skip_unless!();
    let scene = Scene::new();
    let hypervisor = scene.lab.hypervisor();
    hypervisor.ip(&format!("address del {SERVER}/16 dev {BRIDGE}\n")).unwrap();
    let _guard = scene.guard(&[]);
    hypervisor.ip(&format!("address add {SERVER}/16 dev {BRIDGE}\n")).unwrap();
    let mut xid = 0;
    until(SOON, "the client is answered", || {
        xid += 1;
        scene.at_client.send(&scene.discover(xid).frame()).unwrap();
        scene.ours(Duration::from_millis(100), |reply| reply.file == PROGRAM).is_some()
    })
    .unwrap();
}

#[test]
fn a_bridge_that_was_down_is_served_from_the_first_question_on() {
    skip_unless!();
    let scene = Scene::new();
    let _guard = scene.guard(&[]);
    scene.lab.hypervisor().ip(&format!("link set {BRIDGE} down\nlink set {BRIDGE} up\n")).unwrap();
    assert_eq!(scene.ask(&scene.discover(1)).siaddr, SERVER);
}

#[test]
fn a_bridge_and_its_port_answer_once() {
    skip_unless!();
    let scene = Scene::new();
    let _guard = scene.guard(&["--iface", scene.client.port()]);
    scene.at_client.send(&scene.discover(1).frame()).unwrap();
    let replies = scene.replies_until(&scene.discover(2));
    assert_eq!(replies.iter().map(|reply| reply.xid).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_tagged_request_is_answered_with_its_tag() {
    skip_unless!();
    let scene = Scene::new();
    let _guard = scene.guard(&[]);
    for vlan in [5, 0] {
        let message = scene.discover(u32::from(vlan));
        scene.at_client.send(&message.framed(&message.carried().tag(0x8100, vlan))).unwrap();
        let reply = scene.ours(SOON, |reply| reply.xid == u32::from(vlan)).expect("it is answered");
        assert_eq!(reply.vlan, vlan);
    }
}

#[test]
fn a_relayed_request_is_answered_to_the_relay_with_its_option_last() {
    skip_unless!();
    let scene = Scene::new();
    let _guard = scene.guard(&[]);
    let relay: Ipv4Addr = [10, 9, 0, 1].into();
    let mut request = scene.discover(7);
    request.bootp.giaddr = relay;
    request.bootp.set(82, *b"\x01\x04port");
    request.bootp.set(code::CLIENT_UUID, [&[0][..], &[0x55; 16]].concat());
    request.destination_mac = scene.lab.hypervisor_mac(BRIDGE).unwrap();
    (request.ip.source, request.ip.destination) = ([10, 77, 0, 9].into(), SERVER);
    request.udp.source_port = 67;
    let reply = scene.ask(&request);
    assert_eq!((reply.to, reply.to_port, reply.to_mac), (relay, 67, scene.client.mac()));
    assert_eq!(reply.options.get(&82).map(Vec::as_slice), Some(&b"\x01\x04port"[..]));
}
