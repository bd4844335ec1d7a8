//! Why a machine does not boot: each cause is built for real, and named first.

use std::net::Ipv4Addr;

use pxeguard_lab::frames::{Message, code, kind};
use pxeguard_lab::servers::dnsmasq;
use pxeguard_lab::{Guard, Pool, TftpClient, skip_unless, until};
use serde_json::Value;

use crate::scene::{SERVER, SOON, Scene};

/// For a client that has gone silent: pxeguard waits for half a minute before it says so.
const SILENT: std::time::Duration = std::time::Duration::from_secs(60);

/// What `explain` says of the scene's client.
fn explanation(scene: &Scene, guard: &Guard<'_>) -> Value {
    guard.json(&format!("explain {}", scene.client.mac())).unwrap()
}

/// Waits until a cause is named first.
fn is_first(scene: &Scene, guard: &Guard<'_>, cause: &str) -> Value {
    let mut last = Value::Null;
    let named = until(SILENT, &format!("{cause} is named first"), || {
        last = explanation(scene, guard);
        last["causes"][0]["cause"] == cause
    });
    named.unwrap_or_else(|error| panic!("{error}: {last:#}"));
    last
}

/// Asks, until a server's reply to the client is told.
fn ask_until_told(scene: &Scene, guard: &Guard<'_>, told: &str) {
    let mut xid = 0;
    let is_told = || {
        xid += 1;
        scene.at_client.send(&scene.discover(xid).frame()).unwrap();
        explanation(scene, guard).to_string().contains(told)
    };
    until(SOON, &format!("{told:?} is told"), is_told).unwrap();
}

#[test]
fn the_only_dhcp_server_is_not_trusted() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let rogue = scene.attach("rogue");
    let _server = dnsmasq::start(&rogue, &Pool::ROGUE, &[]).unwrap();
    let guard = scene.guard(&["--mode", "enforce"]);
    ask_until_told(&scene, &guard, "dropped: the server is not trusted");
    let told = is_first(&scene, &guard, "dhcp_server_not_trusted");
    assert_eq!(told["causes"][0]["likelihood"], "certain");
    // What it says to do mends it.
    let next = told["causes"][0]["next"].as_str().unwrap();
    let (_, trust) = next.split_once("pxeguard trust add ").unwrap();
    guard.run(["trust", "add", trust]).unwrap();
    ask_until_told(&scene, &guard, "offers the address");
    assert_ne!(explanation(&scene, &guard)["causes"][0]["cause"], "dhcp_server_not_trusted");
}

#[test]
fn the_dhcp_server_sends_option_60() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let router = scene.attach("router");
    let _server = dnsmasq::start(&router, &Pool::ROGUE, &["--dhcp-option-force=60,PXEClient"]).unwrap();
    let guard = scene.guard(&["--trust-port", router.port()]);
    ask_until_told(&scene, &guard, "option 60 PXEClient");
    let told = is_first(&scene, &guard, "option_60_from_dhcp_server");
    assert!(told["causes"][0]["what"].as_str().unwrap().contains("10.66.0.1"), "{told:#}");
    // A message that fits is named with it.
    let screen = guard.json(&format!("explain {} --screen PXE-E55", scene.client.mac())).unwrap();
    assert_eq!(
        (&screen["screen"]["code"], &screen["causes"][0]["cause"]),
        (&"PXE-E55".into(), &told["causes"][0]["cause"])
    );
    assert!(screen["causes"][0]["evidence"].to_string().contains("it fits what the screen says"), "{screen:#}");
}

#[test]
fn another_pxe_server_answers_too() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let foreign = scene.attach("foreign");
    let pool = Pool { server: Ipv4Addr::new(10, 77, 0, 3), ..Pool::TRUSTED };
    let _server = dnsmasq::start_proxy(&foreign, &pool, &["--pxe-service=X86-64_EFI,boot,nowhere.efi"]).unwrap();
    let guard = scene.guard(&["--mode", "observe"]);
    ask_until_told(&scene, &guard, "option 60 PXEClient");
    is_first(&scene, &guard, "foreign_pxe_responder");
}

#[test]
fn a_server_refuses_the_address_of_another() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let (router, other) = (scene.attach("router"), scene.attach("other"));
    let _servers = [
        dnsmasq::start(&router, &Pool::ROGUE, &[]).unwrap(),
        dnsmasq::start(&other, &Pool { server: Ipv4Addr::new(10, 66, 0, 9), ..Pool::ROGUE }, &[]).unwrap(),
    ];
    let guard = scene.guard(&["--mode", "observe"]);
    ask_until_told(&scene, &guard, "offers the address");
    let request = scene.discover(0x4000).with(|request| {
        request.bootp.set(code::MESSAGE_TYPE, [kind::REQUEST]).set(code::SERVER_ID, Pool::ROGUE.server.octets());
        request.bootp.set(code::REQUESTED_ADDRESS, Ipv4Addr::new(10, 66, 99, 99).octets());
    });
    scene.at_client.send(&request.frame()).unwrap();
    let refused = || {
        let told = explanation(&scene, &guard);
        told["causes"].as_array().unwrap().iter().any(|cause| cause["cause"] == "nak")
    };
    until(SOON, "the refusal is told", refused).unwrap();
    let told = explanation(&scene, &guard).to_string();
    assert!(told.contains("refuses the address") && told.contains("second_dhcp_server"), "{told}");
}

