//! What is listed.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::folder::{Folder, is_root};
use crate::boot::Root;

fn names(root: &Root) -> Vec<String> {
    root.walk().unwrap().into_iter().map(|found| found.name).collect()
}

#[test]
fn what_is_served_is_listed_and_nothing_else() {
    let folder = Folder::new();
    for name in ["z.efi", "debian/amd64/linux", "private", ".hidden", ".git/config"] {
        folder.write(name, "12345");
    }
    fs::set_permissions(folder.path("private"), Permissions::from_mode(0o600)).unwrap();
    mkfifo(&folder.path("fifo"), Mode::from_bits_truncate(0o644)).unwrap();
    let root = folder.root();
    assert_eq!(names(&root), ["debian/amd64/linux", "z.efi"]);
    let found = root.walk().unwrap().remove(1);
    assert_eq!((found.len, found.modified), (5, root.file(b"z.efi").unwrap().modified));
}

#[test]
fn links_are_listed_by_the_rule_by_which_they_are_served() {
    if !is_root() {
        return;
    }
    let folder = Folder::new();
    folder.write("root/file", "");
    folder.write("package/linux", "");
    folder.write("package/sub/initrd", "");
    folder.link("root/linked", "../package");
    folder.link("root/strangers", "../package");
    folder.give_away("root/strangers");
    folder.link("root/nothing", "nowhere");
    let root = Root::new(&folder.path("root"));
    assert_eq!(names(&root), ["file", "linked/linux", "linked/sub/initrd"]);
}

#[test]
fn links_in_a_circle_end() {
    let folder = Folder::new();
    folder.write("a/b/file", "");
    folder.link("a/b/up", "..");
    folder.link("again", ".");
    assert_eq!(names(&folder.root()), ["a/b/file"]);
}

#[test]
fn very_deep_folders_are_not_listed_but_served() {
    let folder = Folder::new();
    let deep = format!("{}file", "f/".repeat(40));
    folder.write(&deep, "");
    folder.write("near", "");
    assert_eq!(names(&folder.root()), ["near"]);
    assert!(folder.root().file(deep.as_bytes()).is_ok());
}
