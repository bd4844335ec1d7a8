//! Who answers on a segment where nothing is wrong.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pxeguard_lab::frames::Message;
use pxeguard_lab::{BRIDGE, Lab, Pool, skip_unless};
use serde_json::json;

use crate::scene::{BOOT_SERVER, PROGRAM, Scene, probe, probe_on};

#[test]
fn a_healthy_network_is_ok_and_nothing_is_found() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let _guard = scene.guard();
    let before = scene.lab.hypervisor().run(["ls", "/sys/class/net"]).unwrap();
    let probed = probe(scene.lab.hypervisor(), &[]);
    assert_eq!((probed.code, probed.findings()), (0, vec![]), "{:#}", probed.report);
    assert_eq!(probed.report["verdict"], "ok");
    assert_eq!(probed.report["guard"], json!({ "mode": "enforce", "boots": true }));

    let dhcp = probed.responder(Pool::TRUSTED.server);
    assert_eq!(
        (&dhcp["gives_addresses"], &dhcp["boots"], &dhcp["informs"]),
        (&json!(true), &json!(false), &json!(true))
    );
    assert_eq!((&dhcp["trust"], &dhcp["port"]), (&json!("dhcp"), &json!(scene.router.port())));
    assert_eq!(dhcp["mac"], scene.router.mac().to_string().to_lowercase());
    assert_eq!((&dhcp["server_id"], &dhcp["vendor"]), (&json!(Pool::TRUSTED.server), &json!("local")));
    assert_eq!((&dhcp["routers"], &dhcp["relay"]), (&json!([Pool::TRUSTED.server]), &json!(null)));
    assert!(Pool::TRUSTED.contains(dhcp["address"].as_str().unwrap().parse().unwrap()), "{dhcp:#}");

    let own = probed.responder(BOOT_SERVER);
    assert_eq!((&own["gives_addresses"], &own["boots"], &own["is_host"]), (&json!(false), &json!(true), &json!(true)));
    let told: Vec<_> = own["answers"].as_array().unwrap().iter().map(|answer| &answer["client"]).collect();
    assert_eq!(told, ["efi-x64", "efi-x64-http"], "for the others there is nothing to boot");
    assert_eq!(own["answers"][0]["file"], PROGRAM);
    assert_eq!(own["port_4011"][0]["answered"], true, "{own:#}");

    let after = scene.lab.hypervisor().run(["ls", "/sys/class/net"]).unwrap();
    assert_eq!(after, before, "its port is gone");
}

#[test]
fn a_machine_with_one_card_asks_on_it_and_takes_no_port() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let client = scene.lab.attach("client").unwrap();
    let probed = probe_on(&client, "eth0", &["--arch", "bios"]);
    assert_eq!((probed.code, probed.findings()), (0, vec!["no-pxe"]), "{:#}", probed.report);
    let dhcp = probed.responder(Pool::TRUSTED.server);
    assert_eq!((&probed.report["port"], &dhcp["informs"]), (&json!(null), &json!(true)));
}

#[test]
fn a_tagged_question_is_answered_in_its_vlan_only() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let probed = scene.probe(&["--vlan", "5"]);
    assert_eq!((probed.code, probed.first().0), (2, "nobody"), "dnsmasq is not in VLAN 5: {:#}", probed.report);
    let probed = scene.probe(&["--vlan", "5", "--vlan", "0"]);
    assert_eq!((probed.code, &probed.report["vlans"]), (0, &json!([0, 5])));
    assert_eq!(probed.responder(Pool::TRUSTED.server)["vlan"], 0);
    assert_eq!((&probed.report["guard"], &probed.report["port"]), (&json!(null), &json!("pxgprobe0")));
}

/// How long a flood lasts that nobody ends.
const FLOOD: Duration = Duration::from_secs(20);

#[test]
fn a_flood_of_offers_keeps_it_no_longer_than_it_listens() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let flooder = lab.attach("flooder").unwrap();
    let (at_flooder, flooding) = (flooder.raw().unwrap(), AtomicBool::new(true));
    let offer = Message::offer().frame();
    let took = thread::scope(|scope| {
        scope.spawn(|| {
            let end = Instant::now() + FLOOD;
            while flooding.load(Ordering::Relaxed) && Instant::now() < end {
                at_flooder.send(&offer).unwrap();
            }
        });
        let began = Instant::now();
        let probed = probe(lab.hypervisor(), &["--arch", "bios"]);
        flooding.store(false, Ordering::Relaxed);
        assert_eq!((probed.code, probed.first().0), (2, "nobody"), "the offers are for another: {:#}", probed.report);
        began.elapsed()
    });
    assert!(took < FLOOD / 2, "{took:?}");
}

#[test]
fn the_table_names_servers_and_verdict() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let said =
        pxeguard_lab::guard::run(scene.lab.hypervisor(), ["probe", "--iface", BRIDGE, "--timeout", "1"]).unwrap();
    let first = format!(
        "asked on {BRIDGE} by a port of its own, pxgprobe0, as plain, bios, efi-x64, efi-arm64, efi-x64-http\n"
    );
    assert!(said.starts_with(&first), "{said}");
    let row = said.lines().find(|line| line.starts_with(&Pool::TRUSTED.server.to_string())).unwrap();
    assert!(row.contains(" local ") && row.contains(scene.router.port()), "{said}");
    assert!(said.ends_with("\nverdict: ok\n"), "{said}");
}
