//! A whole client: each step is told, and the one that fails is named.

use pxeguard_lab::skip_unless;

use crate::causes::drop_udp;
use crate::scene::{LEN, PROGRAM, Scene, probe};

#[test]
fn a_uefi_machine_boots_by_tftp_from_this_host() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let _guard = scene.guard();
    let probed = scene.probe(&["--boot"]);
    assert_eq!((probed.code, probed.findings()), (0, vec![]), "{:#}", probed.report);
    assert_eq!(probed.steps(), (vec!["offer", "lease", "tftp", "release"], None));
    let file = &probed.report["boot"]["steps"][2];
    assert_eq!(file["bytes"], LEN, "{file:#}");
    assert!(file["detail"].as_str().unwrap().starts_with("tftp://10.77.0.2/boot.efi: 100.0 kB at "), "{file:#}");
    assert_eq!(scene.leases(), "", "its address is given back");
}

#[test]
fn a_uefi_machine_boots_by_http_from_this_host() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let _guard = scene.guard();
    let probed = probe(scene.lab.hypervisor(), &["--boot", "--arch", "16"]);
    assert_eq!((probed.code, probed.findings()), (0, vec![]), "{:#}", probed.report);
    assert_eq!(probed.steps(), (vec!["offer", "lease", "http", "release"], None));
    assert_eq!(probed.report["boot"]["steps"][2]["bytes"], LEN);
}

#[test]
fn a_machine_that_has_to_ask_port_4011_does_so_and_loads_what_it_is_told() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let _proxy = scene.foreign_proxy();
    let probed = scene.probe(&["--boot"]);
    assert_eq!((probed.code, probed.findings()), (0, vec![]), "{:#}", probed.report);
    assert_eq!(probed.steps(), (vec!["offer", "lease", "4011", "tftp", "release"], None));
}

#[test]
fn a_file_that_is_not_there_is_told_in_the_servers_words() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let _proxy = scene.foreign_proxy();
    std::fs::remove_file(scene.root().join(PROGRAM)).unwrap();
    let probed = scene.probe(&["--boot"]);
    let said = probed.assert_first("boot-tftp", 1);
    assert!(said.contains("file") && said.contains("error 1"), "{said}");
    assert_eq!(probed.steps(), (vec!["offer", "lease", "4011", "release"], Some("tftp")));
    assert_eq!(scene.leases(), "", "its address is given back all the same");
}

#[test]
fn a_firewall_before_tftp_is_silent() {
    skip_unless!("dnsmasq", "nft");
    let scene = Scene::new();
    let (proxy, _running) = scene.foreign_proxy();
    drop_udp(&proxy, 69);
    let probed = scene.probe(&["--boot"]);
    let said = probed.assert_first("boot-tftp", 1);
    assert!(said.contains("no answer from UDP port 69") && said.contains("PXE-E32"), "{said}");
}

#[test]
fn a_port_where_nobody_listens_is_told_at_once_and_no_lease_stays() {
    skip_unless!("dnsmasq");
    let scene = Scene::with_dhcp(&["--dhcp-boot=undionly.kpxe"]);
    let probed = scene.probe(&["--boot"]);
    let said = probed.assert_first("boot-tftp", 1);
    assert!(said.contains("unreachable"), "{said}");
    let asked = scene.dhcp.output();
    assert!(asked.contains("DHCPREQUEST(eth0)") && asked.contains("DHCPRELEASE(eth0)"), "{asked}");
    assert_eq!(scene.leases(), "");
}

#[test]
fn without_anything_to_boot_the_offer_is_the_step_that_fails() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let probed = scene.probe(&["--boot"]);
    let said = probed.assert_first("boot-offer", 1);
    assert!(said.contains("PXE-E53"), "{said}");
    assert_eq!(probed.steps(), (vec![], Some("offer")));
}
