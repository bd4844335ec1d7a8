//! dnsmasq on the same host.

use pxeguard::doctor::{Check, Outcome};
use pxeguard_common::template::sum;
use pxeguard_lab::frames::Message;
use pxeguard_lab::{BRIDGE, skip_unless};

use crate::scene::{SOON, Scene};

const RANGE: &str = "--dhcp-range=10.77.64.0,10.77.127.255,255.255.0.0,1h";

#[test]
fn two_proxies_are_named_first_and_the_other_one_is_started_anew_without_what_makes_it_one() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let conf = scene.write(
        "dnsmasq.conf",
        "port=0\n# PXE\ndhcp-range=10.77.0.1,proxy,255.255.0.0\npxe-service=x86PC,boot,pxelinux\ninterface=vmbr0\n",
    );
    let file = format!("--conf-file={conf}");
    scene
        .lab
        .hypervisor()
        .run(["dnsmasq", &file, "--user=root", "--pid-file=", "--dhcp-leasefile=/run/lab/leases"])
        .unwrap();
    let first = scene.first();
    assert_eq!((first.check, first.result), (Check::Dnsmasq, Outcome::Fail));
    assert!(first.evidence.starts_with("a second proxyDHCP beside pxeguard"), "{}", first.evidence);
    assert!(
        first.evidence.contains(&format!("dhcp-range=10.77.0.1,proxy,255.255.0.0 in {conf}")),
        "{}",
        first.evidence
    );
    scene.mend();
    assert_eq!(std::fs::read_to_string(&conf).unwrap(), "port=0\n# PXE\ninterface=vmbr0\n");
}

#[test]
fn a_dhcp_server_that_sends_option_60_is_named_first() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let _server = scene.dnsmasq(&[RANGE, "--dhcp-option-force=60,PXEClient"]);
    let first = scene.first();
    assert_eq!((first.check, first.result), (Check::Dnsmasq, Outcome::Fail));
    assert!(first.evidence.contains("option 60 PXEClient") && first.evidence.contains("PXE-E55"), "{}", first.evidence);
}

#[test]
fn checksums_that_the_hosts_own_server_leaves_to_guests_are_told_and_computed_then() {
    skip_unless!("dnsmasq", "ethtool");
    let scene = Scene::new();
    let _server = scene.dnsmasq(&[RANGE, "--dhcp-authoritative"]);
    assert!(!offer_has_its_checksum(&scene, 1), "else there is nothing to find");
    let first = scene.first();
    assert_eq!((first.check, first.result, first.subject.as_str()), (Check::Checksum, Outcome::Warn, BRIDGE));
    assert_eq!(first.remedy.as_deref(), Some("ethtool -K vmbr0 tx off"));
    scene.mend();
    assert!(offer_has_its_checksum(&scene, 2));
}

/// Whether the OFFER to a new client carries the checksum that it should (RFC 768).
fn offer_has_its_checksum(scene: &Scene, xid: u32) -> bool {
    let at_client = scene.client.raw().unwrap();
    let mac = scene.client.mac();
    let discover = Message::discover().with(|discover| {
        (discover.source_mac, discover.bootp.chaddr, discover.bootp.xid) = (mac, mac, xid);
    });
    at_client.send(&discover.frame()).unwrap();
    let is_offer = |frame: &[u8]| frame[12..14] == [8, 0] && frame[23] == 17 && frame[34..36] == [0, 67];
    let offer = at_client.find(SOON, is_offer).unwrap().expect("the server offers an address");
    let (ip, udp) = (&offer[14..34], &offer[34..14 + usize::from(u16::from_be_bytes([offer[16], offer[17]]))]);
    let length = (udp.len() as u16).to_be_bytes();
    let pseudo = [&ip[12..20], &[0, 17], &length].concat();
    let total = sum(&pseudo, 0) + sum(udp, 0);
    (total & 0xffff) + (total >> 16) == 0xffff
}
