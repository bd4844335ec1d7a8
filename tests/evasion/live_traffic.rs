//! Traffic of real sockets between two untrusted ports, by every hook: none of it is lost or changed.

use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::Rng;
use pxeguard_lab::frames::{Message, internet_checksum};
use pxeguard_lab::{Guest, Host, skip_unless};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::crossing::{Crossing, SOON, Way, dropped, send};
use crate::seed;

/// Bytes of one TCP transfer.
const BULK: usize = 8 << 20;
/// The largest payload of a datagram: 65535 less the headers.
const LARGEST: usize = 65_507;

#[test]
fn live_traffic_passes_xdp() {
    all_passes("xdp");
}

#[test]
fn live_traffic_passes_generic_xdp() {
    all_passes("xdp-generic");
}

#[test]
fn live_traffic_passes_tcx() {
    all_passes("tcx");
}

#[test]
fn live_traffic_passes_clsact() {
    all_passes("clsact");
}

fn all_passes(hook: &str) {
    skip_unless!();
    let crossing = Crossing::new();
    let (here, there) = (&crossing.rogue, &crossing.client);
    let addresses = [(here, 1), (there, 2)].map(|(guest, number)| give_addresses(guest, number));
    let guard = crossing.guard(hook);
    for addresses in [addresses.map(|(v4, _)| IpAddr::from(v4)), addresses.map(|(_, v6)| IpAddr::from(v6))] {
        bulk_arrives_both_ways(here, there, addresses);
        datagrams_arrive_both_ways(here, there, addresses);
        echo_is_answered(here, addresses);
    }
    datagrams_to_services_arrive(here, there, addresses.map(|(v4, _)| v4));
    multicast_arrives(here, there, addresses.map(|(v4, _)| v4));

    assert_eq!([here, there].map(|guest| dropped(&guard, guest)), [0, 0]);
    // And yet the guard is there.
    let offer = Message::offer().frame();
    send(&here.raw().unwrap(), &there.raw().unwrap(), Way::Send, &[&offer]);
    assert_eq!(dropped(&guard, here), 1);
}

fn give_addresses(guest: &Guest, number: u8) -> (Ipv4Addr, Ipv6Addr) {
    let (v4, v6) = (Ipv4Addr::new(10, 77, 0, number), Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, number.into()));
    guest.write("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "0").unwrap();
    guest.ip(&format!("address add {v4}/16 dev eth0\naddress add {v6}/64 dev eth0 nodad\n")).unwrap();
    (v4, v6)
}

fn random_bytes(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    seed::rng().fill_bytes(&mut bytes);
    bytes
}

fn bulk_arrives_both_ways(here: &Host, there: &Host, [from, to]: [IpAddr; 2]) {
    let listener = there.enter(|| TcpListener::bind((to, 0))).unwrap().unwrap();
    let address = listener.local_addr().unwrap();
    let sent = random_bytes(BULK);
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stream, peer) = listener.accept().unwrap();
            assert_eq!(peer.ip(), from);
            stream.set_read_timeout(Some(SOON)).unwrap();
            let mut received = vec![0; BULK];
            stream.read_exact(&mut received).unwrap();
            assert!(received == sent, "TCP to {to}: not what was sent");
            stream.write_all(&received).unwrap();
        });
        let mut stream = here.enter(|| TcpStream::connect_timeout(&address, SOON)).unwrap().unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.write_all(&sent).unwrap();
        let mut received = vec![0; BULK];
        stream.read_exact(&mut received).unwrap();
        assert!(received == sent, "TCP from {to}: not what was sent");
    });
}

/// As NFS sends them: large ones in fragments, of whatever content.
fn datagrams_arrive_both_ways(here: &Host, there: &Host, [from, to]: [IpAddr; 2]) {
    let [here, there] = [(here, from, 800), (there, to, 2049)].map(|(host, ip, port)| bound(host, ip, port));
    let random = random_bytes(LARGEST);
    // Every fragment looks as if it were to a client's port, and a reply.
    let to_68: Vec<u8> = [0, 67, 0, 68].into_iter().cycle().take(LARGEST).collect();
    let reply: Vec<u8> = [2, 1, 6, 0].into_iter().cycle().take(LARGEST).collect();
    for content in [random, to_68, reply] {
        for length in lengths() {
            let sent = &content[..length];
            there_and_back(&here, &there, sent);
        }
    }
}

