//! SIGHUP: the configuration file is read again, as a whole or not at all.

use nix::sys::signal::Signal;
use pxeguard_lab::{BRIDGE, Guard, skip_unless};

use crate::scene::{Scene, place};
use crate::wire::SOON;

const CONFIG: &str = "/etc/pxeguard/pxeguard.toml";

#[test]
fn changed_file_counts_after_sighup() {
    skip_unless!();
    let scene = Scene::new();
    let heard = || (scene.offer_arrives(&scene.trusted), scene.offer_arrives(&scene.rogue));
    let write = |lines: &str| scene.lab.hypervisor().write(CONFIG, format!("iface = {BRIDGE:?}\n{lines}\n")).unwrap();
    write(&format!("trust = {:?}", place(&scene.trusted)));
    let guard = Guard::start(&scene.lab, ["--config", CONFIG]).unwrap();
    assert_eq!(heard(), (true, false));
    write(&format!("trust = {:?}", place(&scene.rogue)));
    assert_eq!(heard(), (true, false), "nobody has told it yet");
    reload(&guard, "configuration reloaded: enforcing on 3 ports; trusted: 1");
    assert_eq!(heard(), (false, true));
    write("trust_port = [\"p-trusted\", \"p-rogue\"]");
    reload(&guard, "configuration reloaded: enforcing on 3 ports; trusted: 2");
    assert_eq!(heard(), (true, true));
    write("mode = \"enforce\"");
    reload(&guard, "configuration reloaded: enforcing on 3 ports; trusted: nobody");
    assert_eq!(heard(), (false, false));
    write("");
    reload(&guard, "configuration reloaded: observing 3 ports; trusted: nobody");
    assert_eq!(heard(), (true, true));
}

#[test]
fn wrong_file_is_rejected_whole_with_line_and_reason() {
    skip_unless!();
    let scene = Scene::new();
    let hypervisor = scene.lab.hypervisor();
    let right = format!("iface = {BRIDGE:?}\ntrust = {:?}\n", place(&scene.trusted));
    hypervisor.write(CONFIG, &right).unwrap();
    // By itself it would be found there.
    let guard = Guard::start(&scene.lab, [""; 0]).unwrap();
    let before = guard.json("trust list").unwrap();
    // The first two lines of each are right, and trust somebody else.
    let other = format!("iface = {BRIDGE:?}\ntrust_port = \"p-rogue\"\n");
    let wrong = [
        ("trust = \"02:00:00:00:00\"\n", ":3:9: ", "02:00:00:00:00"),
        ("trsut = \"p-rogue\"\n", ":3:1: ", "unknown key \"trsut\""),
        ("\nmode = \"enforced\"\n", ":4:8: ", "unknown value \"enforced\""),
        ("mode = \"observe\n", ":3:", ""),
    ];
    for (line, place_in_file, why) in wrong {
        hypervisor.write(CONFIG, format!("{other}{line}")).unwrap();
        let told = reload(&guard, "the configuration is not reloaded, the old one stays in force: ");
        assert!(told.contains(&format!("{CONFIG}{place_in_file}")) && told.contains(why), "{told}");
        assert_eq!(guard.json("trust list").unwrap(), before, "{line}");
        assert!(scene.offer_arrives(&scene.trusted) && !scene.offer_arrives(&scene.rogue), "{line}");
    }
    // One that is gone is no empty one.
    hypervisor.run(["rm", CONFIG]).unwrap();
    let told = reload(&guard, "the configuration is not reloaded, the old one stays in force: ");
    assert!(told.contains(&format!("cannot read the configuration file {CONFIG}")), "{told}");
    assert!(scene.offer_arrives(&scene.trusted) && !scene.offer_arrives(&scene.rogue));
    // And a right one counts again.
    hypervisor.write(CONFIG, &other).unwrap();
    reload(&guard, "configuration reloaded");
    assert!(!scene.offer_arrives(&scene.trusted) && scene.offer_arrives(&scene.rogue));
}

/// Sends SIGHUP and waits until the daemon says so; the line.
fn reload(guard: &Guard<'_>, wanted: &str) -> String {
    let seen = guard.process().seen();
    guard.process().signal(Signal::SIGHUP).unwrap();
    guard.process().wait_line_from(seen, |line| line.contains(wanted), SOON).unwrap()
}
