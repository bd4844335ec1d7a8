//! What `--iface` can name: several bridges, plain interfaces, virtual machines' taps.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::thread;

use pxeguard_lab::frames::{Message, port};
use pxeguard_lab::{BRIDGE, Guard, Guest, Host, Lab, Tap, guard, skip_unless, udp, until};

use crate::scene::{self, Scene, guarded, offer, released};
use crate::wire::{self, SOON};

#[test]
fn port_that_moves_between_bridges_is_guarded_where_the_bridge_is() {
    skip_unless!();
    let scene = Scene::new();
    let guest = scene.lab.attach("mover").unwrap();
    for bridge in ["vmbr1", "vmbr2"] {
        scene.lab.add_bridge(bridge).unwrap();
    }
    let guard = scene.guard(&["--iface", "vmbr1"]);
    assert_eq!(guarded(&guard, guest.port())["bridge"], BRIDGE);
    let since = guarded(&guard, guest.port())["guarded_since"].clone();

    scene.lab.join(&guest, "vmbr1").unwrap();
    until(SOON, "the other bridge is told", || guarded(&guard, guest.port())["bridge"] == "vmbr1").unwrap();
    // Whether it was seen between the bridges is a matter of luck.
    assert!(guarded(&guard, guest.port())["guarded_since"].as_str() >= since.as_str());

    scene.lab.join(&guest, "vmbr2").unwrap();
    released(&guard, guest.port());

    scene.lab.join(&guest, BRIDGE).unwrap();
    assert_eq!(guarded(&guard, guest.port())["bridge"], BRIDGE);
    scene.assert_blocked(&guard, &guest);
}

#[test]
fn every_bridge_that_is_named_is_guarded_and_no_other() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let bridges = [BRIDGE, "vmbr1", "vmbr2"];
    let pairs = bridges.map(|bridge| {
        let pair = ["a", "b"].map(|end| lab.attach_detached(&format!("{bridge}{end}")).unwrap());
        if bridge != BRIDGE {
            lab.add_bridge(bridge).unwrap();
        }
        pair.iter().for_each(|guest| lab.join(guest, bridge).unwrap());
        pair
    });
    let arguments = ["--iface", BRIDGE, "--iface", "vmbr1", "--mode", "enforce"];
    let guard = Guard::start(&lab, arguments).unwrap();
    assert_eq!(guard.json("status").unwrap()["ports"], 4);
    for (bridge, [from, to]) in bridges.iter().zip(&pairs) {
        let (socket, receiver) = (from.raw().unwrap(), to.raw().unwrap());
        let arrived = wire::arrives(|frame| socket.send(frame), &receiver, &offer(from));
        assert_eq!(arrived, *bridge == "vmbr2", "{bridge}");
    }
}

#[test]
fn plain_interface_is_guarded_itself() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let rogue = lab.attach_detached("rogue").unwrap();
    lab.hypervisor().ip(&format!("address add 10.66.0.9/16 dev {}\n", rogue.port())).unwrap();
    let host = Ears::of(lab.hypervisor());
    assert!(host.hear_offer(&rogue), "nobody guards yet");
    for hook in scene::HOOKS {
        let guard = Guard::start(&lab, ["--iface", rogue.port(), "--mode", "enforce", "--hook", hook]).unwrap();
        assert_eq!(guarded(&guard, rogue.port())["hook"], hook);
        assert!(!host.hear_offer(&rogue), "{hook}");
        assert_eq!(guarded(&guard, rogue.port())["dropped"], 1, "{hook}");
        guard.stop().unwrap();
        guard::run(lab.hypervisor(), ["detach"]).unwrap();
        assert!(host.hear_offer(&rogue), "detached, {hook}");
    }
}

#[test]
fn virtual_machine_behind_a_tap_is_guarded() {
    skip_unless!();
    let scene = Scene::new();
    let guard = scene.guard(&[]);
    let offer = Message::offer().frame();
    let arrives = |machine: &Tap| wire::arrives(|frame| machine.send(frame), &scene.at_client, &offer);
    let machine = scene.lab.attach_tap("tap100i0").unwrap();
    let port = guarded(&guard, "tap100i0");
    assert_eq!((&port["kind"], &port["hook"]), (&"tap".into(), &"tcx".into()), "{port:#}");
    assert!(!arrives(&machine));
    assert_eq!(guarded(&guard, "tap100i0")["dropped"], 1);
    // The machine is switched off and on: the same name, another device.
    drop(machine);
    released(&guard, "tap100i0");
    let machine = scene.lab.attach_tap("tap100i0").unwrap();
    assert_ne!(guarded(&guard, "tap100i0")["ifindex"], port["ifindex"]);
    assert!(!arrives(&machine));
    guard.stop().unwrap();
    guard::run(scene.lab.hypervisor(), ["detach"]).unwrap();
    assert!(arrives(&machine), "detached");
}

/// What the host hears of an OFFER.
struct Ears {
    client: UdpSocket,
    other: UdpSocket,
}

impl Ears {
    /// Not a port of DHCP.
    const OTHER: u16 = 6868;

    fn of(host: &Host) -> Self {
        let [client, other] = [port::CLIENT, Self::OTHER].map(|port| udp(host, &format!("0.0.0.0:{port}")).unwrap());
        client.set_nonblocking(true).unwrap();
        other.set_read_timeout(Some(SOON)).unwrap();
        Self { client, other }
    }

    /// Whether an OFFER gets to the host; another datagram follows it, which certainly does.
    fn hear_offer(&self, rogue: &Guest) -> bool {
        let socket = rogue.raw().unwrap();
        let last = Message::offer().with(|offer| offer.udp.destination_port = Self::OTHER).frame();
        thread::scope(|scope| {
            scope.spawn(|| {
                wire::keep_order();
                socket.send(&offer(rogue)).unwrap();
                socket.send(&last).unwrap();
            });
        });
        self.other.recv(&mut [0; 2000]).expect("the last datagram arrives");
        match self.client.recv(&mut [0; 2000]) {
            Ok(_) => true,
            Err(why) if why.kind() == ErrorKind::WouldBlock => false,
            Err(why) => panic!("{why}"),
        }
    }
}