/// Around the ends of the first fragments of 1480 bytes, which begin with the UDP header, and the longest.
fn lengths() -> impl Iterator<Item = usize> {
    let around = [1480, 2 * 1480, 3 * 1480, 20 * 1480].into_iter().flat_map(|end| end - 8 - 1..=end - 8 + 5);
    [0, 1, 236, 240, 300].into_iter().chain(around).chain([8192, 32_768, LARGEST - 1, LARGEST])
}

fn there_and_back(here: &UdpSocket, there: &UdpSocket, sent: &[u8]) {
    let mut received = vec![0; 1 << 16];
    for (from, to) in [(here, there), (there, here)] {
        from.send_to(sent, to.local_addr().unwrap()).unwrap();
        let (length, source) = to.recv_from(&mut received).unwrap_or_else(|why| {
            panic!("{} bytes to {}: {why}", sent.len(), to.local_addr().unwrap());
        });
        assert_eq!(source, from.local_addr().unwrap());
        assert!(received[..length] == *sent, "{} bytes to {}: not what was sent", sent.len(), to.local_addr().unwrap());
    }
}

/// DNS, TFTP, NTP, mDNS, the ports beside those of DHCP and PXE, and the ports of DHCP with the bytes swapped.
fn datagrams_to_services_arrive(here: &Host, there: &Host, [from, to]: [Ipv4Addr; 2]) {
    let reply = Message::offer().bootp.bytes();
    let services = [53, 66, 69, 123, 5353, 4010, 4012, 67_u16.swap_bytes(), 68_u16.swap_bytes(), 4011_u16.swap_bytes()];
    for port in services {
        let [here, there] = [(here, from), (there, to)].map(|(host, ip)| bound(host, ip.into(), port));
        there_and_back(&here, &there, &reply);
    }
}

fn multicast_arrives(here: &Host, there: &Host, [from, to]: [Ipv4Addr; 2]) {
    const MDNS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
    let sender = bound(here, from.into(), 5353);
    SockRef::from(&sender).set_multicast_if_v4(&from).unwrap();
    let receiver = bound(there, Ipv4Addr::UNSPECIFIED.into(), 5353);
    receiver.join_multicast_v4(&MDNS, &to).unwrap();
    let sent = random_bytes(1200);
    sender.send_to(&sent, (MDNS, 5353)).unwrap();
    let mut received = [0; 2000];
    let length = receiver.recv(&mut received).unwrap();
    assert!(received[..length] == sent, "multicast: not what was sent");
}

fn bound(host: &Host, ip: IpAddr, port: u16) -> UdpSocket {
    let socket = host.enter(|| UdpSocket::bind((ip, port))).unwrap().unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    socket
}

/// Pings, small ones and fragmented ones; the kernel over there answers.
fn echo_is_answered(here: &Host, [from, to]: [IpAddr; 2]) {
    let (domain, protocol, request, answer) = match to {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4, 8, 0),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6, 128, 129),
    };
    let socket = here.enter(|| Socket::new(domain, Type::RAW, Some(protocol))).unwrap().unwrap();
    socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
    socket.connect(&SocketAddr::new(to, 0).into()).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    for length in [0, 56, 1464, 1465, 20_000, 60_000] {
        let payload = random_bytes(length);
        let mut echo = [&[request, 0, 0, 0, 0x70, 0x78, 0, 1][..], &payload].concat();
        // The kernel itself computes that of ICMPv6.
        let checksum = internet_checksum(&[&echo]).to_be_bytes();
        echo[2..4].copy_from_slice(&checksum);
        assert_eq!(socket.send(&echo).unwrap(), echo.len());
        let deadline = Instant::now() + SOON;
        let mut received = vec![MaybeUninit::new(0_u8); 1 << 16];
        loop {
            assert!(Instant::now() < deadline, "no answer to a ping of {length} bytes from {to}");
            let Ok(length) = socket.recv(&mut received) else { continue };
            // SAFETY: all of the buffer was initialized.
            let packet: Vec<u8> = received[..length].iter().map(|byte| unsafe { byte.assume_init() }).collect();
            // An IPv4 socket shows the IP header, too.
            let message = if to.is_ipv4() { &packet[20..] } else { &packet[..] };
            if message[0] == answer && message[4..] == echo[4..] {
                break;
            }
        }
    }
}
