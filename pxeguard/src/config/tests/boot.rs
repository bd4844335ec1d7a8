//! The section `[boot]`, and its flags.

use std::time::Duration;

use pxeguard_common::arch::{Arch, Platform};

use super::*;
use crate::boot::{ArchChoice, ClientSettings, DEFAULT_ROOT};
use crate::proxy::Strategy;

const IFACE: &str = "iface = \"vmbr0\"\n";

fn load(boot: &str, change: impl FnOnce(&mut RunArgs)) -> Result<Option<Settings>, ConfigError> {
    let file = file(&format!("{IFACE}{boot}"));
    let mut args = flags(&file);
    change(&mut args);
    Config::load(args).map(|config| config.boot)
}

fn settings(boot: &str) -> Settings {
    load(boot, |_| {}).unwrap().expect("something is to be booted")
}

#[test]
fn every_key_is_read() {
    let settings = settings(
        r#"
        [boot]
        enabled = true
        root = "/srv/boot"
        http_port = 8080
        networks = ["10.9.0.0/16", "192.0.2.7/32"]
        timeout = 0
        default = "memtest86+"
        chain_ipxe = true
        fast_path = false
        max_transfers = 100
        max_transfers_per_client = 100
        [boot.programs]
        bios = "undionly.kpxe"
        0x10 = "/efi/ipxe.efi"
        [boot.strategy]
        bios = "menu"
        [boot.clients."52-54-00-12-34-56"]
        entry = "debian"
        program = "pxelinux.0"
        strategy = "binl"
        "#,
    );
    let client = ClientSettings {
        entry: Some("debian".to_owned()),
        program: Some("pxelinux.0".to_owned()),
        strategy: Some(Strategy::Binl),
    };
    let expected = Settings {
        root: "/srv/boot".into(),
        is_root_named: true,
        http_port: 8080,
        networks: vec!["10.9.0.0/16".parse().unwrap(), "192.0.2.7/32".parse().unwrap()],
        programs: [
            (ArchChoice::Platform(Platform::Bios), "undionly.kpxe".to_owned()),
            (ArchChoice::Number(Arch(16)), "efi/ipxe.efi".to_owned()),
        ]
        .into(),
        strategies: [(Platform::Bios, Strategy::Menu)].into(),
        clients: [("52:54:00:12:34:56".parse().unwrap(), client)].into(),
        timeout: Duration::ZERO,
        default: Some("memtest86+".to_owned()),
        chain_ipxe: true,
        fast_path: false,
        transfers: (100, 100),
    };
    assert_eq!(settings, expected);
}

#[test]
fn a_mistake_is_told_with_its_line() {
    let platforms = "bios, efi-ia32, efi-x64, efi-arm32, efi-arm64, efi-riscv32, efi-riscv64, efi-loongarch64";
    let cases = [
        ("boot = 1", "2:8: ".to_owned()),
        ("[boot]\nroots = 1", "3:1: unknown key \"roots\", expected one of \"enabled\", \"root\",".to_owned()),
        ("[boot]\nenabled = 1", "3:11: invalid type: integer \"1\", expected a boolean".to_owned()),
        ("[boot]\nroot = \"\"", "3:8: the name of the boot root is missing".to_owned()),
        ("[boot]\nhttp_port = 0", "3:13: 0 is not a port from 1 to 65535".to_owned()),
        ("[boot]\nhttp_port = 65536", "3:13: 65536 is not a port from 1 to 65535".to_owned()),
        ("[boot]\nhttp_port = \"80\"", "3:13: invalid type: string \"80\", expected i64".to_owned()),
        ("[boot]\nnetworks = \"10.9.0.0\"", "3:12: \"10.9.0.0\" is not an IPv4 network like 10.9.0.0/16".to_owned()),
        (
            "[boot]\nnetworks = [\"10.9.0.0/16\",\n\"10.8.0.1/16\"]",
            "4:1: 10.8.0.1/16 is an address in a network, which is 10.8.0.0/16".to_owned(),
        ),
        ("[boot]\nnetworks = [\"fd00::/64\"]", "3:13: \"fd00::/64\" is not an IPv4 network".to_owned()),
        ("[boot]\nnetworks = 10", "3:12: invalid type: integer \"10\", expected a string or a list".to_owned()),
        ("[boot]\ntimeout = -1", "3:11: -1 is not a time in seconds from 0 to 3599".to_owned()),
        ("[boot]\ntimeout = 3600", "3:11: 3600 is not a time in seconds from 0 to 3599".to_owned()),
        ("[boot]\ntimeout = 1.5", "3:11: invalid type: floating point \"1.5\", expected i64".to_owned()),
        ("[boot]\ndefault = \" \"", "3:11: \" \" is not the name of a boot entry".to_owned()),
        ("[boot]\nmax_transfers = 0", "3:17: 0 is not a number of transfers from 1 to 60000".to_owned()),
        (
            "[boot]\nmax_transfers_per_client = 9\nmax_transfers = 8",
            "3:28: 9 is not a number of transfers from 1 to 8".to_owned(),
        ),
        ("[boot.programs]\nx64 = \"a\"", format!("3:1: \"x64\" is no architecture: {platforms}, or a number")),
        ("[boot.programs]\nbios = \"../a\"", "3:8: not the name of a file below the boot root".to_owned()),
        ("[boot.programs]\nbios = 7", "3:8: ".to_owned()),
        ("[boot.programs]\n16 = \"a\"\n0x10 = \"b\"", "4:1: \"0x10\" stands twice in this table".to_owned()),
        ("[boot.programs]\nz = \"a\"\na = \"b\"", "3:1: \"z\" is no architecture".to_owned()),
        ("[boot.strategy]\n16 = \"menu\"", format!("3:1: \"16\" is no platform: {platforms}")),
        (
            "[boot.strategy]\nbios = \"pxe\"",
            "3:8: unknown value \"pxe\", expected one of \"direct\", \"binl\", \"menu\"".to_owned(),
        ),
        (
            "[boot.clients.debian]\nentry = \"a\"",
            "2:15: \"debian\" is not a MAC address like 52:54:00:12:34:56".to_owned(),
        ),
        ("[boot.clients.\"01:00:5e:00:00:01\"]", "2:15: 01:00:5e:00:00:01 is no client's MAC address".to_owned()),
        ("[boot.clients.\"52:54:00:12:34:56\"]\nfile = \"a\"", "3:1: unknown key \"file\", expected".to_owned()),
        (
            "[boot.clients.\"52:54:00:12:34:56\"]\n[boot.clients.\"52-54-00-12-34-56\"]",
            "3:15: \"52-54-00-12-34-56\" stands twice in this table".to_owned(),
        ),
    ];
    for (text, expected) in cases {
        let told = mistake(&format!("{IFACE}{text}\n"));
        assert!(told.starts_with(&expected), "{text}\n{told}");
        assert!(!told.contains('\n'), "{told}");
    }
}

