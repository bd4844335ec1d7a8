//! What is in the packages.

use std::process::Command;

use pxeguard_lab::{guard, skip_unless};
use pxeguard_package::{Built, Compression};

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn built() -> Built {
    Built { program: guard::program().unwrap(), version: "1.2.3".to_owned() }
}

#[test]
fn the_debian_package_has_all_that_an_administrator_looks_for() {
    skip_unless!("dpkg-deb", "dpkg-shlibdeps", "strip");
    let folder = tempfile::tempdir().unwrap();
    let deb = pxeguard_package::deb(&built(), Compression::Fast, folder.path()).unwrap();
    let listed = said(Command::new("dpkg-deb").arg("--contents").arg(&deb));
    let files: Vec<_> = listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    let find = |path: &str| files.iter().find(|file| file[5] == format!("./{path}"));
    for path in [
        "etc/pxeguard/pxeguard.toml",
        "usr/lib/systemd/system/pxeguard.service",
        "usr/lib/systemd/system/pxeguard-pins.service",
        "usr/lib/sysusers.d/pxeguard.conf",
        "usr/share/bash-completion/completions/pxeguard",
        "usr/share/zsh/vendor-completions/_pxeguard",
        "usr/share/fish/vendor_completions.d/pxeguard.fish",
        "usr/share/man/man1/pxeguard.1.gz",
        "usr/share/man/man1/pxeguard-trust-add.1.gz",
        "usr/share/doc/pxeguard/README.md",
        "usr/share/doc/pxeguard/pxeguard.toml",
        "usr/share/doc/pxeguard/docs/install.md",
        "usr/share/doc/pxeguard/copyright",
        "usr/share/doc/pxeguard/changelog.gz",
    ] {
        let file = find(path).unwrap_or_else(|| panic!("no {path} in\n{listed}"));
        assert_eq!((file[0], file[1]), ("-rw-r--r--", "root/root"), "{path}");
    }
    assert_eq!(find("usr/bin/pxeguard").unwrap()[0], "-rwxr-xr-x");
    let strange = files
        .iter()
        .find(|file| file[1] != "root/root" || !["-rw-r--r--", "-rwxr-xr-x", "drwxr-xr-x"].contains(&file[0]));
    assert_eq!(strange, None);
    let field = |name: &str| said(Command::new("dpkg-deb").arg("--field").arg(&deb).arg(name)).trim().to_owned();
    assert_eq!((field("Package"), field("Version")), ("pxeguard".to_owned(), "1.2.3".to_owned()));
    assert!(field("Depends").contains("libc6 (>= 2."), "{}", field("Depends"));
}

#[test]
fn completions_are_scripts_of_their_shell() {
    skip_unless!("bash");
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("pxeguard");
    std::fs::write(&script, said(Command::new(guard::program().unwrap()).args(["completions", "bash"]))).unwrap();
    let line = format!(
        "source {}; COMP_WORDS=(pxeguard trust a); COMP_CWORD=2; _pxeguard pxeguard a trust; echo \"${{COMPREPLY[@]}}\"",
        script.display()
    );
    assert_eq!(said(Command::new("bash").args(["-c", &line])).trim(), "add");
}

#[test]
fn the_tarball_takes_no_program_that_needs_libraries() {
    skip_unless!("readelf");
    let folder = tempfile::tempdir().unwrap();
    let mut built = built();
    built.program = "/bin/sh".into();
    let refused = pxeguard_package::tarball(&built, "x86_64-linux-musl", folder.path()).unwrap_err();
    assert_eq!(refused.to_string(), "/bin/sh is not static");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
