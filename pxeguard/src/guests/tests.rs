use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use pxeguard_common::net::Ifindex;
use tempfile::TempDir;

use super::followed::Ports;
use super::*;

/// As Proxmox VE writes it: options, then a section for each snapshot.
const WEB01: &str = "#a note: name: no\nboot: order=scsi0;net0\ncores: 4\nmemory: 8192\nname: web01\n\
    net0: virtio=BC:24:11:2C:69:EC,bridge=vmbr0,firewall=1\nonboot: 1\n\n[before]\nname: old\nsnaptime: 1700000000\n";
const CT: &str =
    "arch: amd64\nhostname: dns\nmemory: 512\nnet0: name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:02,type=veth\n";
/// As libvirt writes it into `/run/libvirt/qemu`, shortened.
const LIVE: &str = "<!--\nWARNING: THIS IS AN AUTO-GENERATED FILE.\n-->\n\
    <domstatus state='running' reason='booted' pid='1234'>\n  <monitor path='/var/lib/libvirt/m' type='unix'/>\n\
    <domain type='kvm' id='1'>\n  <name>mail &amp; news</name>\n  <uuid>4dea22b3-1d52-d8f3-2516-782e98ab3fa0</uuid>\n\
    <devices>\n\
    <interface type='network'><mac address='52:54:00:11:22:33'/><source network='default' bridge='virbr0'/>\
    <target dev='vnet0'/><model type='virtio'/><alias name='net0'/></interface>\n\
    <interface type='bridge'><source bridge='br0'/><target dev='vnet1'/><alias name='net1'/></interface>\n\
    <interface type='hostdev'><mac address='52:54:00:11:22:34'/></interface>\n\
    </devices>\n</domain>\n</domstatus>\n";

fn write(root: &TempDir, path: &str, text: &str) {
    let path = root.path().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn proxmox() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    write(&root, "etc/pve/qemu-server/100.conf", WEB01);
    write(&root, "etc/pve/lxc/101.conf", CT);
    write(&root, "etc/pve/nodes/pve2/qemu-server/102.conf", "name: moving\n");
    write(&root, "etc/pve/qemu-server/103.conf", "cores: 1\n");
    root
}

fn libvirt() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    write(&root, "run/libvirt/qemu/mail.xml", LIVE);
    write(&root, "run/libvirt/qemu/driver.pid", "1");
    root
}

fn ports(names: &[&str]) -> Ports {
    (1..).zip(names).map(|(index, name)| ((*name).to_owned(), Ifindex(index))).collect()
}

/// What is said of each port.
fn told(lookup: &mut Lookup, names: &[&str]) -> BTreeMap<String, String> {
    lookup.guests(names.iter().copied()).into_iter().map(|(port, guest)| (port, guest.to_string())).collect()
}

fn told_below(root: &Path, names: &[&str]) -> Vec<String> {
    told(&mut Lookup::below(root), names).into_values().collect()
}

#[test]
fn ports_of_proxmox_have_number_name_and_card() {
    let root = proxmox();
    let told = |port: &str| told_below(root.path(), &[port]);
    for port in ["tap100i0", "fwpr100p0", "fwln100i0", "fwbr100i0"] {
        assert_eq!(told(port), ["100 (web01) net0"], "{port}");
    }
    assert_eq!(told("veth101i12"), ["101 (dns) net12"]);
    assert_eq!(told("tap102i1"), ["102 (moving) net1"], "its file is another node's still");
    assert_eq!(told("tap103i0"), ["103 net0"], "it has no name");
    assert_eq!(told("tap999i0"), ["999 net0"], "it has no file");
    for port in ["tap0", "tapi0", "tap100", "tap100i", "tap-1i0", "tap+1i0", "tap99999999999i0", "tap100i0x", "eno1"] {
        assert!(told(port).is_empty(), "{port}");
    }
}

#[test]
fn ports_of_libvirt_have_the_domains_name_and_card() {
    let root = libvirt();
    let found = told_below(root.path(), &["vnet0", "vnet1", "vnet2"]);
    assert_eq!(found, ["mail & news net0", "mail & news net1"]);
}

#[test]
fn a_damaged_file_says_what_it_said_before_and_one_that_is_gone_nothing() {
    let root = libvirt();
    let mut lookup = Lookup::below(root.path());
    let first = told(&mut lookup, &["vnet0"]);
    for damage in ["", "<domain", "<domain><name>x</name></domain>", "\u{0}\u{1}", &LIVE[..300]] {
        write(&root, "run/libvirt/qemu/mail.xml", damage);
        assert_eq!(told(&mut lookup, &["vnet0"]), first, "{damage:?}");
    }
    write(&root, "run/libvirt/qemu/mail.xml", &LIVE.replace("mail &amp; news", "renamed"));
    assert_eq!(told(&mut lookup, &["vnet0"])["vnet0"], "renamed net0");
    fs::remove_file(root.path().join("run/libvirt/qemu/mail.xml")).unwrap();
    assert!(told(&mut lookup, &["vnet0"]).is_empty());
}

