//! What is not served is refused with the right error, and told.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use pxeguard_lab::skip_unless;
use tempfile::TempDir;

use crate::scene::{Scene, write};

const OCTET: &[u8] = b"\0octet\0";
/// RFC 1350 §5.
const NOT_FOUND: u8 = 1;
const ACCESS_VIOLATION: u8 = 2;

/// The code of the ERROR that answers a request, and its text; or the first bytes of what is served.
fn answer(scene: &Scene, opcode: u8, file: &[u8]) -> Result<Vec<u8>, (u8, String)> {
    let request = [&[0, opcode], file, OCTET].concat();
    let (answer, _) = scene.ask(&request).unwrap_or_else(|| panic!("{}: no answer", file.escape_ascii()));
    match answer.as_slice() {
        [0, 3, 0, 1, bytes @ ..] => Ok(bytes.to_vec()),
        [0, 5, 0, code, text @ .., 0] => Err((*code, String::from_utf8(text.to_vec()).unwrap())),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_not_in_the_boot_root_or_not_for_everybody_is_refused() {
    skip_unless!();
    let scene = Scene::new();
    let outside = TempDir::new().unwrap();
    write(&outside.path().join("secret"), b"secret");
    // Nobody vouches for what is in a folder that is its owner's alone.
    fs::set_permissions(outside.path(), fs::Permissions::from_mode(0o700)).unwrap();
    symlink(outside.path().join("secret"), scene.path("link")).unwrap();
    mkfifo(&scene.path("fifo"), Mode::from_bits_truncate(0o644)).unwrap();
    fs::create_dir(scene.path("folder")).unwrap();
    write(&scene.path("private"), b"private");
    fs::set_permissions(scene.path("private"), fs::Permissions::from_mode(0o600)).unwrap();
    write(&scene.path("good"), b"good");
    let _guard = scene.guard();

    let up = format!("../../../../..{}/secret", outside.path().display());
    for (file, code) in [
        (up.as_str(), ACCESS_VIOLATION),
        ("folder/../../good", ACCESS_VIOLATION),
        ("..\\good", ACCESS_VIOLATION),
        ("/etc/passwd", NOT_FOUND),
        ("missing", NOT_FOUND),
        ("link", ACCESS_VIOLATION),
        ("fifo", ACCESS_VIOLATION),
        ("folder", ACCESS_VIOLATION),
        ("private", ACCESS_VIOLATION),
    ] {
        let refused = answer(&scene, 1, file.as_bytes());
        assert_eq!(refused.as_ref().map_err(|(code, _)| *code), Err(code), "{file}: {refused:?}");
    }
    for file in ["good", "/good", "./good", "\\good"] {
        assert_eq!(answer(&scene, 1, file.as_bytes()).unwrap(), b"good", "{file}");
    }
}

#[test]
fn a_request_to_store_a_file_is_refused_and_stores_nothing() {
    skip_unless!();
    let scene = Scene::new();
    scene.add("good", 10);
    let guard = scene.guard();
    let (code, text) = answer(&scene, 2, b"new").unwrap_err();
    assert_eq!((code, text.as_str()), (ACCESS_VIOLATION, "this server is read-only"));
    assert!(!scene.path("new").exists());
    guard.process().wait_line(|line| line.contains("this server is read-only"), Duration::from_secs(20)).unwrap();
}

#[test]
fn netascii_which_would_change_bytes_is_refused() {
    skip_unless!();
    let scene = Scene::new();
    write(&scene.path("menu"), b"one\ntwo\n");
    let _guard = scene.guard();
    let answer = |mode: &str| scene.ask(format!("\0\x01menu\0{mode}\0").as_bytes()).unwrap().0;
    assert_eq!(answer("octet"), b"\0\x03\0\x01one\ntwo\n");
    assert!(answer("NetAscii").starts_with(b"\0\x05\0\0netascii would change boot files"));
}
