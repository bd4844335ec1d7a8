//! What must not be answered, and must hurt nothing.

use std::net::UdpSocket;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use pxeguard_lab::{TftpClient, skip_unless, udp};

use crate::scene::{SERVER, Scene, ask};

const REQUEST: &[u8] = b"\0\x01file\0octet\0";

#[test]
fn a_request_from_outside_the_guarded_networks_gets_nothing() {
    skip_unless!();
    let scene = Scene::new();
    scene.add("file", 10);
    // The way back exists; it is the server that does not answer.
    scene.client.add_address("172.31.0.2/24").unwrap();
    scene.lab.hypervisor().ip("route add 172.31.0.0/24 dev vmbr0\n").unwrap();
    let _guard = scene.guard();
    let outside = udp(&scene.client, "172.31.0.2:0").unwrap();
    assert_eq!(ask(&outside, REQUEST), None);
    let inside = udp(&scene.client, "10.77.0.2:0").unwrap();
    assert_eq!(ask(&inside, REQUEST).unwrap().0[..4], [0, 3, 0, 1]);
}

#[test]
fn malformed_requests_get_nothing_and_hurt_nothing() {
    skip_unless!("curl");
    let scene = Scene::new();
    scene.add("file", 3000);
    let guard = scene.guard();
    let socket = udp(&scene.client, "0.0.0.0:0").unwrap();
    let send = |socket: &UdpSocket, datagram: &[u8]| drop(socket.send_to(datagram, (SERVER, 69)));
    let mut runner = TestRunner::deterministic();
    let malformed = (0..=8_u8, proptest::collection::vec(any::<u8>(), 0..600)).prop_map(|(opcode, mut rest)| {
        // Without a NUL it is no request, whatever it is.
        rest.iter_mut().for_each(|byte| *byte = (*byte).max(1));
        [&[0, opcode], &rest[..]].concat()
    });
    for _ in 0..5000 {
        send(&socket, &malformed.new_tree(&mut runner).unwrap().current());
    }
    assert_eq!(ask(&socket, &[0; 1]), None);
    assert!(guard.process().is_running());
    let sum = TftpClient::Curl.fetch(&scene.client, SERVER, "file", &[]).unwrap();
    assert_eq!(sum, scene.sum("file"), "others are served");
}
