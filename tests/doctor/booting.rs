//! Ports that somebody else has, and a boot root from which nobody boots.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use pxeguard::doctor::{Check, Outcome};
use pxeguard_lab::guard::run_any;
use pxeguard_lab::{BRIDGE, skip_unless};

use crate::scene::{PROGRAM, Scene};

#[test]
fn port_69_held_by_dnsmasq_is_named_first_and_freed() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let hypervisor = scene.lab.hypervisor();
    let root = format!("--tftp-root={}", scene.root().display());
    let server = scene.dnsmasq(&["--enable-tftp", &root]);
    let first = scene.first();
    assert_eq!((first.check, first.result, first.subject.as_str()), (Check::Holder, Outcome::Fail, "udp 69"));
    assert!(
        first.evidence.starts_with("held by dnsmasq (pid ") && first.evidence.contains("enable-tftp"),
        "{}",
        first.evidence
    );
    let refused =
        run_any(hypervisor, ["run", "--iface", BRIDGE, "--boot-root", scene.root().to_str().unwrap()]).unwrap();
    assert!(String::from_utf8_lossy(&refused.output.stderr).contains("is held by dnsmasq"));
    let remedy = first.remedy.unwrap();
    assert!(remedy.starts_with("kill "), "{remedy}");
    hypervisor.run(["sh", "-c", &remedy]).unwrap();
    server.wait(crate::scene::SOON).unwrap();
    scene.assert_healthy();
}

#[test]
fn a_boot_root_that_is_missing_is_made_and_one_with_nothing_in_it_is_told() {
    skip_unless!("nft");
    let scene = Scene::new();
    fs::rename(scene.root(), scene.root().with_extension("away")).unwrap();
    let first = scene.first();
    assert_eq!((first.check, first.result), (Check::BootRoot, Outcome::Fail));
    assert!(first.evidence.contains("is not there"), "{}", first.evidence);
    scene.lab.hypervisor().run(["sh", "-c", &first.remedy.unwrap()]).unwrap();
    fs::copy(scene.root().with_extension("away").join(PROGRAM), scene.root().join(PROGRAM)).unwrap();
    scene.assert_healthy();
}

#[test]
fn a_file_without_rights_is_named_and_opened() {
    skip_unless!("nft");
    let scene = Scene::new();
    fs::set_permissions(scene.root().join(PROGRAM), fs::Permissions::from_mode(0o600)).unwrap();
    let first = scene.first();
    assert_eq!(first.check, Check::BootRoot);
    assert!(
        first.evidence.contains(PROGRAM) && first.evidence.contains("not everybody may read it"),
        "{}",
        first.evidence
    );
    scene.mend();
}

#[test]
fn a_host_without_an_address_where_its_clients_are_is_told() {
    skip_unless!("nft");
    let scene = Scene::new();
    scene.lab.hypervisor().ip(&format!("address flush dev {BRIDGE}\n")).unwrap();
    let first = scene.first();
    assert_eq!((first.check, first.result, first.subject.as_str()), (Check::Address, Outcome::Fail, BRIDGE));
    // The same network at two interfaces.
    scene.lab.hypervisor().ip(&format!("address add 10.77.0.1/16 dev {BRIDGE}\n")).unwrap();
    scene
        .lab
        .hypervisor()
        .ip("link add away type bridge\nlink set away up\naddress add 10.77.0.2/24 dev away\n")
        .unwrap();
    let first = scene.first();
    assert!(first.evidence.contains("one network at two interfaces"), "{}", first.evidence);
    scene.mend();
}
