//! Port 69 in somebody else's hands.

use pxeguard_lab::{BRIDGE, guard, skip_unless};

use crate::scene::Scene;

#[test]
fn another_server_at_port_69_is_named_and_the_guard_does_not_start() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    scene.add("file", 10);
    let hypervisor = scene.lab.hypervisor();
    let folder = format!("--tftp-root={}", scene.path("").display());
    let interface = format!("--interface={BRIDGE}");
    let dnsmasq =
        ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root", "--enable-tftp"];
    let dnsmasq = hypervisor.spawn(dnsmasq.into_iter().chain([&*folder, &*interface, "--bind-interfaces"])).unwrap();
    hypervisor.wait_udp(69).unwrap();

    let arguments: Vec<_> = ["run"].into_iter().chain(scene.arguments()).collect();
    let ran = guard::run_any(hypervisor, arguments).unwrap();
    let said = String::from_utf8_lossy(&ran.output.stderr);
    assert_eq!(ran.output.status.code(), Some(1), "{said}");
    assert!(said.contains("port 69 of 10.77.0.1 is held by dnsmasq (pid "), "{said}");
    assert!(said.contains("stop it or use --no-boot"), "{said}");

    drop(dnsmasq);
    let _guard = scene.guard();
}
