//! A bridge that makes its ports wait.

use pxeguard::doctor::{Check, Outcome};
use pxeguard_lab::{BRIDGE, Raw, frames::Message, skip_unless, until};

use crate::scene::Scene;

#[test]
fn stp_with_a_forward_delay_of_fifteen_seconds_is_named_first_and_ended() {
    skip_unless!("bridge");
    let scene = Scene::new();
    let hypervisor = scene.lab.hypervisor();
    hypervisor.ip(&format!("link set {BRIDGE} type bridge stp_state 1 forward_delay 1500\n")).unwrap();
    let guest = scene.lab.attach_detached("late").unwrap();
    hypervisor.ip(&format!("link set {} master {BRIDGE}\n", guest.port())).unwrap();
    let at_other = scene.other.raw().unwrap();
    assert!(!discover_arrives(&guest.raw().unwrap(), &at_other, guest.mac()));

    let first = scene.first();
    assert_eq!((first.check, first.result, first.subject.as_str()), (Check::Bridge, Outcome::Fail, BRIDGE));
    assert!(first.evidence.contains("first 30 s"), "{}", first.evidence);
    let complaints = scene.complaints();
    let port = complaints.iter().find(|finding| finding.subject == guest.port()).expect("the port is named, too");
    assert!(port.evidence.contains("listening"), "{}", port.evidence);
    scene.mend();
    until(std::time::Duration::from_secs(5), "the port forwards", || {
        discover_arrives(&guest.raw().unwrap(), &at_other, guest.mac())
    })
    .unwrap();
}

/// Whether a DISCOVER comes through within a moment.
fn discover_arrives(from: &Raw, to: &Raw, mac: macaddr::MacAddr6) -> bool {
    let discover = Message::discover().with(|discover| discover.source_mac = mac).frame();
    from.send(&discover).unwrap();
    to.find(std::time::Duration::from_millis(200), |frame| frame == discover).unwrap().is_some()
}

#[test]
fn a_forward_delay_without_stp_lets_a_new_port_forward_at_once_and_is_no_matter() {
    skip_unless!("nft");
    let scene = Scene::new();
    scene.lab.hypervisor().ip(&format!("link set {BRIDGE} type bridge forward_delay 1500\n")).unwrap();
    // It waits until the port forwards, ten seconds at the most.
    scene.lab.attach("late").unwrap();
    scene.assert_healthy();
}

#[test]
fn a_port_that_is_down_or_takes_shorter_packets_is_named() {
    skip_unless!("nft");
    let scene = Scene::new();
    let hypervisor = scene.lab.hypervisor();
    hypervisor.ip(&format!("link set {} down\n", scene.other.port())).unwrap();
    assert_eq!(scene.first().subject, scene.other.port());
    scene.mend();
    hypervisor.ip(&format!("link set {} mtu 1400\nlink set {BRIDGE} mtu 1500\n", scene.other.port())).unwrap();
    let first = scene.first();
    assert_eq!((first.check, first.subject.as_str()), (Check::Port, scene.other.port()));
    assert!(first.evidence.contains("its MTU is 1400"), "{}", first.evidence);
    scene.mend();
}
