//! Guests by the hypervisor's names: shown, and trusted.

use macaddr::MacAddr6;
use pxeguard_lab::frames::Message;
use pxeguard_lab::{BRIDGE, Guard, Lab, Tap, skip_unless, until};
use serde_json::Value;

use crate::scene::SOON;

const SERVER: MacAddr6 = MacAddr6::new(2, 0, 0, 0, 1, 0);

/// Of a list of objects, the one with this value.
fn find(list: &Value, key: &str, value: &str) -> Option<Value> {
    list.as_array().unwrap().iter().find(|entry| entry[key] == value).cloned()
}

/// What has become of the replies that came in by a port: passed and dropped.
fn counts(guard: &Guard<'_>, port: &str) -> Option<(u64, u64)> {
    let port = find(&guard.json("ports").unwrap(), "name", port)?;
    port["hook"].as_str()?;
    Some((port["passed"].as_u64().unwrap(), port["dropped"].as_u64().unwrap()))
}

/// Whether a reply passes that a guest sends.
fn passes(guard: &Guard<'_>, tap: &Tap, port: &str) -> bool {
    let mut before = (0, 0);
    let is_guarded = || counts(guard, port).inspect(|counts| before = *counts).is_some();
    until(SOON, &format!("{port} is guarded"), is_guarded).unwrap();
    tap.send(&Message::offer().with(|offer| offer.source_mac = SERVER).frame()).unwrap();
    let mut after = before;
    until(SOON, "the reply is counted", || {
        after = counts(guard, port).unwrap();
        after != before
    })
    .unwrap();
    after.0 > before.0
}

fn note(guard: &Guard<'_>, trust: &str) -> Value {
    find(&guard.json("trust list").unwrap(), "trust", trust).unwrap()["note"].clone()
}

#[test]
fn a_guest_of_proxmox_is_shown_by_name_and_trusted_by_number_whatever_its_port_is() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    lab.hypervisor().write("/etc/pve/qemu-server/100.conf", "name: web01\n[old]\nname: web00\n").unwrap();
    let guard = Guard::start(&lab, ["--iface", BRIDGE, "--trust-port", "vm:100"]).unwrap();
    assert_eq!(
        note(&guard, "*@vm:100"),
        "no port of such a guest is there; it may be off, or libvirt's, whose files only root can read"
    );
    let (tap100, tap101) = (lab.attach_tap("tap100i0").unwrap(), lab.attach_tap("tap101i0").unwrap());
    assert!(passes(&guard, &tap100, "tap100i0") && !passes(&guard, &tap101, "tap101i0"));
    assert_eq!(note(&guard, "*@vm:100"), Value::Null);

    let is_named = || find(&guard.json("servers").unwrap(), "guest", "100 (web01) net0").is_some();
    until(SOON, "the guest's name is known", is_named).unwrap();
    let ports = guard.run(["ports"]).unwrap();
    assert!(ports.contains("GUEST") && ports.contains("tap101i0  101 net0"), "{ports}");
    let told = r#"port=tap101i0 guest="101 net0": OFFER"#;
    guard.process().wait_line(|line| line.contains(told), SOON).unwrap();

    // Another card, and then another machine under the old name.
    drop(tap100);
    let card1 = lab.attach_tap("tap100i1").unwrap();
    assert!(passes(&guard, &card1, "tap100i1"));
    let again = lab.attach_tap("tap100i0").unwrap();
    assert!(passes(&guard, &again, "tap100i0"));
    guard.run(["trust", "remove", "--port", "vm:101"]).unwrap_err();
    guard.run(["trust", "add", &format!("{}@vm:101/net0", SERVER.to_string().to_lowercase())]).unwrap();
    assert!(passes(&guard, &tap101, "tap101i0"));
}

#[test]
fn a_guest_is_trusted_by_its_name_until_another_one_has_it_too() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let domain = "<domstatus><domain type='kvm'><name>web01</name><devices><interface type='bridge'>\
        <target dev='vnet7'/><alias name='net0'/></interface></devices></domain></domstatus>";
    lab.hypervisor().write("/run/libvirt/qemu/web01.xml", domain).unwrap();
    let vnet7 = lab.attach_tap("vnet7").unwrap();
    let guard = Guard::start(&lab, ["--iface", BRIDGE, "--trust-port", "vm:web01"]).unwrap();
    // From the start on.
    assert!(passes(&guard, &vnet7, "vnet7"));
    let shown = find(&guard.json("ports").unwrap(), "name", "vnet7").unwrap();
    assert_eq!(shown["guest"], "web01 net0");

    lab.hypervisor().write("/etc/pve/lxc/200.conf", "hostname: web01\n").unwrap();
    let veth = lab.attach_tap("veth200i0").unwrap();
    let is_told = || note(&guard, "*@vm:web01").as_str().is_some_and(|note| note.contains("200 (web01)"));
    until(SOON, "it is told that two have the name", is_told).unwrap();
    assert!(!passes(&guard, &vnet7, "vnet7") && !passes(&guard, &veth, "veth200i0"));
}
