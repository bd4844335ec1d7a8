//! The units, as systemd judges them.

use std::process::Command;

use pxeguard_lab::skip_unless;

/// The exposure that `systemd-analyze security` may find at most, in tenths: what is left is the network, by the kinds of
/// socket that the service is there for, five capabilities, and BPF.
const EXPOSURE: &str = "--threshold=25";

fn systemd_analyze(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("systemd-analyze").args(arguments).env("SYSTEMD_COLORS", "0").output().unwrap();
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    (output.status.success(), said.concat())
}

fn unit(name: &str) -> String {
    format!("{}/../packaging/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_services_are_exposed_no_more_than_they_must_be() {
    skip_unless!("systemd-analyze");
    for name in ["pxeguard.service", "pxeguard-pins.service"] {
        let (passed, said) = systemd_analyze(&["security", "--no-pager", "--offline=true", EXPOSURE, &unit(name)]);
        assert!(passed && said.contains("Overall exposure level"), "{said}");
    }
}

#[test]
fn systemd_understands_every_line_of_the_units() {
    skip_unless!("systemd-analyze");
    let (_, said) = systemd_analyze(&["verify", "--man=no", &unit("pxeguard.service"), &unit("pxeguard-pins.service")]);
    let complaints: Vec<_> = said.lines().filter(|line| line.contains("pxeguard")).collect();
    // The program is not installed on the machine that tests.
    let expected = |line: &&str| line.contains("Command /usr/bin/pxeguard is not executable");
    assert!(complaints.iter().all(expected), "{said}");
}
