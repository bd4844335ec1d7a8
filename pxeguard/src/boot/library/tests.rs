//! A folder on disk, what clients are offered of it, and what they are served.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use pxeguard_common::arch::{Arch, Platform, Transport};
use pxeguard_common::net::Mac;
use tempfile::TempDir;

use super::Shelf;
use crate::boot::catalogue::Packages;
use crate::boot::image::samples;
use crate::boot::{
    ArchChoice, AskingProgram, Choices, Client, ClientSettings, FileError, Library, NoOffer, Offers, Root, Settings,
    Term, Via, Visitor,
};
use crate::trust::MacAddress;

const MAC: Mac = [0x52, 0x54, 0, 0, 0, 1];
const OTHER: Mac = [0x52, 0x54, 0, 0, 0, 2];
const IPXE: AskingProgram = AskingProgram::Ipxe { http: true };
const BIOS: Arch = Arch(0);
const X64: Arch = Arch(7);

/// A boot root and a host's packages, and a shelf of them.
struct Host {
    folder: TempDir,
    shelf: Shelf,
}

impl Host {
    fn new(files: &[(&str, Vec<u8>)]) -> Self {
        Self::with(files, Settings::default())
    }

    fn with(files: &[(&str, Vec<u8>)], settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // What is served, everybody may read.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(folder.path().join("root")).unwrap();
        for (name, bytes) in files {
            write(&folder, name, bytes);
        }
        let root = Root::new(&folder.path().join("root"));
        let shelf = Shelf::new(root, settings, Packages::below(&folder.path().join("host")), Choices::default());
        Self { folder, shelf }
    }

    fn offered(&self, arch: Arch, program: AskingProgram) -> Result<String, NoOffer> {
        let client = Client { mac: MAC, arch, transport: Transport::Tftp, program };
        self.shelf.offer(&client).map(|offer| offer.file.to_string())
    }

    fn firmware(&self, arch: Arch) -> String {
        self.offered(arch, AskingProgram::Firmware).unwrap()
    }

    fn text(&self, name: &str) -> Result<String, FileError> {
        self.text_for(name, Some(MAC))
    }

