//! `PXE-E21: Remote boot cancelled` has three causes that the screen does not tell apart; pxeguard does.

use pxeguard_lab::firmware::{Firmware, First, Machine};
use pxeguard_lab::servers::dnsmasq;
use pxeguard_lab::{BRIDGE, Guard, Pool, skip_unless};
use serde_json::Value;

use crate::scene::{BOOT_SERVER, Scene};

const MEMTEST_FILE: &str = "/boot/memtest86+x64.efi";
const PXE: Firmware = Firmware::Ovmf(First::Pxe);

/// What is told of a machine that says it cannot boot.
pub fn explanation(guard: &Guard<'_>, machine: &Machine) -> Value {
    guard.json(&format!("explain {} --screen PXE-E21", machine.mac())).unwrap()
}

/// Waits until the machine has gone astray, as its console shows; the cause that is named first.
fn first_cause(scene: &Scene, guard: &Guard<'_>, astray: &str) -> String {
    let mut machine = scene.power_on(PXE).unwrap();
    machine.until_console(astray).unwrap();
    let told = explanation(guard, &machine);
    assert_eq!(told["screen"]["code"], "PXE-E21");
    let first = told["causes"][0]["cause"].as_str();
    first.unwrap_or_else(|| panic!("no cause: {told:#}\n{}", machine.console())).to_owned()
}

#[test]
fn a_second_dhcp_server_is_named() {
    skip_unless!("dnsmasq", "/usr/share/OVMF/OVMF_CODE_4M.fd", MEMTEST_FILE);
    // Firmware takes the first offer: that of a network from which there is no way to the boot server.
    let scene = Scene::with_dhcp(&[("memtest.efi", MEMTEST_FILE)], &[dnsmasq::SLOW]).unwrap();
    let second = scene.lab.attach("second").unwrap();
    let _server = dnsmasq::start(&second, &Pool::ROGUE, &[]).unwrap();
    let guard = scene.observe("").unwrap();
    assert_eq!(first_cause(&scene, &guard, "Station IP address is 10.66."), "second_dhcp_server");
}

#[test]
fn a_foreign_pxe_responder_is_named() {
    skip_unless!("dnsmasq", "/usr/share/OVMF/OVMF_CODE_4M.fd");
    // Where pxeguard answers, too, OVMF takes its offer, not dnsmasq's: so here it only looks.
    let scene = Scene::new(&[]).unwrap();
    let foreign = scene.lab.attach("foreign").unwrap();
    let pool = Pool { server: [10, 77, 0, 3].into(), ..Pool::TRUSTED };
    let _server = dnsmasq::start_proxy(&foreign, &pool, &["--pxe-service=X86-64_EFI,boot,nowhere.efi"]).unwrap();
    let guard = Guard::start(&scene.lab, ["--iface", BRIDGE, "--mode", "observe", "--no-boot"]).unwrap();
    assert_eq!(first_cause(&scene, &guard, "Server IP address is 10.77.0.3"), "foreign_pxe_responder");
}

#[test]
fn a_file_of_ours_that_is_missing_is_named() {
    skip_unless!("dnsmasq", "/usr/share/OVMF/OVMF_CODE_4M.fd");
    let names = format!("--dhcp-boot=missing.efi,,{BOOT_SERVER}");
    let scene = Scene::with_dhcp(&[], &[&names]).unwrap();
    let guard = scene.serve("").unwrap();
    assert_eq!(first_cause(&scene, &guard, "PXE-E23"), "file_missing");
}
