//! What is not served.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};

use pxeguard_lab::{guard, skip_unless};

use crate::scene::{PORT, SERVER, Scene, curl, status};

#[test]
fn no_name_leads_out_of_the_boot_root() {
    skip_unless!("curl");
    let scene = Scene::new();
    scene.write("root/inside", 10);
    scene.write("secret", 10);
    let _guard = scene.guard();
    for (path, code) in [
        ("/inside", "200"),
        ("/../secret", "403"),
        ("/root/../../secret", "403"),
        ("/%2e%2e/secret", "403"),
        ("/%2e%2e%2fsecret", "403"),
        ("/..%5csecret", "403"),
        ("/inside%00.efi", "403"),
        (&format!("/{}", scene.path("secret").display()), "404"),
        ("/%252e%252e/secret", "404"),
    ] {
        assert_eq!(status(&scene.client, path, &[]).split(' ').next(), Some(code), "{path}");
    }
}

#[test]
fn a_link_out_of_the_boot_root_is_followed_if_it_is_roots_and_everybody_may_read_the_file() {
    skip_unless!("curl");
    let scene = Scene::new();
    scene.write("package/pxelinux.0", 1000);
    scene.write("package/private", 1000);
    fs::set_permissions(scene.path("package/private"), Permissions::from_mode(0o600)).unwrap();
    for (link, target) in [("roots", "pxelinux.0"), ("strangers", "pxelinux.0"), ("private", "private")] {
        symlink(scene.path("package").join(target), scene.path("root").join(link)).unwrap();
    }
    symlink(scene.path("package"), scene.path("root/folder")).unwrap();
    lchown(scene.path("root/strangers"), Some(65_534), None).unwrap();
    let _guard = scene.guard();
    for (path, why) in [
        ("/strangers", "a link on the way out of the boot root is not root's\n"),
        ("/private", "not everybody may read it: chmod o+r\n"),
        ("/folder", "it is a folder\n"),
    ] {
        assert_eq!(curl(&scene.client, path, &[]), why, "{path}");
    }
    for path in ["/roots", "/folder/pxelinux.0"] {
        assert_eq!(status(&scene.client, path, &[]), "200 1000", "{path}");
    }
}

#[test]
fn what_is_no_regular_file_is_refused_at_once_and_other_methods_always() {
    skip_unless!("curl");
    let scene = Scene::new();
    scene.write("root/file", 10);
    let fifo = scene.path("root/fifo");
    scene.client.run(["mkfifo", "-m", "644", fifo.to_str().unwrap()]).unwrap();
    let _guard = scene.guard();
    assert_eq!(curl(&scene.client, "/fifo", &["--max-time", "5"]), "it is not a regular file\n");
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"] {
        let got = curl(&scene.client, "/file", &["-i", "-X", method]);
        assert!(got.starts_with("HTTP/1.1 405 ") && got.contains("\r\nAllow: GET, HEAD\r\n"), "{method}: {got}");
    }
    assert_eq!(status(&scene.client, "/file", &[]), "200 10");
}

#[test]
fn a_port_that_is_taken_ends_the_start_with_its_number() {
    skip_unless!();
    let scene = Scene::new();
    let taken = scene.lab.hypervisor().enter(|| TcpListener::bind((SERVER, PORT))).unwrap().unwrap();
    let run =
        || guard::run_any(scene.lab.hypervisor(), [&["run".to_owned()][..], &scene.arguments()].concat()).unwrap();
    let ran = run().output;
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains("http: port 8067 of 10.77.0.1 is held by "), "{said}");
    drop(taken);
    drop(scene.guard());
}
