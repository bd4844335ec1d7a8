//! Command lines that make no sense: exit code 2, and nothing is attempted.

use pxeguard_lab::{Lab, skip_unless};

use crate::ended::{Ended, assert_nothing_attached};

/// What follows `pxeguard`, and words of the answer.
const WRONG: &[(&str, &[&str])] = &[
    ("run", &["no interface", "--iface", "/etc/pxeguard/pxeguard.toml"]),
    ("run --iface vmbr0 --trust 52:54:00:12:34", &["52:54:00:12:34", "--trust", "MAC"]),
    ("run --iface vmbr0 --trust eno1", &["eno1", "--trust", "MAC"]),
    ("run --iface vmbr0 --trust 01:00:5e:00:00:01", &["01:00:5e:00:00:01", "--trust"]),
    ("run --iface vmbr0 --trust 52:54:00:12:34:56@eno/1", &["eno/1", "slash"]),
    ("run --iface vmbr0 --trust 52:54:00:12:34:56@", &["name", "missing"]),
    ("run --iface vmbr0 --trust 52:54:00:12:34:56,vlan=4095", &["4095", "vlan", "4094"]),
    ("run --iface vmbr0 --trust 52:54:00:12:34:56,vlan=x", &["vlan", "1 to 4094"]),
    ("run --iface vmbr0 --trust 52:54:00:12:34:56,vlan=1,vlan=2", &["vlan"]),
    ("run --iface vmbr0 --trust 52:54:00:12:34:56,dhcp6", &["dhcp6", "pxe"]),
    ("run --iface vmbr0 --trust-port p:1", &["p:1", "--trust-port", "colon"]),
    ("run --iface a-name-that-is-too-long", &["a-name-that-is-too-long", "--iface", "15"]),
    ("run --iface vmbr0 --mode drop", &["drop", "--mode", "enforce"]),
    ("run --iface vmbr0 --hook nfqueue", &["nfqueue", "--hook", "tcx"]),
    ("run --iface vmbr0 --listen 9467", &["9467", "--listen", "ADDR:PORT"]),
    ("run --iface vmbr0 --boot bios", &["bios", "--boot", "ARCH=FILE"]),
    ("run --iface vmbr0 --boot x64=ipxe.efi", &["x64", "--boot", "efi-x64", "option 93"]),
    ("run --iface vmbr0 --boot 65536=ipxe.efi", &["65536", "--boot", "0 to 65535"]),
    ("run --iface vmbr0 --boot bios=", &["--boot", "file's name is missing"]),
    ("run --iface vmbr0 --boot bios=../ipxe.efi", &["../ipxe.efi", "--boot", "below the boot root"]),
    ("run --iface vmbr0 --boot bios=a --boot bios=b", &["--boot", "two programs", "bios"]),
    ("run --iface vmbr0 --boot-root", &["--boot-root", "DIR"]),
    ("run --iface vmbr0 --no-boot --boot-root /srv", &["--no-boot", "--boot-root"]),
    ("run --iface vmbr0 --no-boot --boot bios=a", &["--no-boot", "--boot"]),
    ("boot set 52:54:00:12:34:56", &["ENTRY"]),
    ("boot set memtest86+ 52:54:00:12:34:56", &["memtest86+", "MAC"]),
    ("boot unset ff:ff:ff:ff:ff:ff", &["ff:ff:ff:ff:ff:ff", "MAC"]),
    ("boot set 52:54:00:12:34:56 memtest86+ --twice", &["--twice"]),
    ("run --iface vmbr0 --trusted 52:54:00:12:34:56", &["--trusted"]),
    ("run --iface vmbr0 vmbr1", &["vmbr1"]),
    ("trust add", &["required"]),
    ("trust add 52:54:00:12:34:56 --port eno1", &["--port"]),
    ("trust remove nonsense", &["nonsense", "MAC"]),
    ("server", &["server", "subcommand"]),
    ("detach vmbr0", &["vmbr0"]),
];

#[test]
fn what_makes_no_sense_is_wrong_usage_and_says_which_word() {
    skip_unless!("bpftool");
    let lab = Lab::new().unwrap();
    for (line, words) in WRONG {
        Ended::of(lab.hypervisor(), line).was_wrong_usage(words);
    }
    assert_nothing_attached(lab.hypervisor());
}

#[test]
fn flags_that_ask_for_help_are_no_mistake() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    Ended::of(lab.hypervisor(), "--help").succeeded(&["Exit status: 0 done, 1 failed, 2 wrong usage"]);
    Ended::of(lab.hypervisor(), "run --help").succeeded(&["--trust-port", "pxeguard detach ends it"]);
    Ended::of(lab.hypervisor(), "--version").succeeded(&["pxeguard "]);
}
