//! Menus as each loader has to have them, and names that try to be more than names.

use std::collections::BTreeMap;
use std::time::Duration;

use pxeguard_common::arch::Platform::{self, Bios, EfiX64};

use super::{Page, Start, grub, ipxe, syslinux};
use crate::boot::Via;
use crate::boot::entry::{Boot, Entry};

fn linux(kernel: &str, initrds: &[&str], cmdline: &str) -> Boot {
    let initrds = initrds.iter().map(|name| (*name).into()).collect();
    Boot::Linux { kernel: kernel.into(), initrds, cmdline: cmdline.to_owned() }
}

fn entry(id: &str, title: &str, boot: Boot) -> Entry {
    let boots = BTreeMap::from([(Bios, boot.clone()), (EfiX64, boot.clone())]);
    Entry { id: id.to_owned(), title: title.to_owned(), file: boot.first_file().clone(), boots }
}

fn entries() -> Vec<Entry> {
    vec![
        entry("fedora", "Fedora", linux("fedora/vmlinuz", &["fedora/initrd.img"], "inst.repo={url}/fedora")),
        entry("memtest86+", "Memtest86+ v6.10", linux("memtest86+x64.bin", &[], "")),
    ]
}

fn page(entries: &[Entry], platform: Platform, start: Start) -> Page<'_> {
    let entries = entries.iter().map(|entry| (entry, &entry.boots[&platform])).collect();
    Page { platform, entries, start, server: [10, 0, 0, 1].into(), http_port: 8067 }
}

fn menu() -> Start {
    Start::Menu { default: "memtest86+".to_owned(), timeout: Duration::from_secs(10) }
}

#[test]
fn ipxe_has_a_menu_with_a_default_and_comes_back_to_it() {
    let expected = include_str!("golden/bios.ipxe");
    assert_eq!(ipxe::script(&page(&entries(), Bios, menu()), Via::Http), expected);
}

#[test]
fn ipxe_on_uefi_names_the_initrd_to_the_kernel() {
    let script = ipxe::script(&page(&entries(), EfiX64, menu()), Via::Http);
    let kernel = "kernel ${base}fedora/vmlinuz initrd=initrd0 inst.repo=http://10.0.0.1:8067/fedora || goto failed\n\
                  initrd --name initrd0 ${base}fedora/initrd.img || goto failed\n";
    assert!(script.contains(kernel), "{script}");
}

#[test]
fn ipxe_that_came_by_tftp_goes_on_by_tftp_and_is_shown_no_disc() {
    let entries = [entry("disc", "Disc", Boot::Iso("disc.iso".into())), entries().remove(1)];
    let script = |via| ipxe::script(&page(&entries, Bios, menu()), via);
    assert!(script(Via::Http).contains("set base http://10.0.0.1:8067/\n") && script(Via::Http).contains("disc.iso"));
    assert!(script(Via::Tftp).contains("set base tftp://10.0.0.1/\n") && !script(Via::Tftp).contains("disc.iso"));
}

#[test]
fn a_chosen_entry_is_booted_before_any_menu_is_shown() {
    let start = || Start::Entry("fedora".to_owned());
    let entries = entries();
    let script = ipxe::script(&page(&entries, Bios, start()), Via::Http);
    let (before, _) = script.split_once(":menu").unwrap();
    assert!(before.ends_with("goto boot-fedora\n\n"), "{script}");
    let config = syslinux::config(&page(&entries, Bios, start()), syslinux::Style::Menu);
    assert!(config.contains("DEFAULT fedora\nPROMPT 0\n") && !config.contains("menu.c32"), "{config}");
    let config = grub::config(&[page(&entries, EfiX64, start())]);
    assert!(config.contains("set default='fedora'\nset timeout=0\n"), "{config}");
}

#[test]
fn the_local_disk_is_left_to_the_firmware_as_it_wants_it() {
    let local = |platform| {
        let script = ipxe::script(&page(&entries(), platform, Start::Entry("local".to_owned())), Via::Http);
        let (_, local) = script.split_once("\n:boot-local\n").expect("the entry that every menu has");
        local.lines().next().unwrap().to_owned()
    };
    assert_eq!(local(Bios), "sanboot --no-describe --drive 0x80 || exit 1");
    assert_eq!(local(EfiX64), "exit 1");
}