#[test]
fn what_is_no_file_or_very_long_does_no_harm() {
    let root = proxmox();
    fs::create_dir(root.path().join("etc/pve/qemu-server/104.conf")).unwrap();
    nix::unistd::mkfifo(&root.path().join("etc/pve/qemu-server/105.conf"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    write(&root, "etc/pve/qemu-server/106.conf", &("#".repeat(2 << 20) + "\nname: late\n"));
    write(&root, "run/libvirt/qemu/bomb.xml", &("<domain>".to_owned() + &"<a>".repeat(300_000)));
    assert_eq!(told_below(root.path(), &["tap104i0", "tap105i0", "tap106i0"]), ["104 net0", "105 net0", "106 net0"]);
}

#[test]
fn a_guest_is_meant_by_number_or_name_and_card() {
    let root = proxmox();
    let names = ["tap100i0", "tap100i1", "fwpr100p2", "fwln100i2", "veth101i0"];
    let guests = Lookup::below(root.path()).guests(names);
    let meant = |name: &str| {
        let name: GuestName = name.parse().unwrap();
        name.among(guests.iter().map(|(port, guest)| (port.as_str(), guest.clone())))
    };
    // Everything else comes in by the firewall's other end.
    let all = Meant::Ports(vec!["fwpr100p2", "tap100i0", "tap100i1"]);
    assert_eq!((meant("vm:100"), meant("vm:web01")), (all.clone(), all));
    assert_eq!(meant("vm:100/net1"), Meant::Ports(vec!["tap100i1"]));
    assert_eq!(meant("vm:dns"), Meant::Ports(vec!["veth101i0"]));
    for nobody in ["vm:102", "vm:old", "vm:100/net9", "vm:WEB01"] {
        assert_eq!(meant(nobody), Meant::Ports(Vec::new()), "{nobody}");
    }
}

#[test]
fn a_name_that_two_guests_have_means_nobody() {
    let root = proxmox();
    write(&root, "etc/pve/lxc/101.conf", "hostname: web01\n");
    let guests = Lookup::below(root.path()).guests(["tap100i0", "tap100i1", "veth101i0"]);
    let meant = |name: &str| {
        let name: GuestName = name.parse().unwrap();
        name.among(guests.iter().map(|(port, guest)| (port.as_str(), guest.clone())))
    };
    assert_eq!(meant("vm:web01"), Meant::Several(vec!["100 (web01)".to_owned(), "101 (web01)".to_owned()]));
    assert_eq!(meant("vm:101"), Meant::Ports(vec!["veth101i0"]));
}

#[test]
fn a_guests_name_is_read_back_as_written() {
    for text in ["vm:100", "vm:100/net1", "vm:web01", "vm:web01/net0", "vm:0100", "vm:a.b-c_d", "vm:é"] {
        assert_eq!(text.parse::<GuestName>().unwrap().to_string(), text);
    }
    for text in
        ["vm:", "vm:/net0", "vm:100/", "vm:100/net0/x", "vm:a b", "vm:a,b", "vm:a@b", "vm:*", "100", "vm:a\u{1b}"]
    {
        assert!(text.parse::<GuestName>().is_err(), "{text:?}");
    }
}

#[tokio::test]
async fn a_change_of_names_is_noticed() {
    let root = proxmox();
    let mut guests = Guests::follow(root.path()).unwrap();
    assert_eq!(guests.in_words("tap100i0").as_deref(), Some("100 net0"), "by the port's name");
    guests.look_at(&ports(&["tap100i0"]));
    assert!(guests.wait(Duration::from_secs(20)).await);
    assert_eq!(guests.in_words("tap100i0").as_deref(), Some("100 (web01) net0"));
    write(&root, "etc/pve/qemu-server/100.conf", "name: renamed\n");
    let mut changes = guests.changes();
    changes.mark_unchanged();
    guests.look_at(&ports(&["tap100i0", "eno1"]));
    tokio::time::timeout(Duration::from_secs(20), changes.changed()).await.unwrap().unwrap();
    assert_eq!(guests.in_words("tap100i0").as_deref(), Some("100 (renamed) net0"));
}

#[tokio::test]
async fn a_port_that_is_new_under_an_old_name_is_not_taken_for_the_old_guests() {
    let root = libvirt();
    write(&root, "run/libvirt/qemu/mail.xml", &LIVE.replace("mail &amp; news", "mail"));
    let mut guests = Guests::follow(root.path()).unwrap();
    let (mail, old) = ("vm:mail/net0".parse().unwrap(), ports(&["vnet0", "vnet1"]));
    guests.look_at(&old);
    assert!(guests.wait(Duration::from_secs(20)).await);
    assert_eq!(guests.meant(&mail, &old), Meant::Ports(vec![Ifindex(1)]));
    let new = Ports::from([("vnet0".to_owned(), Ifindex(9))]);
    assert_eq!(guests.meant(&mail, &new), Meant::Ports(Vec::new()));
    guests.look_at(&new);
    assert!(guests.wait(Duration::from_secs(20)).await);
    assert_eq!(guests.meant(&mail, &new), Meant::Ports(vec![Ifindex(9)]));
}
