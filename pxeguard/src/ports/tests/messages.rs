//! What an operator is told about an interface that is not guarded.

use pxeguard_common::net::Ifindex;

use super::super::open_vswitch::OpenVswitch;
use super::super::{Kind, Link, Snapshot, Targets};
use super::{ifaces, names};

fn link(index: u32, name: &str, kind: Kind, master: Option<u32>) -> Link {
    Link {
        index: Ifindex(index),
        name: name.to_owned(),
        alternative_names: Vec::new(),
        is_ethernet: !matches!(kind, Kind::Other(_) | Kind::Loopback),
        physical: kind == Kind::Physical,
        kind,
        master: master.map(Ifindex),
        vlan_of: None,
        filters_vlans: false,
        mac: None,
        mtu: 1500,
        xdp: None,
        up: true,
        addresses: Vec::new(),
    }
}

fn host() -> Snapshot {
    Snapshot::of(vec![
        link(1, "lo", Kind::Loopback, None),
        link(2, "eno1", Kind::Physical, Some(4)),
        link(3, "eno2", Kind::Physical, Some(5)),
        link(4, "vmbr0", Kind::Bridge, None),
        link(5, "ovs-system", Kind::OpenVswitch, None),
        link(6, "vmbr1", Kind::OpenVswitch, None),
        link(7, "tap100i0", Kind::Tap, Some(5)),
        link(8, "tap101i0", Kind::Tap, Some(4)),
        link(9, "wg0", Kind::Other("wireguard".to_owned()), None),
    ])
}

fn told(targets: &Targets) -> Vec<String> {
    targets.problems.iter().map(ToString::to_string).collect()
}

fn targets<const N: usize>(names: [&str; N]) -> Targets {
    host().targets_beside(&ifaces(names), &Ok(OpenVswitch::default()))
}

#[test]
fn a_missing_interface_comes_with_names_that_may_be_meant() {
    let expected = [
        "vmbr: no such interface; here are vmbr0, vmbr1",
        "eno3: no such interface; here are eno1, eno2",
        "bridge: no such interface; did you mean vmbr0?",
    ];
    assert_eq!(told(&targets(["vmbr", "eno3", "bridge"])), expected);
}

#[test]
fn without_its_database_the_ports_of_an_open_vswitch_are_those_of_its_datapath() {
    let targets = targets(["vmbr1"]);
    let expected = "vmbr1: an Open vSwitch bridge; pxeguard guards its ports one by one: --iface eno2 --iface tap100i0";
    assert_eq!(told(&targets), [expected]);
    assert_eq!(names(&targets), [""; 0]);
}

#[test]
fn an_open_vswitch_that_does_not_answer_is_told_and_its_port_guarded_all_the_same() {
    let silent = Err("database connection failed".to_owned());
    let targets = host().targets_beside(&ifaces(["tap100i0", "vmbr0"]), &silent);
    let expected = "tap100i0: cannot find out whether this is an Open vSwitch bridge or a port of one: \
                    database connection failed";
    assert_eq!(told(&targets), [expected]);
    assert_eq!(names(&targets), ["eno1", "tap100i0", "tap101i0"]);
}

#[test]
fn what_is_no_ethernet_is_told_by_its_kind() {
    let expected = [
        "lo: the loopback interface; no other machine is behind it",
        "wg0: a wireguard interface, which carries no Ethernet frames; name a bridge or an Ethernet interface",
    ];
    let targets = targets(["lo", "wg0"]);
    assert_eq!(told(&targets), expected);
}

#[test]
fn a_port_named_twice_is_guarded_once() {
    assert_eq!(names(&targets(["vmbr0", "tap101i0", "vmbr0"])), ["eno1", "tap101i0"]);
}
