//! Boot roots that are not there, hold nothing, or not what is asked for; interfaces without an address.

use pxeguard_lab::{BRIDGE, skip_unless};

use crate::SOON;
use crate::booting::{Firmware, SERVER, SNPONLY, Scene, UNDIONLY, count, discover};
use crate::ended::guard;

#[test]
fn boot_root_that_is_not_there_is_told_once_and_used_as_soon_as_it_is() {
    skip_unless!(SNPONLY);
    let scene = Scene::new(&[SNPONLY]);
    let later = scene.root.path().join("later/root");
    let daemon = guard(&scene.lab, &format!("--iface {BRIDGE} --boot-root {}", later.display()));
    let missing = format!("the boot root {} is not there: create it", later.display());
    daemon.process().wait_line(|line| line.contains(&missing), SOON).unwrap();
    assert_eq!(daemon.json("status").unwrap()["ports"], 1);
    let told = scene.is_not_answered(&daemon, Firmware::EfiX64);
    assert!(told.contains("there is no boot program for efi-x64"), "{told}");
    assert_eq!((count(&daemon, "WARN  the boot root"), count(&daemon, "nothing to boot")), (1, 0));
    std::fs::create_dir_all(&later).unwrap();
    std::fs::copy(scene.root.path().join("snponly.efi"), later.join("boot.efi")).unwrap();
    scene.is_offered(Firmware::EfiX64, "boot.efi");
}

#[test]
fn empty_boot_root_is_told_once_and_a_file_in_it_is_offered() {
    skip_unless!(SNPONLY);
    let scene = Scene::new(&[]);
    let daemon = scene.guard("");
    let empty = format!("there is nothing to boot below {}", scene.root.path().display());
    scene.is_not_answered(&daemon, Firmware::EfiX64);
    assert_eq!(count(&daemon, &empty), 1, "{}", daemon.process().output());
    scene.add(SNPONLY);
    scene.is_offered(Firmware::EfiX64, "snponly.efi");
    assert_eq!(count(&daemon, "nothing to boot"), 1);
}

#[test]
fn file_for_one_architecture_is_offered_to_that_one_only() {
    skip_unless!(SNPONLY);
    let scene = Scene::new(&[SNPONLY]);
    let daemon = scene.guard("");
    let ask_as_bios = |name, times| {
        let bios = scene.lab.attach(name).unwrap();
        let at_bios = bios.raw().unwrap();
        (0..times).for_each(|_| at_bios.send(&discover(&bios, Firmware::Bios)).unwrap());
        bios.mac().to_string().to_lowercase()
    };
    let refused = "is not answered: there is no boot program for bios";
    let (first, second) = (ask_as_bios("bios", 3), ask_as_bios("bios2", 1));
    // The daemon takes questions in turn: once it has told of the second, it has told all that it will of the first.
    daemon.process().wait_line(|line| line.contains(&format!("{second} {refused}")), SOON).unwrap();
    assert_eq!(count(&daemon, &format!("{first} {refused}")), 1, "{}", daemon.process().output());
    assert_eq!(count(&daemon, "is answered ("), 0, "{}", daemon.process().output());
    scene.is_offered(Firmware::EfiX64, "snponly.efi");
    // The kernel may have answered, and its word comes to the daemon by another way.
    daemon.process().wait_line(|line| line.contains("is answered (OFFER, direct): snponly.efi"), SOON).unwrap();
    // Now that the kernel knows an answer, it keeps it from others as well.
    let third = ask_as_bios("bios3", 1);
    daemon.process().wait_line(|line| line.contains(&format!("{third} {refused}")), SOON).unwrap();
    assert_eq!(count(&daemon, "is answered ("), 1, "{}", daemon.process().output());
}

#[test]
fn program_for_another_architecture_is_told_and_nothing_else_is_offered_in_its_place() {
    skip_unless!(SNPONLY, UNDIONLY);
    let scene = Scene::new(&[SNPONLY, UNDIONLY]);
    let daemon = scene.guard("--boot efi-x64=undionly.kpxe");
    let wrong = |line: &str| line.contains("undionly.kpxe: it is ") && line.contains("no boot program for efi-x64");
    let told = daemon.process().wait_line(wrong, SOON).unwrap();
    assert!(told.contains(" WARN "), "{told}");
    assert!(wrong(&scene.is_not_answered(&daemon, Firmware::EfiX64)));
    scene.is_offered(Firmware::Bios, "undionly.kpxe");
    assert_eq!(count(&daemon, "snponly.efi"), 0, "{}", daemon.process().output());
    daemon.stop().unwrap();
    // Without the flag, there is a program.
    let _daemon = scene.guard("");
    scene.is_offered(Firmware::EfiX64, "snponly.efi");
}

#[test]
fn no_boot_leaves_the_ports_of_boot_services_to_others() {
    skip_unless!("ss");
    let scene = Scene::new(&[]);
    let taken = || {
        let sockets = scene.lab.hypervisor().run(["ss", "-Hlntu"]).unwrap();
        let address = |line: &str| line.split_whitespace().nth(4).map(str::to_owned);
        let local = sockets.lines().filter_map(address).filter(|address| address.starts_with("10.77.0.1:"));
        let mut ports: Vec<String> = local.collect();
        ports.sort();
        ports
    };
    let root = format!("[boot]\nroot = \"{}\"\n", scene.root.path().display());
    scene.lab.hypervisor().write("/etc/pxeguard/pxeguard.toml", root).unwrap();
    let daemon = guard(&scene.lab, &format!("--iface {BRIDGE} --no-boot"));
    assert_eq!(taken(), Vec::<String>::new());
    daemon.stop().unwrap();
    let _daemon = guard(&scene.lab, &format!("--iface {BRIDGE}"));
    assert_eq!(taken(), ["10.77.0.1:4011", "10.77.0.1:69", "10.77.0.1:8067"]);
}

#[test]
fn bridge_without_an_address_is_told_and_boots_clients_once_it_has_one() {
    skip_unless!(SNPONLY);
    let scene = Scene::new(&[SNPONLY]);
    let host = scene.lab.hypervisor();
    host.ip(&format!("address del {SERVER} dev {BRIDGE}\n")).unwrap();
    let daemon = scene.guard("");
    let without = "vmbr0 has no IPv4 address: no PXE client can be booted by it until it has one";
    daemon.process().wait_line(|line| line.contains(without), SOON).unwrap();
    assert_eq!(daemon.json("status").unwrap()["ports"], 1);
    // Another change of the network is no reason to tell it again.
    host.ip("link add other type bridge\naddress add 192.0.2.1/24 dev other\n").unwrap();
    host.ip(&format!("address add {SERVER} dev {BRIDGE}\n")).unwrap();
    scene.is_offered(Firmware::EfiX64, "snponly.efi");
    daemon.process().wait_line(|line| line.contains("vmbr0 has an IPv4 address"), SOON).unwrap();
    assert_eq!(count(&daemon, without), 1);
    let seen = daemon.process().seen();
    host.ip(&format!("address del {SERVER} dev {BRIDGE}\n")).unwrap();
    daemon.process().wait_line_from(seen, |line| line.contains(without), SOON).unwrap();
}
