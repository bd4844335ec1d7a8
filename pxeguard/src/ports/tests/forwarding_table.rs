//! Where a MAC is.

use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use pxeguard_common::net::Mac;
use tokio::time::{sleep, timeout};

use super::super::Watch;
use super::namespace::{DEADLINE, ip, run};

const SERVER: Mac = [2, 0, 0, 0, 0, 9];

#[test]
fn mac_is_found_at_its_port_and_the_hosts_own_are_not() {
    run(&["ip", "bridge"], || async {
        ip("link add vmbr0 type bridge\n\
            link add vmbr1 type bridge\n\
            link add p0 address 02:00:00:00:00:01 master vmbr0 type veth peer name e0\n\
            link add p1 master vmbr0 type veth peer name e1\n\
            link add p2 master vmbr1 type veth peer name e2\n");
        let watch = Watch::open().expect("netlink");
        let snapshot = watch.snapshot().await.expect("the kernel tells");
        let of = |name| snapshot.index_of(name).expect(name);
        let port_of = async |mac, within: &[_]| watch.port_of(mac, within).await.expect("the kernel tells");
        bridge("fdb add 02:00:00:00:00:09 dev p1 master static");
        let vmbr0 = [of("vmbr0")];
        assert_eq!(port_of(SERVER, &vmbr0).await, Some(of("p1")));
        assert_eq!(port_of(SERVER, &[of("p0"), of("p1")]).await, Some(of("p1")));
        assert_eq!(port_of(SERVER, &[of("vmbr1")]).await, None, "not in that bridge");
        assert_eq!(port_of([2, 0, 0, 0, 0, 1], &vmbr0).await, None, "p0's own");
        assert_eq!(port_of([2, 0, 0, 0, 0, 8], &vmbr0).await, None, "never seen");
        bridge("fdb replace 02:00:00:00:00:09 dev p0 master static");
        assert_eq!(port_of(SERVER, &vmbr0).await, Some(of("p0")), "moved");
        bridge("fdb add 02:00:00:00:00:09 dev p2 master static");
        assert_eq!(port_of(SERVER, &[of("vmbr0"), of("vmbr1")]).await, None, "in two places");
    });
}

#[test]
fn mac_that_the_bridge_has_learnt_is_found() {
    run(&["ip"], || async {
        ip("link add vmbr0 type bridge forward_delay 0\n\
            link add p0 master vmbr0 type veth peer name e0 address 02:00:00:00:00:09\n\
            link set vmbr0 up\n\
            link set p0 up\n\
            link set e0 up\n\
            address add 192.0.2.1/24 broadcast 192.0.2.255 dev e0\n");
        let watch = Watch::open().expect("netlink");
        let snapshot = watch.snapshot().await.expect("the kernel tells");
        let (vmbr0, p0) = (snapshot.index_of("vmbr0").expect("made"), snapshot.index_of("p0"));
        let socket = UdpSocket::bind("192.0.2.1:0").expect("the address is ours");
        socket.set_broadcast(true).expect("a UDP socket");
        let learnt = async {
            while watch.port_of(SERVER, &[vmbr0]).await.expect("the kernel tells") != p0 {
                let _ = socket.send_to(b"here", "192.0.2.255:9");
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(DEADLINE, learnt).await.expect("the bridge learns");
    });
}

fn bridge(line: &str) {
    let status = Command::new("bridge").args(line.split(' ')).status().expect("it is installed");
    assert!(status.success(), "bridge {line}");
}
