//! `,pxe`: may answer PXE clients, and give no addresses.

use std::time::Duration;

use pxeguard_lab::frames::{Message, kind};
use pxeguard_lab::servers::dnsmasq;
use pxeguard_lab::{Client, Pool, Server, skip_unless};

use crate::scene::{Scene, place, server_behind, total};
use crate::wire::SOON;

/// Long enough for a lease, were there anybody to give one.
const IN_VAIN: Duration = Duration::from_secs(2);

#[test]
fn proxy_answers_a_pxe_client_and_cannot_lease() {
    skip_unless!("dnsmasq", "busybox");
    let scene = Scene::new();
    let guard = scene.guard(&["--trust", &format!("{},pxe", place(&scene.trusted))]);
    let service = ["--pxe-service=BC_EFI,boot,ipxe.efi"];
    let proxy = dnsmasq::start_proxy(&scene.trusted, &Pool::TRUSTED, &service).unwrap();
    let discover = Message::pxe_discover().with(|discover| discover.source_mac = scene.client.mac()).frame();
    scene.at_client.send(&discover).unwrap();
    let is_answer = |frame: &[u8]| frame[6..12] == *scene.trusted.mac().as_bytes() && frame[34..38] == [0, 67, 0, 68];
    let answer = scene.at_client.find(SOON, is_answer).unwrap().expect("the proxy's OFFER arrives");
    assert_eq!(answer[42 + 16..42 + 20], [0; 4], "it gives no address");
    let server = server_behind(&guard, &scene.trusted);
    assert_eq!((&server["class"], &server["pxe"], &server["passed"]), (&"pxe".into(), &1.into(), &1.into()));
    assert_eq!(total(&guard, "passed", "trusted_for_pxe"), 1);

    proxy.stop(SOON).unwrap();
    let _dhcp = Server::Dnsmasq.start(&scene.trusted, &Pool::TRUSTED).unwrap();
    assert_eq!(Client::Udhcpc.lease_within(&scene.client, IN_VAIN).unwrap(), None);
    assert!(total(&guard, "dropped", "gives_address") > 0);
    // It was the class that kept it from giving leases.
    guard.run(["trust", "add", &place(&scene.trusted)]).unwrap();
    assert_eq!(Client::Udhcpc.lease(&scene.client).unwrap().server_id, Pool::TRUSTED.server);
}

#[test]
fn replies_with_an_address_are_dropped_and_those_without_pass() {
    skip_unless!();
    let scene = Scene::new();
    let guard = scene.guard(&["--trust", &format!("{},pxe", place(&scene.trusted))]);
    let of = |message: Message, from| message.with(|message| message.source_mac = from).frame();
    let mac = scene.trusted.mac();
    assert!(scene.arrives(&scene.trusted, &of(Message::proxy_offer(), mac)));
    assert!(!scene.arrives(&scene.trusted, &of(Message::offer(), mac)));
    assert!(!scene.arrives(&scene.trusted, &of(Message::ack(), mac)));
    // A boot server's answer, on the port where no DHCP client listens.
    let mut boot = Message::proxy_offer().with(|boot| boot.udp.destination_port = 4011);
    boot.bootp.set(pxeguard_lab::frames::code::MESSAGE_TYPE, [kind::ACK]);
    assert!(scene.arrives(&scene.trusted, &of(boot.clone(), mac)));
    assert_eq!((total(&guard, "passed", "trusted_for_pxe"), total(&guard, "dropped", "gives_address")), (2, 2));
    // Others may do neither.
    for message in [Message::proxy_offer(), Message::offer(), boot] {
        assert!(!scene.arrives(&scene.rogue, &of(message, scene.rogue.mac())));
    }
    assert_eq!(total(&guard, "dropped", "untrusted"), 3);
}