#[test]
fn a_menu_without_timeout_waits_for_ever() {
    let start = Start::Menu { default: "fedora".to_owned(), timeout: Duration::ZERO };
    let entries = entries();
    assert!(!ipxe::script(&page(&entries, Bios, start.clone()), Via::Http).contains("--timeout 0"));
    assert!(syslinux::config(&page(&entries, Bios, start.clone()), syslinux::Style::Menu).contains("TIMEOUT 0\n"));
    assert!(grub::config(&[page(&entries, EfiX64, start)]).contains("set timeout=-1\n"));
}

#[test]
fn pxelinux_has_a_menu_if_it_has_the_module_for_it_and_else_a_prompt() {
    let entries = entries();
    let config = |style| syslinux::config(&page(&entries, Bios, menu()), style);
    assert_eq!(config(syslinux::Style::Menu), include_str!("golden/menu.syslinux"));
    assert_eq!(config(syslinux::Style::Prompt), include_str!("golden/prompt.syslinux"));
}

#[test]
fn grub_has_a_menu_of_its_own_processor() {
    assert_eq!(grub::config(&[page(&entries(), EfiX64, menu())]), include_str!("golden/x86_64.grub"));
}

/// Names that would add something to a menu if they were written as they are.
const HOSTILE: [&str; 8] = ["a b", "a || shell", "a;shell", "${net0/mac}", "a#b", "it's'; shell '", "a\"b\\c", "100%"];

#[test]
fn no_file_name_adds_to_ipxes_script() {
    for name in HOSTILE {
        let entries = [entry("x", name, linux(name, &[], ""))];
        let script = ipxe::script(&page(&entries, Bios, menu()), Via::Http);
        let kernel = script.lines().find(|line| line.starts_with("kernel ")).unwrap();
        let (_, uri) = kernel.strip_suffix(" || goto failed").unwrap().split_once(" ${base}").unwrap();
        assert!(uri.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"%.-_/".contains(&byte)), "{kernel}");
        let item = script.lines().find(|line| line.starts_with("item x ")).unwrap();
        assert!(!item.contains(['$', ';', '|', '&', '#', '%']), "{item}");
    }
}

#[test]
fn no_file_name_adds_to_pxelinuxs_menu_and_what_cannot_be_named_is_left_out() {
    for name in ["a b", "a,b", "http://evil/x", "1.2.3.4::x", "a\tb"] {
        assert!(!syslinux::shows(&linux(name, &[], "")), "{name}");
        assert!(!syslinux::shows(&linux("linux", &[name], "")), "{name}");
    }
    assert!(syslinux::shows(&linux("memtest86+x64.bin", &["a/initrd.gz"], "")));
}

#[test]
fn no_file_name_adds_to_grubs_menu() {
    for name in HOSTILE {
        let entries = [entry("x", name, linux(name, &[], ""))];
        let config = grub::config(&[page(&entries, EfiX64, menu())]);
        let line = config.lines().find(|line| line.contains("linux ")).unwrap().trim();
        assert_eq!(unquoted(line.strip_prefix("linux ").unwrap()), format!("/{name}"), "{line}");
    }
}

/// Reads a word in single quotes as a shell does; panics if anything stands outside of them but an escaped quote.
fn unquoted(word: &str) -> String {
    let mut text = String::new();
    let mut chars = word.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => text.extend(chars.by_ref().take_while(|c| *c != '\'')),
            '\\' => text.push(chars.next().filter(|c| *c == '\'').expect("only a quote is escaped")),
            c => panic!("{c} stands outside of the quotes of {word}"),
        }
    }
    text
}

#[test]
fn pxelinux_asks_by_ethernet_address_in_its_own_folder() {
    let mac = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
    assert_eq!(syslinux::asked("pxelinux.cfg/default"), Some(("", None)));
    assert_eq!(syslinux::asked("bios/pxelinux.cfg/01-52-54-00-12-34-56"), Some(("bios/", Some(mac))));
    for other in ["pxelinux.cfg/0A000001", "pxelinux.cfg/06-52-54-00-12-34-56", "xpxelinux.cfg/default", "default"] {
        assert_eq!(syslinux::asked(other), None, "{other}");
    }
}

#[test]
fn ipxe_says_its_platform_in_the_name_that_it_asks_for() {
    assert_eq!(ipxe::dispatched_platform("boot-pcbios-i386.ipxe"), Some(Bios));
    assert_eq!(ipxe::dispatched_platform("boot-efi-x86_64.ipxe"), Some(EfiX64));
    for other in ["boot.ipxe", "boot-efi-vax.ipxe", "boot-.ipxe"] {
        assert_eq!(ipxe::dispatched_platform(other), None, "{other}");
    }
}
