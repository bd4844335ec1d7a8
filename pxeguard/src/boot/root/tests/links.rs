//! Symbolic links, in the root and out of it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::folder::{Folder, denial, is_root, text};
use crate::boot::Root;

const NOT_ROOTS: &str = "a link on the way out of the boot root is not root's";

/// A folder with a boot root in it, and a package's file beside that.
fn scene() -> (Folder, Root) {
    let folder = Folder::new();
    folder.write("root/own", "own");
    folder.write("package/pxelinux.0", "nbp");
    folder.write("package/debian/linux", "kernel");
    let root = Root::new(&folder.path("root"));
    (folder, root)
}

#[test]
fn a_link_that_stays_below_the_root_is_followed_whosever_it_is() {
    let (folder, root) = scene();
    folder.link("root/link", "own");
    folder.write("root/sub/file", "");
    folder.link("root/sub/up", "../own");
    assert_eq!(text(&root.file(b"link").unwrap()), "own");
    assert_eq!(text(&root.file(b"sub/up").unwrap()), "own");
    if is_root() {
        folder.give_away("root/link");
        assert_eq!(text(&root.file(b"link").unwrap()), "own");
    }
}

#[test]
fn a_link_that_leads_out_is_followed_only_if_it_is_roots() {
    if !is_root() {
        return;
    }
    let (folder, root) = scene();
    let package = folder.path("package/pxelinux.0");
    folder.link("root/absolute", package.to_str().unwrap());
    folder.link("root/relative", "../package/pxelinux.0");
    for link in ["absolute", "relative"] {
        let content = root.file(link.as_bytes()).unwrap();
        assert_eq!((text(&content).as_str(), &*content.name), ("nbp", link));
        folder.give_away(&format!("root/{link}"));
        assert_eq!(denial(&root, link), NOT_ROOTS);
    }
}

#[test]
fn an_absolute_link_back_into_the_root_is_one_that_leads_out() {
    if !is_root() {
        return;
    }
    let (folder, root) = scene();
    folder.link("root/link", folder.path("root/own").to_str().unwrap());
    assert_eq!(text(&root.file(b"link").unwrap()), "own");
    folder.give_away("root/link");
    assert_eq!(denial(&root, "link"), NOT_ROOTS);
}

#[test]
fn every_link_on_the_way_out_must_be_roots() {
    if !is_root() {
        return;
    }
    let (folder, root) = scene();
    folder.link("package/latest", "pxelinux.0");
    folder.link("root/link", "../package/latest");
    assert_eq!(text(&root.file(b"link").unwrap()), "nbp");
    folder.give_away("package/latest");
    assert_eq!(denial(&root, "link"), NOT_ROOTS);
}

#[test]
fn a_linked_folder_shows_what_everybody_may_read() {
    if !is_root() {
        return;
    }
    let (folder, root) = scene();
    folder.link("root/debian", "../package/debian");
    assert_eq!(text(&root.file(b"debian/linux").unwrap()), "kernel");
    assert_eq!(text(&root.file(b"/Debian/LINUX").unwrap()), "kernel");
    assert_eq!(denial(&root, "debian/../pxelinux.0"), "its name leads upwards (..)");
    assert_eq!(denial(&root, "debian"), "it is a folder");
    fs::set_permissions(folder.path("package/debian/linux"), Permissions::from_mode(0o600)).unwrap();
    assert_eq!(denial(&root, "debian/linux"), "not everybody may read it: chmod o+r");
}

#[test]
fn a_file_in_a_folder_that_is_closed_to_others_is_not_one_that_everybody_may_read() {
    if !is_root() {
        return;
    }
    let (folder, root) = scene();
    folder.link("root/link", "../package/pxelinux.0");
    assert!(root.file(b"link").is_ok());
    fs::set_permissions(folder.path("package"), Permissions::from_mode(0o750)).unwrap();
    assert_eq!(denial(&root, "link"), "it is outside the boot root, in a folder that is not open to everybody");
}

#[test]
fn links_to_devices_to_nothing_and_in_circles_are_refused() {
    if !is_root() {
        return;
    }
    let (folder, root) = scene();
    for (link, target, why) in [
        ("zero", "/dev/zero", "it is not a regular file"),
        ("magic", "/proc/self/root/etc", "it is a folder"),
        ("nothing", "/nonexistent/file", "no such file"),
        ("circle", "circle", "its symbolic links lead in a circle"),
        ("outer", "../outer", "its symbolic links lead in a circle"),
    ] {
        folder.link(&format!("root/{link}"), target);
        if link == "outer" {
            folder.link("outer", "root/outer");
        }
        assert_eq!(denial(&root, link), why, "{link}");
    }
}
