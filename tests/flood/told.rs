//! A flood is told when it begins and when it has ended, counted in `/metrics`, and its limit can be changed meanwhile.

use nix::sys::signal::Signal;
use pxeguard_lab::frames::Message;
use pxeguard_lab::{BRIDGE, Guard, Lab, skip_unless};

use crate::config::{CONFIG, counted, limit, wait_counted};
use crate::scene::SOON;

#[test]
fn a_flood_is_told_with_its_port_and_its_end_with_how_many_were_cut() {
    skip_unless!("curl");
    let lab = Lab::new().unwrap();
    let [flooder, uplink] = ["flooder", "uplink"].map(|name| lab.attach(name).unwrap());
    limit(lab.hypervisor(), "[limits.ports.p-flooder]\nclient_messages_per_s = 1\nclient_burst = 10");
    let guard = Guard::start(&lab, ["--iface", BRIDGE, "--config", CONFIG, "--trust-port", uplink.port()]).unwrap();
    let discover = Message::discover().frame();
    let (from_flooder, from_uplink) = (flooder.raw().unwrap(), uplink.raw().unwrap());
    let flood = |count| (0..count).for_each(|_| from_flooder.send(&discover).unwrap());
    // A storm of boots behind an uplink exceeds nothing.
    (0..2000).for_each(|_| from_uplink.send(&discover).unwrap());
    assert_eq!(wait_counted(&guard, &uplink, 2000).cut, 0);

    flood(500);
    let begins =
        "port=p-flooder: a flood of DHCP clients' messages: more than 1 a second and 10 at once; the rest is cut";
    guard.process().wait_line(|line| line.ends_with(begins), SOON).unwrap();
    let problems = guard.json("status").unwrap()["problems"].to_string();
    assert!(problems.contains("p-flooder: a flood of DHCP clients' messages comes in"), "{problems}");
    let cut = wait_counted(&guard, &flooder, 500).cut;
    let ended = format!("port=p-flooder: the flood of DHCP clients' messages has ended: {cut} were cut in ");
    guard.process().wait_line(|line| line.contains(&ended), SOON).unwrap();
    let metrics = lab.hypervisor().run(["curl", "-sS", "http://127.0.0.1:9467/metrics"]).unwrap();
    let sample = format!("pxeguard_port_client_messages_total{{port=\"p-flooder\",verdict=\"cut\"}} {cut}");
    assert!(metrics.lines().any(|line| line == sample), "{sample}\n{metrics}");
    let table = guard.run(["status"]).unwrap();
    assert!(table.lines().any(|line| line.starts_with("from clients ") && line.ends_with(&format!("{cut} cut"))));

    // The next one is counted by another limit, and not told anew within the same minute.
    limit(lab.hypervisor(), "client_messages_per_s = 2\nclient_burst = 20");
    let seen = guard.process().seen();
    guard.process().signal(Signal::SIGHUP).unwrap();
    guard.process().wait_line_from(seen, |line| line.contains("configuration reloaded"), SOON).unwrap();
    let before = counted(&guard, &flooder);
    flood(100);
    let after = wait_counted(&guard, &flooder, before.all() + 100);
    assert!((20..=25).contains(&(after.passed - before.passed)), "{before:?} {after:?}");
    let told = guard.process().output();
    assert!(!told.contains("port=p-uplink: a flood"), "{told}");
    assert_eq!(told.matches("port=p-flooder: a flood").count(), 1, "{told}");
}
