//! Configuration files with mistakes: `file:line:column: what is wrong`.

use nix::sys::signal::Signal;
use pxeguard_lab::{Lab, skip_unless};

use crate::SOON;
use crate::ended::{Ended, assert_nothing_attached, guard};

const DEFAULT: &str = "/etc/pxeguard/pxeguard.toml";

/// A file, the place of the mistake in it, and words of the answer.
const WRONG: &[(&str, &str, &[&str])] = &[
    ("iface = \"vmbr0\"\ntrusts = []\n", ":2:1: ", &["unknown key", "trusts", "trust_port"]),
    ("iface = \"vmbr0\"\nmode = 1\n", ":2:8: ", &["wanted a string"]),
    ("iface = \"vmbr0\"\nmode = \"drop\"\n", ":2:8: ", &["drop", "observe", "enforce"]),
    ("iface = 7\n", ":1:9: ", &["7", "string"]),
    ("iface = \"vmbr0\"\n\nlisten = \"localhost\"\n", ":3:10: ", &["address"]),
    ("iface = [\"vmbr0\"\nmode = \"observe\"\n", ":2:", &["array"]),
    ("iface = \"vmbr0\"\niface = \"vmbr1\"\n", ":2:1: ", &["duplicate key"]),
    (
        "# a comment\ntrust = [\n  \"52:54:00:12:34:56\",\n  \"52:54:00:12:34\",\n]\n",
        ":4:3: ",
        &["52:54:00:12:34", "MAC"],
    ),
    ("trust_port = \"eno1,vlan=5000\"\n", ":1:14: ", &["5000", "VLAN", "1 to 4094"]),
    ("[boot]\nroots = \"/srv\"\n", ":2:1: ", &["unknown key", "roots", "root"]),
    ("[boot]\ntimeout = \"10s\"\n", ":2:11: ", &["10s"]),
    ("[boot]\ntimeout = 100000\n", ":2:11: ", &["100000", "seconds", "0 to 3599"]),
    ("[boot]\nhttp_port = 0\n", ":2:13: ", &["port", "1 to 65535"]),
    ("[boot]\nnetworks = [\"10.9.0.0/33\"]\n", ":2:13: ", &["10.9.0.0/33", "IPv4 network"]),
    ("[boot]\nmax_transfers = 0\n", ":2:17: ", &["transfers", "1 to"]),
    ("[boot.programs]\nx64 = \"a\"\n", ":2:1: ", &["x64", "efi-x64", "option 93"]),
    ("[boot.programs]\nbios = \"../a\"\n", ":2:8: ", &["below the boot root"]),
    ("[boot.strategy]\nbios = \"pxe\"\n", ":2:8: ", &["pxe", "direct", "binl", "menu"]),
    ("[boot.clients.\"52:54:00:12:34\"]\nentry = \"a\"\n", ":1:15: ", &["52:54:00:12:34", "MAC"]),
    ("iface = \"vmbr0\"\ntrust = \"52:54:00:12:34:56,ipv6\"\n", ":2:9: ", &["ipv6"]),
];

#[test]
fn mistake_in_the_file_is_told_with_its_place() {
    skip_unless!("bpftool");
    let lab = Lab::new().unwrap();
    let host = lab.hypervisor();
    for (text, place, words) in WRONG {
        host.write(DEFAULT, text).unwrap();
        let ended = Ended::of(host, "run --iface vmbr0");
        ended.failed(&[&[format!("{DEFAULT}{place}").as_str()], *words].concat());
    }
    assert_nothing_attached(host);
}

#[test]
fn file_that_is_named_has_to_be_there_and_the_default_one_need_not() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let host = lab.hypervisor();
    let missing = "run --iface vmbr0 --config /etc/missing.toml";
    Ended::of(host, missing).failed(&["cannot read the configuration file /etc/missing.toml", "No such file"]);
    Ended::of(host, "run --iface vmbr0 --config /etc").failed(&["/etc", "directory"]);
    host.write("/etc/binary.toml", [0xff, 0xfe, 0]).unwrap();
    Ended::of(host, "run --iface vmbr0 --config /etc/binary.toml").failed(&["/etc/binary.toml", "UTF-8"]);
    guard(&lab, "--iface vmbr0");
}

#[test]
fn mistake_made_while_the_guard_runs_changes_nothing() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let _guest = lab.attach("guest").unwrap();
    let host = lab.hypervisor();
    host.write(DEFAULT, "iface = \"vmbr0\"\ntrust_port = \"p-guest\"\n").unwrap();
    let guard = guard(&lab, "--hook auto");
    let before = (guard.json("trust list").unwrap(), guard.json("ports").unwrap());
    assert_eq!(guard.json("status").unwrap()["mode"], "enforce");
    host.write(DEFAULT, "iface = \"vmbr0\"\ntrust_prot = \"p-guest\"\n").unwrap();
    guard.process().signal(Signal::SIGHUP).unwrap();
    let told = |line: &str| line.contains("old one stays in force") && line.contains("pxeguard.toml:2:1: unknown key");
    guard.process().wait_line(told, SOON).unwrap();
    assert_eq!((guard.json("trust list").unwrap(), guard.json("ports").unwrap()), before);
    // The daemon does read it again: put right, it counts.
    host.write(DEFAULT, "iface = \"vmbr0\"\ntrust_port = \"p-guest\"\nmode = \"observe\"\n").unwrap();
    guard.process().signal(Signal::SIGHUP).unwrap();
    guard.process().wait_line(|line| line.contains("configuration reloaded"), SOON).unwrap();
    assert_eq!(guard.json("status").unwrap()["mode"], "observe");
}
