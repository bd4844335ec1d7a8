//! What the host itself sends or routes passes the egress of guarded ports.

use std::net::UdpSocket;

use pxeguard_lab::frames::{Message, port};
use pxeguard_lab::{BRIDGE, Client, Guard, Pool, skip_unless, udp};

use crate::scene::Scene;
use crate::wire::SOON;

#[test]
fn lease_of_a_server_on_the_host_itself_arrives() {
    skip_unless!("dnsmasq", "busybox");
    let scene = Scene::new();
    let host = scene.lab.hypervisor();
    host.ip(&format!("address add {}/16 dev {BRIDGE}\n", Pool::TRUSTED.server)).unwrap();
    let range = format!("--dhcp-range={},{},255.255.0.0,1h", Pool::TRUSTED.first, Pool::TRUSTED.last);
    let interface = format!("--interface={BRIDGE}");
    let files = ["--conf-file=/dev/null", "--dhcp-leasefile=/run/lab/leases", "--pid-file=/run/lab/pid", "--user=root"];
    let dnsmasq = ["dnsmasq", "--keep-in-foreground", "--log-facility=-", "--port=0", "--no-ping", "--bind-interfaces"];
    let server = host.spawn([&dnsmasq[..], &files, &[&range, &interface]].concat()).unwrap();
    server.wait_line(|line| line.contains("sockets bound"), SOON).unwrap();

    let guard = Guard::start(&scene.lab, ["--iface", BRIDGE, "--mode", "enforce"]).unwrap();
    let lease = Client::Udhcpc.lease(&scene.client).unwrap();
    assert_eq!(lease.server_id, Pool::TRUSTED.server);
    // Nobody but the host may answer.
    scene.assert_blocked(&guard, &scene.rogue);
}

#[test]
fn acknowledgement_that_the_host_routes_from_another_network_arrives() {
    skip_unless!();
    let scene = Scene::new();
    let host = scene.lab.hypervisor();
    let server = scene.lab.attach_detached("server").unwrap();
    host.ip(&format!("address add 10.77.0.254/16 dev {BRIDGE}\naddress add 10.88.0.254/16 dev {}\n", server.port()))
        .unwrap();
    host.write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
    server.ip("address add 10.88.0.1/16 dev eth0\nroute add default via 10.88.0.254\n").unwrap();
    scene.client.ip("address add 10.77.0.50/16 dev eth0\n").unwrap();
    scene.rogue.ip("address add 10.77.0.66/16 dev eth0\n").unwrap();
    let client = udp(&scene.client, &format!("10.77.0.50:{}", port::CLIENT)).unwrap();
    client.set_read_timeout(Some(SOON)).unwrap();

    let ack = Message::ack().bootp.bytes();
    let send = |from: &UdpSocket| from.send_to(&ack, format!("10.77.0.50:{}", port::CLIENT)).unwrap();
    let (from_server, from_rogue) = (udp(&server, "0.0.0.0:67").unwrap(), udp(&scene.rogue, "0.0.0.0:67").unwrap());
    let heard = || client.recv_from(&mut [0; 2000]).unwrap().1.ip().to_string();
    // First without a guard, which also finds out everybody's MAC address.
    send(&from_rogue);
    assert_eq!(heard(), "10.77.0.66");
    send(&from_server);
    assert_eq!(heard(), "10.88.0.1");

    for hook in crate::scene::HOOKS {
        let guard = Guard::start(&scene.lab, ["--iface", BRIDGE, "--mode", "enforce", "--hook", hook]).unwrap();
        send(&from_rogue);
        send(&from_server);
        assert_eq!(heard(), "10.88.0.1", "{hook}");
        // The host's own.
        send(&udp(host, "10.77.0.254:67").unwrap());
        assert_eq!(heard(), "10.77.0.254", "{hook}");
        scene.assert_blocked(&guard, &scene.rogue);
        guard.stop().unwrap();
    }
}
