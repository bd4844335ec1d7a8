//! Beside a DHCP server on the same host, which holds port 67.

use std::net::Ipv4Addr;

use pxeguard_lab::{Client, Pool, Process, Server, skip_unless};

use crate::scene::{PROGRAM, Reply, SERVER, SOON, Scene};

#[test]
fn a_client_gets_its_address_from_dnsmasq_on_the_same_host_and_one_offer_of_ours() {
    skip_unless!("dnsmasq", "busybox");
    beside(Server::Dnsmasq, |line| line.contains("failed") || line.contains("error"));
}

#[test]
fn a_client_gets_its_address_from_kea_on_the_same_host_and_one_offer_of_ours() {
    skip_unless!("kea-dhcp4", "busybox");
    beside(Server::Kea, |line| line.contains("ERROR"));
}

fn beside(server: Server, is_complaint: impl Fn(&str) -> bool) {
    let scene = Scene::new();
    let dhcp: Process = server.start(scene.lab.hypervisor(), &Pool::TRUSTED).unwrap();
    let _guard = scene.guard(&[]);
    assert_eq!(Client::Udhcpc.lease(&scene.client).unwrap().server_id, SERVER);

    scene.at_client.send(&scene.discover(1).frame()).unwrap();
    // The server's offer, which may come after ours.
    let is_lease = |frame: &[u8]| Reply::read(frame).is_some_and(|reply| !reply.yiaddr.is_unspecified());
    scene.at_client.find(SOON, is_lease).unwrap().expect("the DHCP server offers an address");
    let offer = scene.ask(&scene.discover(2));
    assert_eq!((offer.file.as_str(), offer.siaddr, offer.from_port), (PROGRAM, SERVER, 67));
    // What is asked after it has come is answered behind a second one, if there were one.
    let more = scene.replies_until(&scene.discover(3));
    assert!(!more.iter().any(|reply| reply.is_proxys() && reply.xid == 2), "{more:?}");

    let output = dhcp.output();
    assert!(dhcp.is_running() && !output.lines().any(is_complaint), "{output}");
}

#[test]
fn port_4011_is_answered_and_never_called_unreachable() {
    skip_unless!();
    let scene = Scene::new();
    let _guard = scene.guard(&[]);
    let client = [10, 77, 0, 50].into();
    // So that an ICMP message would find its way.
    scene.client.add_address("10.77.0.50/16").unwrap();
    for xid in 1..=3 {
        scene.at_client.send(&scene.boot_server_request(xid, client).frame()).unwrap();
    }
    let last = scene.at_client.find(SOON, |frame| {
        let is_icmp = frame[12..14] == [8, 0] && frame[23] == 1;
        assert!(!is_icmp, "{frame:x?}");
        acknowledged(frame) == Some(3)
    });
    assert!(last.unwrap().is_some(), "the last request is answered");
}

/// The transaction of an acknowledgement from port 4011 to port 4011, with the file.
fn acknowledged(frame: &[u8]) -> Option<u32> {
    let reply = Reply::read(frame).filter(|reply| reply.is_proxys())?;
    assert_eq!((reply.from_port, reply.to_port), (4011, 4011));
    assert_eq!((reply.file.as_str(), reply.options[&53].as_slice()), (PROGRAM, &[5][..]));
    assert_eq!(reply.to, Ipv4Addr::new(10, 77, 0, 50));
    Some(reply.xid)
}