    fn text_for(&self, name: &str, mac: Option<Mac>) -> Result<String, FileError> {
        let visitor = Visitor { ip: [10, 0, 0, 7].into(), mac, server: [10, 0, 0, 1].into(), via: Via::Http };
        let content = self.shelf.open(name.as_bytes(), &visitor)?;
        let mut bytes = vec![0; usize::try_from(content.len).unwrap()];
        content.read_at(&mut bytes, 0).unwrap();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn write(folder: &TempDir, name: &str, bytes: &[u8]) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn memtest_bin() -> (&'static str, Vec<u8>) {
    ("root/memtest.bin", samples::bzimage("Memtest86+ v6.10", true))
}

fn memtest_efi() -> (&'static str, Vec<u8>) {
    ("root/memtest.efi", samples::bzimage_with_stub("Memtest86+ v6.10", Platform::EfiX64))
}

fn undionly() -> (&'static str, Vec<u8>) {
    ("host/usr/lib/ipxe/undionly.kpxe", samples::undionly())
}

fn not_found(result: Result<String, FileError>) -> bool {
    matches!(result, Err(FileError::NotFound))
}

#[test]
fn an_empty_root_offers_nothing_even_where_packages_are_installed() {
    let host = Host::new(&[undionly()]);
    assert_eq!(host.offered(BIOS, AskingProgram::Firmware), Err(NoOffer::NothingFits("bios".to_owned())));
    assert_eq!(host.offered(BIOS, IPXE), Err(NoOffer::NothingFits("bios".to_owned())));
}

#[test]
fn firmware_is_offered_ipxe_and_ipxe_the_script_and_never_itself() {
    let host = Host::new(&[undionly(), memtest_bin()]);
    assert_eq!(host.firmware(BIOS), "packaged/ipxe/undionly.kpxe");
    assert_eq!(host.offered(BIOS, IPXE).unwrap(), "boot.ipxe");
    assert!(host.text("packaged/ipxe/undionly.kpxe").is_ok());
    assert!(host.text("boot.ipxe").unwrap().contains("memtest.bin"));
}

#[test]
fn a_file_that_appears_is_offered_and_one_that_goes_is_not() {
    let host = Host::new(&[]);
    let generation = host.shelf.generation();
    let (name, bytes) = memtest_efi();
    write(&host.folder, name, &bytes);
    host.shelf.rescan();
    assert_eq!(host.firmware(X64), "memtest.efi");
    assert_ne!(host.shelf.generation(), generation);
    assert!(host.offered(BIOS, AskingProgram::Firmware).is_err(), "it is for one architecture only");
    fs::remove_file(host.folder.path().join(name)).unwrap();
    host.shelf.rescan();
    assert!(host.offered(X64, AskingProgram::Firmware).is_err());
}

#[test]
fn a_file_whose_bytes_changed_is_looked_into_again() {
    let host = Host::new(&[("root/a.efi", samples::efi(Platform::EfiArm64, ""))]);
    assert!(host.offered(X64, AskingProgram::Firmware).is_err());
    write(&host.folder, "root/a.efi", &samples::efi(Platform::EfiX64, "longer"));
    host.shelf.rescan();
    assert_eq!(host.firmware(X64), "a.efi");
}

#[test]
fn what_the_operator_names_is_offered_if_it_fits_and_else_told() {
    let mut settings = Settings::default();
    let mut name = |arch, file: &str| settings.programs.insert(arch, file.to_owned());
    name(ArchChoice::Platform(Platform::Bios), "memtest.efi");
    name(ArchChoice::Platform(Platform::EfiX64), "/other.efi");
    name(ArchChoice::Platform(Platform::EfiArm64), "missing.efi");
    name(ArchChoice::Number(Arch(0x29)), "raspberry.bin");
    let other = ("root/other.efi", samples::efi(Platform::EfiX64, ""));
    let host = Host::with(&[memtest_efi(), other, ("root/raspberry.bin", vec![1])], settings);
    assert_eq!(host.firmware(X64), "other.efi");
    assert_eq!(host.offered(X64, IPXE).unwrap(), "other.efi", "iPXE, too, where another program is named");
    assert_eq!(host.firmware(Arch(0x29)), "raspberry.bin", "of this one only the operator knows what fits");
    let why = |arch| host.offered(arch, AskingProgram::Firmware).unwrap_err().to_string();
    assert_eq!(why(BIOS), "memtest.efi: it is a kernel for efi-x64, and no boot program for bios");
    assert_eq!(why(Arch(11)), "missing.efi: it is not below the boot root");
    assert_eq!(host.shelf.list().warnings.len(), 2, "what is told to clients, the operator is told, too");
}

#[test]
fn a_clients_own_program_comes_before_that_of_its_architecture() {
    let mut settings = Settings::default();
    settings.programs.insert(ArchChoice::Platform(Platform::EfiX64), "memtest.efi".to_owned());
    let own = ClientSettings { program: Some("own.efi".to_owned()), ..ClientSettings::default() };
    settings.clients.insert(MacAddress(MAC), own);
    let host = Host::with(&[memtest_efi(), ("root/own.efi", samples::efi(Platform::EfiX64, ""))], settings);
    assert_eq!(host.firmware(X64), "own.efi");
    let other = Client { mac: OTHER, arch: X64, transport: Transport::Tftp, program: AskingProgram::Firmware };
    assert_eq!(&*host.shelf.offer(&other).unwrap().file, "memtest.efi");
}

#[test]
fn an_ipxe_in_rom_is_given_ours_once_and_then_the_script() {
    let settings = Settings { chain_ipxe: true, ..Settings::default() };
    let host = Host::with(&[undionly(), memtest_bin()], settings);
    assert_eq!(host.offered(BIOS, IPXE).unwrap(), "packaged/ipxe/undionly.kpxe");
    host.shelf.note_fetched(MAC, "packaged/ipxe/undionly.kpxe", Instant::now());
    assert_eq!(host.offered(BIOS, IPXE).unwrap(), "boot.ipxe", "it would load itself for ever");
    let long_ago = Instant::now().checked_sub(Duration::from_secs(121)).expect("this machine has been up for longer");
    host.shelf.note_fetched(MAC, "packaged/ipxe/undionly.kpxe", long_ago);
    assert_eq!(host.offered(BIOS, IPXE).unwrap(), "packaged/ipxe/undionly.kpxe", "the machine was started again");
}

#[test]
fn an_ipxe_that_has_nothing_to_show_gets_the_best_other_program() {
    let pxelinux = ("root/pxelinux.0", samples::pxelinux("4.05"));
    let host = Host::new(&[pxelinux, ("root/pxelinux.cfg/default", b"DEFAULT x".to_vec())]);
    assert_eq!(host.offered(BIOS, IPXE).unwrap(), "pxelinux.0");
}

#[test]
fn firmware_that_boots_by_http_gets_a_disc_where_there_is_no_program() {
    let host = Host::new(&[("root/disc.iso", samples::iso("DISC", &[0xef]))]);
    let client = Client { mac: MAC, arch: Arch(16), transport: Transport::Http, program: AskingProgram::Firmware };
    assert_eq!(&*host.shelf.offer(&client).unwrap().file, "disc.iso");
    assert!(host.offered(X64, AskingProgram::Firmware).is_err(), "not by TFTP");
}

#[test]
fn the_next_boot_is_over_when_the_client_has_the_kernel() {
    let host = Host::new(&[undionly(), memtest_bin(), ("root/a.0", vec![0xfa; 600])]);
    host.firmware(BIOS);
    host.shelf.choose(MAC, "memtest86+", Term::Next).unwrap();
    let boots_it = |host: &Host| host.text("boot.ipxe").unwrap().contains("goto boot-memtest86+\n\n:menu");
    assert!(boots_it(&host) && boots_it(&host), "asking for the script is not booting");
    for other in ["packaged/ipxe/undionly.kpxe", "boot.ipxe", "a.0"] {
        assert!(!host.shelf.note_fetched(MAC, other, Instant::now()), "{other}");
    }
    assert!(!host.shelf.note_fetched(OTHER, "memtest.bin", Instant::now()), "another client");
    assert!(boots_it(&host));
    assert!(host.shelf.note_fetched(MAC, "memtest.bin", Instant::now()));
    assert!(!boots_it(&host));
    assert_eq!(host.shelf.choices(), Choices::default());
}

#[test]
fn the_next_boot_from_the_local_disk_is_over_with_the_menu() {
    let host = Host::new(&[undionly(), memtest_bin()]);
    host.shelf.choose(MAC, "local", Term::Next).unwrap();
    assert!(!host.shelf.note_fetched(MAC, "packaged/ipxe/undionly.kpxe", Instant::now()));
    assert!(host.shelf.note_fetched(MAC, "boot.ipxe", Instant::now()));
}

#[test]
fn only_an_entry_that_is_there_can_be_chosen_and_one_that_went_is_told() {
    let host = Host::new(&[memtest_bin()]);
    assert!(host.shelf.choose(MAC, "memtest", Term::Always).is_err());
    host.shelf.choose(MAC, "memtest86+", Term::Always).unwrap();
    let notes = || host.shelf.list().clients.into_iter().map(|choice| choice.note).collect::<Vec<_>>();
    assert_eq!(notes(), [None]);
    fs::remove_file(host.folder.path().join("root/memtest.bin")).unwrap();
    host.shelf.rescan();
    assert_eq!(notes(), [Some("there is no such entry".to_owned())]);
    assert!(host.shelf.unchoose(MAC) && !host.shelf.unchoose(MAC));
}

#[test]
fn the_script_is_for_the_platform_that_the_client_said_and_asks_where_it_said_none() {
    let host = Host::new(&[memtest_bin(), memtest_efi()]);
    assert!(host.text("boot.ipxe").unwrap().contains("chain --autofree boot-${platform}-${buildarch}.ipxe"));
    host.offered(X64, IPXE).unwrap();
    assert!(host.text("boot.ipxe").unwrap().contains("memtest.efi"));
    assert!(host.text_for("boot-pcbios-i386.ipxe", None).unwrap().contains("memtest.bin"));
}

#[test]
fn what_the_operator_wrote_wins_over_what_is_generated_or_packaged() {
    let host = Host::new(&[
        undionly(),
        memtest_bin(),
        ("root/boot.ipxe", b"#!ipxe\nshell".to_vec()),
        ("root/packaged/ipxe/undionly.kpxe", b"mine".to_vec()),
        ("root/pxelinux.0", samples::pxelinux("4.05")),
        ("root/pxelinux.cfg/default", b"mine".to_vec()),
    ]);
    assert_eq!(host.text("boot.ipxe").unwrap(), "#!ipxe\nshell");
    assert_eq!(host.text("packaged/ipxe/undionly.kpxe").unwrap(), "mine");
    assert_eq!(host.text("/pxelinux.cfg/default").unwrap(), "mine");
    let by_mac = || host.text("pxelinux.cfg/01-52-54-00-00-00-01");
    assert!(not_found(by_mac()), "pxelinux goes on to the operator's own");
    host.shelf.choose(MAC, "memtest86+", Term::Next).unwrap();
    assert!(by_mac().unwrap().contains("DEFAULT memtest86+"), "but not for whom something was chosen");
}

#[test]
fn each_loader_finds_its_menu_where_it_looks() {
    let host = Host::new(&[
        memtest_bin(),
        memtest_efi(),
        ("root/bios/pxelinux.0", samples::pxelinux("6.04")),
        ("root/bios/ldlinux.c32", vec![1]),
        ("root/bios/menu.c32", vec![1]),
        ("root/grubx64.efi", samples::grub(Platform::EfiX64)),
    ]);
    assert!(host.text("bios/pxelinux.cfg/default").unwrap().contains("PROMPT 1"), "menu.c32 lacks its library");
    write(&host.folder, "root/bios/libutil.c32", &[1]);
    host.shelf.rescan();
    assert!(host.text("bios/pxelinux.cfg/default").unwrap().contains("DEFAULT menu.c32"));
    assert!(host.text("grub/grub.cfg").unwrap().contains("/memtest.efi"));
    assert!(host.text("debian-installer/amd64/grub/grub.cfg").unwrap().contains("/memtest.efi"));
    for other in ["pxelinux.cfg/default", "grub/x86_64-efi/grub.cfg", "bios/pxelinux.cfg/0A000001", "nothing"] {
        assert!(not_found(host.text(other)), "{other}");
    }
}

#[test]
fn modules_of_packages_lie_where_their_loader_looks() {
    let host = Host::new(&[
        memtest_bin(),
        ("host/usr/lib/PXELINUX/pxelinux.0", samples::pxelinux("6.04")),
        ("host/usr/lib/syslinux/modules/bios/ldlinux.c32", vec![1]),
        ("host/usr/lib/syslinux/modules/bios/menu.c32", vec![1]),
        ("host/usr/lib/syslinux/modules/bios/libutil.c32", vec![1]),
    ]);
    assert_eq!(host.firmware(BIOS), "packaged/pxelinux/pxelinux.0");
    assert!(host.text("packaged/pxelinux/ldlinux.c32").is_ok());
    assert!(host.text("packaged/pxelinux/pxelinux.cfg/default").unwrap().contains("DEFAULT menu.c32"));
}

#[test]
fn what_is_listed_says_what_is_offered_and_why_not() {
    let host = Host::new(&[undionly(), memtest_bin(), ("root/pxelinux.0", samples::pxelinux("6.04"))]);
    let list = host.shelf.list();
    assert_eq!(list.entries[0].platforms, ["bios"]);
    let shown = |file: &str| list.programs.iter().find(|program| program.file == file).unwrap();
    assert!(shown("packaged/ipxe/undionly.kpxe").is_offered);
    assert_eq!(shown("pxelinux.0").unusable.as_deref(), Some("ldlinux.c32 has to lie beside it"));
    assert_eq!(list.warnings, ["pxelinux.0: not offered: ldlinux.c32 has to lie beside it"]);
}
