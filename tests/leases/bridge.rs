//! A rogue and a client behind two ports of a bridge that the host itself has no part in.

use std::time::Duration;

use pxeguard_lab::{BRIDGE, Client, Pool, Server, skip_unless};

use crate::scene::Scene;

/// Long enough for a lease, were there anybody to give one.
const IN_VAIN: Duration = Duration::from_secs(2);

#[test]
fn rogue_is_blocked_though_the_host_has_no_address_and_xdp_on_the_bridge_sees_nothing() {
    skip_unless!("dnsmasq", "busybox", "xdp-filter");
    let scene = Scene::new();
    let hypervisor = scene.lab.hypervisor();
    let addresses = hypervisor.json(["ip", "-j", "address", "show", "dev", BRIDGE]).unwrap();
    assert_eq!(addresses[0]["addr_info"].as_array().map(Vec::len), Some(0), "{addresses:#}");
    let _rogue = Server::Dnsmasq.start(&scene.rogue, &Pool::ROGUE).unwrap();

    // A program on the bridge device that drops everything: forwarded frames do not pass it.
    hypervisor.run(["xdp-filter", "load", "-m", "skb", "-p", "deny", BRIDGE]).unwrap();
    assert_eq!(Client::Udhcpc.lease(&scene.client).unwrap().server_id, Pool::ROGUE.server);
    hypervisor.run(["xdp-filter", "unload", BRIDGE]).unwrap();

    let guard = scene.guard(&["--mode", "enforce"]);
    let link = hypervisor.json(["ip", "-j", "link", "show", "dev", BRIDGE]).unwrap();
    assert!(link[0]["xdp"].is_null(), "nothing of ours is on the bridge device: {link:#}");
    assert_eq!(Client::Udhcpc.lease_within(&scene.client, IN_VAIN).unwrap(), None);
    let _trusted = Server::Dnsmasq.start(&scene.trusted, &Pool::TRUSTED).unwrap();
    guard.run(["trust", "add", "--port", scene.trusted.port()]).unwrap();
    assert_eq!(Client::Udhcpc.lease(&scene.client).unwrap().server_id, Pool::TRUSTED.server);
}