#[test]
fn a_second_dhcp_server_is_told_beside_one_on_this_host_whose_replies_are_not_seen() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let own = dnsmasq::start(scene.lab.hypervisor(), &Pool::TRUSTED, &[]).unwrap();
    let rogue = scene.attach("rogue");
    let guard = scene.guard(&["--mode", "observe"]);
    let take = |xid| {
        let request = scene.discover(xid).with(|request| {
            request.bootp.set(code::MESSAGE_TYPE, [kind::REQUEST]).set(code::SERVER_ID, Pool::TRUSTED.server.octets());
            request.bootp.set(code::REQUESTED_ADDRESS, Pool::TRUSTED.first.octets());
        });
        scene.at_client.send(&request.frame()).unwrap();
        until(SOON, "it is told what was taken", || {
            explanation(&scene, &guard).to_string().contains("takes the address")
        })
        .unwrap();
    };
    scene.ask(&scene.discover(1));
    take(1);
    let told = explanation(&scene, &guard);
    assert_eq!((&told["outcome"], told["causes"].as_array().unwrap().len()), (&"under_way".into(), 0), "{told:#}");

    let _server = dnsmasq::start(&rogue, &Pool::ROGUE, &[]).unwrap();
    ask_until_told(&scene, &guard, "offers the address");
    take(2);
    let told = is_first(&scene, &guard, "second_dhcp_server");
    assert!(
        told["causes"][0]["evidence"].to_string().contains("no offer of 10.77.0.1 came by a guarded port"),
        "{told:#}"
    );
    assert!(own.is_running());
}

#[test]
fn offers_without_a_checksum_are_not_taken() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    // A veth's card computes no checksum, and its other end does not miss it; this client here does.
    let router = scene.attach("router");
    let _server = dnsmasq::start(&router, &Pool::ROGUE, &[]).unwrap();
    let guard = scene.guard(&["--trust-port", router.port()]);
    ask_until_told(&scene, &guard, "its UDP checksum was not computed");
    assert_eq!(explanation(&scene, &guard)["causes"].as_array().unwrap().len(), 0, "one question is no failure");
    (1..4).for_each(|xid| scene.at_client.send(&scene.discover(xid).frame()).unwrap());
    is_first(&scene, &guard, "bad_checksum");
}

#[test]
fn a_firewall_keeps_tftp_from_it() {
    skip_unless!("nft");
    let scene = Scene::new();
    let guard = scene.guard(&["--mode", "observe"]);
    let closed = "add table inet closed; add chain inet closed in { type filter hook input priority 0; }; \
        add rule inet closed in udp dport 69 drop";
    scene.lab.hypervisor().run(["nft", closed]).unwrap();
    let address = Ipv4Addr::new(10, 77, 0, 9);
    scene.client.add_address(&format!("{address}/16")).unwrap();
    scene.ask(&scene.discover(1));
    scene.ask(&scene.boot_server_request(2, address));
    let told = is_first(&scene, &guard, "tftp_blocked");
    assert_eq!((&told["outcome"], &told["causes"][0]["likelihood"]), (&"failed".into(), &"likely".into()));
}

#[test]
fn its_file_is_not_there_or_must_not_be_read() {
    skip_unless!("curl", "setpriv");
    let scene = Scene::new();
    // Root reads everything, unless it may not.
    let guard = scene.guard_by(&["setpriv", "--bounding-set=-dac_override,-dac_read_search"]);
    let address = Ipv4Addr::new(10, 77, 0, 9);
    scene.client.add_address(&format!("{address}/16")).unwrap();
    scene.ask(&scene.discover(1));
    let fetch = |name: &str| TftpClient::Curl.fetch(&scene.client, SERVER, name, &[]);
    assert!(fetch("grubx64.efi").is_err());
    let told = is_first(&scene, &guard, "file_missing");
    assert!(told["verdict"].as_str().unwrap().contains("grubx64.efi"), "{told:#}");

    scene.add_unreadable("secret.efi");
    assert!(fetch("secret.efi").is_err());
    let told = is_first(&scene, &guard, "file_unreadable");
    assert!(told["causes"][0]["evidence"].to_string().contains("secret.efi"), "{told:#}");
}

#[test]
fn nobody_gives_it_an_address() {
    skip_unless!();
    let scene = Scene::new();
    let guard = scene.guard(&["--mode", "observe"]);
    (1..5).for_each(|xid| drop(scene.ask(&scene.discover(xid))));
    is_first(&scene, &guard, "no_dhcp_server");
}

#[test]
fn what_was_seen_is_told_after_a_restart() {
    skip_unless!();
    let scene = Scene::new();
    let guard = scene.guard(&["--mode", "observe"]);
    (1..5).for_each(|xid| drop(scene.ask(&scene.discover(xid))));
    is_first(&scene, &guard, "no_dhcp_server");
    assert!(guard.stop().unwrap().success());
    let guard = scene.guard(&["--mode", "observe"]);
    let told = is_first(&scene, &guard, "no_dhcp_server");
    assert_eq!(told["attempts"].as_array().unwrap().len(), 1, "{told:#}");
    // Another boot comes before it.
    scene.ask(&scene.discover(9));
    let boots = || explanation(&scene, &guard)["attempts"].as_array().unwrap().len();
    until(SOON, "both are told", || boots() == 2).unwrap();
}

#[test]
fn a_stranger_is_told_what_servers_said_to_it() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let router = scene.attach("router");
    let _server = dnsmasq::start(&router, &Pool::ROGUE, &[]).unwrap();
    let guard = scene.guard(&["--mode", "enforce"]);
    let plain = |xid| crate::scene::of(&scene.client, Message::discover(), xid);
    scene.at_client.send(&plain(1).frame()).unwrap();
    is_first(&scene, &guard, "dhcp_server_not_trusted");
    let unknown = guard.json("explain 02:00:00:00:00:99").unwrap();
    assert_eq!((&unknown["outcome"], &unknown["causes"][0]["cause"]), (&"unknown".into(), &"not_heard".into()));
}
