//! `pxeguard boot set` and `unset`: what a client boots without a menu.

use pxeguard_lab::{Guard, skip_unless, until};
use serde_json::{Value, json};

use crate::SOON;
use crate::booting::{Firmware, MEMTEST, SNPONLY, Scene, UNDIONLY};
use crate::ended::Ended;

/// The entry of [`MEMTEST`].
const ENTRY: &str = "memtest86+";

/// What is set for clients.
fn choices(guard: &Guard) -> Value {
    guard.json("boot list").unwrap()["clients"].clone()
}

/// A file by HTTP, as text.
fn fetch(scene: &Scene, file: &str) -> String {
    let url = format!("http://10.77.0.1:8067/{file}");
    let fetched = scene.client.output(["curl", "-s", "-S", "-f", &url]).unwrap();
    assert!(fetched.output.status.success(), "{file}: {}", String::from_utf8_lossy(&fetched.output.stderr));
    String::from_utf8_lossy(&fetched.output.stdout).into_owned()
}

#[test]
fn entry_for_the_next_boot_outlives_the_daemon_and_is_used_once() {
    skip_unless!("curl", MEMTEST, UNDIONLY);
    let scene = Scene::new(&[MEMTEST, UNDIONLY]);
    let mac = scene.mac();
    let goes_straight = || {
        // The platform of a client is known from what it asks.
        scene.is_offered(Firmware::Bios, "undionly.kpxe");
        fetch(&scene, "boot.ipxe").contains(&format!("goto boot-{ENTRY}\n\n:menu"))
    };
    let daemon = scene.guard("");
    assert!(!goes_straight());
    let done = daemon.run(["boot", "set", &mac, ENTRY, "--once"]).unwrap();
    assert_eq!(done, format!("{mac} boots {ENTRY} at its next boot\n"));
    daemon.stop().unwrap();

    let daemon = scene.guard("");
    let expected = json!([{ "mac": mac, "entry": ENTRY, "once": true, "source": "state", "note": null }]);
    assert_eq!(choices(&daemon), expected);
    assert!(goes_straight());
    assert_eq!(choices(&daemon), expected, "the script alone is no boot");
    fetch(&scene, "memtest86+x64.bin");
    until(SOON, "the choice has done its duty", || choices(&daemon) == json!([])).unwrap();
    assert!(!goes_straight());
    daemon.kill9().unwrap();

    let daemon = scene.guard("");
    assert_eq!(choices(&daemon), json!([]));
    daemon.run(["boot", "set", &mac, ENTRY]).unwrap();
    assert!(goes_straight());
    fetch(&scene, "memtest86+x64.bin");
    assert!(goes_straight(), "it holds until it is taken back");
    assert_eq!(daemon.run(["boot", "unset", &mac]).unwrap(), format!("{mac} boots what everybody does\n"));
    assert!(!goes_straight());
    assert_eq!(choices(&daemon), json!([]));
}

#[test]
fn choice_that_makes_no_sense_is_refused() {
    skip_unless!(SNPONLY);
    let scene = Scene::new(&[SNPONLY]);
    let (host, mac) = (scene.lab.hypervisor(), scene.mac());
    let daemon = scene.guard("");
    let unknown = Ended::of(host, &format!("boot set {mac} debian"));
    unknown.failed(&["there is no entry \"debian\"", "pxeguard boot list"]);
    Ended::of(host, &format!("boot unset {mac}")).failed(&["nothing was set", &mac]);
    assert_eq!(choices(&daemon), json!([]));
    daemon.stop().unwrap();
    let _daemon = crate::ended::guard(&scene.lab, "--iface vmbr0 --no-boot");
    let questions =
        ["clients".to_owned(), "boot list --json".to_owned(), format!("boot set {mac} x"), format!("boot unset {mac}")];
    for question in questions {
        Ended::of(host, &question).failed(&["nothing is booted here", "--boot-root"]);
    }
}
