//! Several bridges, VLANs, relays.

use std::net::Ipv4Addr;
use std::time::Duration;

use macaddr::MacAddr6;
use nix::sys::signal::Signal;
use pxeguard_lab::frames::{Message, code, kind};
use pxeguard_lab::{Guest, Host, Process, Raw, TftpClient, provided, skip_unless, until};

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
fn two_ports_of_a_bridge_share_its_address() {
    skip_unless!();
    let scene = Scene::new();
    let other = scene.lab.attach("other").unwrap();
    let _guard = scene.guard_at(&[scene.client.port(), other.port()]);
    assert_eq!(scene.ask(&scene.discover(1)).siaddr, SERVER);
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

const DHCRELAY: &str = "/usr/sbin/dhcrelay";

/// A network `10.9.0.0/16` beyond a router with ISC's relay, and a client there.
struct Beyond {
    client: Host,
    mac: MacAddr6,
    at_client: Raw,
    _router: (Guest, Process),
}

impl Beyond {
    const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 50);

    fn of(scene: &Scene) -> Self {
        let (router, client) = (scene.attach("router"), Host::new("far").unwrap());
        let mac = MacAddr6::new(2, b'f', b'a', b'r', 0, 1);
        router.add_address("10.77.0.9/16").unwrap();
        let pid = client.pid();
        router
            .ip(&format!("link add far type veth peer name eth0 address {mac} netns {pid}\nlink set far up\n"))
            .unwrap();
        router.ip("address add 10.9.0.1/16 dev far\n").unwrap();
        router.write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        client.ip(&format!("link set eth0 up\naddress add {}/16 dev eth0\n", Self::CLIENT)).unwrap();
        client.ip("route add default via 10.9.0.1\n").unwrap();
        scene.lab.hypervisor().ip("route add 10.9.0.0/16 via 10.77.0.9\n").unwrap();
        let program = provided(DHCRELAY).unwrap();
        let server = SERVER.to_string();
        let words = [program.to_str().unwrap(), "-4", "-d", "--no-pid", "-a", "-id", "far", "-iu", "eth0", &server];
        let relay = router.spawn(words).unwrap();
        relay.wait_line(|line| line.contains("Sending on   Socket"), SOON).unwrap();
        let at_client = Raw::open(&client, "eth0").unwrap();
        Self { client, mac, at_client, _router: (router, relay) }
    }

    /// A message of the client.
    fn message(&self, message: Message, xid: u32) -> Message {
        message.with(|message| {
            (message.source_mac, message.bootp.chaddr, message.bootp.xid) = (self.mac, self.mac, xid);
        })
    }

    /// Asks who can boot it, until the relay brings an answer.
    fn ask(&self) -> Reply {
        let mut xid = 0;
        let mut reply = None;
        until(SOON, "the relay brings an answer", || {
            xid += 1;
            self.at_client.send(&self.message(Message::pxe_discover(), xid).frame()).unwrap();
            let is_ours = |frame: &[u8]| Reply::read(frame).is_some_and(|reply| reply.xid == xid && reply.is_proxys());
            let frame = self.at_client.find(Duration::from_secs(1), is_ours).unwrap();
            reply = frame.and_then(|frame| Reply::read(&frame));
            reply.is_some()
        })
        .unwrap();
        reply.expect("it was waited for")
    }

    /// Accepts a DHCP server's offer of its address, as firmware does before it fetches anything.
    fn accept_address(&self) {
        let request = self.message(Message::pxe_discover(), 100).with(|request| {
            request.bootp.set(code::MESSAGE_TYPE, [kind::REQUEST]);
            request.bootp.set(code::REQUESTED_ADDRESS, Self::CLIENT.octets());
        });
        self.at_client.send(&request.frame()).unwrap();
    }

    fn status(&self, url: &str) -> String {
        let argv = ["curl", "-s", "--max-time", "10", "-o", "/dev/null", "-w", "%{http_code}", url];
        String::from_utf8(self.client.output(argv).unwrap().output.stdout).unwrap()
    }
}

#[test]
fn a_client_beyond_a_relay_is_offered_its_file_and_gets_it_where_its_network_is_named() {
    skip_unless!("curl", DHCRELAY);
    let scene = Scene::new();
    let beyond = Beyond::of(&scene);
    let guard = scene.guard(&[]);
    let log = guard.process();
    let offer = beyond.ask();
    assert_eq!((offer.siaddr, offer.file.as_str(), offer.yiaddr), (SERVER, PROGRAM, Ipv4Addr::UNSPECIFIED));
    assert_eq!(offer.options[&54], SERVER.octets());
    assert_eq!(offer.options.get(&82), None, "the relay takes out what it put in");
    beyond.accept_address();
    until(SOON, "its address is known", || {
        let clients = guard.json("clients").unwrap();
        clients.as_array().unwrap().iter().any(|client| client["ip"] == Beyond::CLIENT.to_string())
    })
    .unwrap();

    let why = "10.9.0.50 is in no guarded network; if it is beyond a relay, name its network by networks in [boot]";
    let url = format!("http://{SERVER}:8067/{PROGRAM}");
    let asking = beyond.client.spawn(["curl", "-s", &format!("tftp://{SERVER}/{PROGRAM}")]).unwrap();
    log.wait_line(|line| line.contains(&format!("does not get {PROGRAM} by TFTP: {why}")), SOON).unwrap();
    drop(asking);
    assert_eq!(beyond.status(&url), "000");
    log.wait_line(|line| line.contains(&format!("does not get a connection by HTTP: {why}")), SOON).unwrap();

    scene.lab.hypervisor().write("/etc/pxeguard/pxeguard.toml", "[boot]\nnetworks = \"10.9.0.0/16\"\n").unwrap();
    log.signal(Signal::SIGHUP).unwrap();
    log.wait_line(|line| line.contains("configuration reloaded"), SOON).unwrap();
    assert_eq!(beyond.status(&url), "200");
    TftpClient::Curl.fetch(&beyond.client, SERVER, PROGRAM, &[]).unwrap();
}
