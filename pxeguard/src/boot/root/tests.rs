//! Names, links and permissions against a folder on disk.

mod changes;
mod folder;
mod links;
mod listing;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use folder::{Folder, denial, text};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::{Root, RootError};

#[test]
fn a_root_that_is_missing_or_no_folder_is_told_apart_and_says_what_to_do() {
    let folder = Folder::new();
    let missing = Root::new(&folder.path("nowhere")).check().unwrap_err();
    assert!(matches!(missing, RootError::Missing(_)));
    assert!(missing.to_string().ends_with("nowhere is not there: create it, or name another one with --boot-root"));
    folder.write("file", "");
    assert!(matches!(Root::new(&folder.path("file")).check(), Err(RootError::NotAFolder(_))));
    assert!(Root::new(&folder.path("")).check().is_ok());
}

#[test]
fn a_file_is_found_by_every_way_to_write_its_name() {
    let folder = Folder::new();
    folder.write("grub/x64/grub.cfg", "menu");
    for name in ["grub/x64/grub.cfg", "/grub/x64/grub.cfg", "\\grub\\x64\\grub.cfg", "grub//./x64/grub.cfg"] {
        let content = folder.root().file(name.as_bytes()).unwrap();
        assert_eq!((text(&content).as_str(), content.len, &*content.name), ("menu", 4, "grub/x64/grub.cfg"), "{name}");
    }
}

#[test]
fn what_is_not_there_is_not_found_and_what_leads_out_is_refused() {
    let folder = Folder::new();
    folder.write("root/ok", "");
    folder.write("secret", "");
    let root = Root::new(&folder.path("root"));
    for (name, why) in [
        ("missing", "no such file"),
        ("ok/below", "no such file"),
        ("../secret", "its name leads upwards (..)"),
        ("ok/../../secret", "its name leads upwards (..)"),
        ("..\\secret", "its name leads upwards (..)"),
        ("ok\0", "its name has control characters"),
        ("", "it is a folder"),
    ] {
        assert_eq!(denial(&root, name), why, "{name:?}");
    }
    assert_eq!(
        denial(&root, folder.path("secret").to_str().unwrap()),
        "no such file",
        "absolute names are below the root"
    );
    assert_eq!(denial(&root, &"a".repeat(300)), "no such file");
}

#[test]
fn only_regular_files_that_everybody_may_read_are_served_and_nothing_blocks() {
    let folder = Folder::new();
    mkfifo(&folder.path("fifo"), Mode::from_bits_truncate(0o644)).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path("socket")).unwrap();
    folder.write("folder/file", "");
    folder.write("private", "");
    fs::set_permissions(folder.path("private"), Permissions::from_mode(0o640)).unwrap();
    let root = folder.root();
    assert_eq!(denial(&root, "fifo"), "it is not a regular file");
    assert_eq!(denial(&root, "socket"), "it is not a regular file");
    assert_eq!(denial(&root, "folder"), "it is a folder");
    assert_eq!(denial(&root, "private"), "not everybody may read it: chmod o+r");
    fs::set_permissions(folder.path("private"), Permissions::from_mode(0o644)).unwrap();
    assert!(root.file(b"private").is_ok());
}

#[test]
fn a_name_in_another_case_is_found_if_it_can_only_mean_one_file() {
    let folder = Folder::new();
    folder.write("Boot/BCD", "bcd");
    folder.write("twice/a", "small");
    folder.write("twice/A", "large");
    let root = folder.root();
    let content = root.file(b"\\boot\\bcd").unwrap();
    assert_eq!((&*content.name, text(&content).as_str()), ("Boot/BCD", "bcd"));
    assert_eq!(text(&root.file(b"TWICE/A").unwrap()), "large", "the exact name is taken first");
    assert_eq!(text(&root.file(b"twice/a").unwrap()), "small");
    folder.write("TWICE/x", "");
    assert_eq!(denial(&root, "Twice/a"), "no such file", "two folders can be meant");
}

#[test]
fn a_root_that_is_replaced_is_followed() {
    let folder = Folder::new();
    folder.write("root/file", "old");
    let root = Root::new(&folder.path("root"));
    assert_eq!(text(&root.file(b"file").unwrap()), "old");
    fs::rename(folder.path("root"), folder.path("before")).unwrap();
    assert_eq!(denial(&root, "file"), "no such file");
    folder.write("root/file", "new");
    assert_eq!(text(&root.file(b"file").unwrap()), "new");
}