#[test]
fn flags_win_over_the_file() {
    let file = "[boot]\nroot = \"/srv/boot\"\ntimeout = 5\n[boot.programs]\nbios = \"a\"\nefi-x64 = \"b\"\n";
    let settings = load(file, |flags| {
        flags.boot_root = Some("/srv/other".into());
        flags.boot = vec!["bios=c".parse().unwrap()];
    });
    let settings = settings.unwrap().unwrap();
    assert_eq!((settings.root.as_path(), settings.timeout), (Path::new("/srv/other"), Duration::from_secs(5)));
    let programs: Vec<_> = settings.programs.values().map(String::as_str).collect();
    assert_eq!(programs, ["c", "b"]);
}

#[test]
fn one_architecture_has_one_program() {
    let two = load("", |flags| flags.boot = vec!["bios=a".parse().unwrap(), "bios=b".parse().unwrap()]);
    assert_eq!(two.unwrap_err().to_string(), "--boot names two programs for bios");
}

#[test]
fn nothing_is_booted_where_it_is_said_so() {
    let file = "[boot]\nroot = \"/srv/boot\"\n";
    assert!(load(file, |_| {}).unwrap().is_some());
    assert_eq!(load(file, |flags| flags.no_boot = true).unwrap(), None);
    assert_eq!(load(&format!("{file}enabled = false"), |_| {}).unwrap(), None);
    let flag = |flags: &mut RunArgs| flags.boot_root = Some("/srv/boot".into());
    assert!(load(&format!("{file}enabled = false"), flag).unwrap().is_some());
}

#[test]
fn nothing_is_booted_where_nobody_says_anything_of_it_and_there_is_no_boot_root() {
    let is_there = Path::new(DEFAULT_ROOT).exists();
    for silence in ["", "[boot]\n", "[boot]\n[boot.programs]\n"] {
        assert_eq!(load(silence, |_| {}).unwrap().is_some(), is_there, "{silence}");
    }
    let settings = settings("[boot]\ntimeout = 5\n");
    assert_eq!((settings.root.as_path(), settings.is_root_named), (Path::new(DEFAULT_ROOT), false));
}

#[test]
fn reloading_changes_what_it_can_and_tells_what_it_cannot() {
    let file = file(&format!("{IFACE}[boot]\nroot = \"/srv/boot\"\n"));
    let config = Config::load(flags(&file)).unwrap();
    let old = config.boot.clone().unwrap();
    let changed = "[boot]\nroot = \"/srv/other\"\nhttp_port = 1\nmax_transfers = 1\ntimeout = 5\nchain_ipxe = true\n\
        default = \"a\"\nnetworks = \"10.9.0.0/16\"\n[boot.programs]\nbios = \"a\"\n";
    fs::write(&file, format!("{IFACE}{changed}")).unwrap();
    let (new, needs_restart) = config.reload().unwrap();
    let names = ["boot.root", "boot.http_port", "boot.max_transfers"];
    assert_eq!(needs_restart, names.map(NeedsRestart));
    let expected = Settings {
        networks: vec!["10.9.0.0/16".parse().unwrap()],
        timeout: Duration::from_secs(5),
        chain_ipxe: true,
        default: Some("a".to_owned()),
        programs: [(ArchChoice::Platform(Platform::Bios), "a".to_owned())].into(),
        ..old
    };
    assert_eq!(new.boot, Some(expected));
}

#[test]
fn booting_begins_and_ends_with_the_process() {
    let (with, without) =
        (format!("{IFACE}[boot]\nroot = \"/srv/boot\"\n"), format!("{IFACE}[boot]\nenabled = false\n"));
    for (before, after) in [(&with, &without), (&without, &with)] {
        let file = file(before);
        let config = Config::load(flags(&file)).unwrap();
        fs::write(&file, after).unwrap();
        let (new, needs_restart) = config.reload().unwrap();
        assert_eq!((new.boot, needs_restart), (config.boot, vec![NeedsRestart("boot.enabled")]));
    }
}
