//! Who made a network card, by the first three bytes of its address (IEEE's register of MA-L, "OUI").
//!
//! The system's own list is used where there is one, because it is whole and newer.  A short one comes with the program:
//! hypervisors, which give addresses to machines, and makers of the routers that somebody plugs in.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::sync::OnceLock;

use pxeguard_common::net::Mac;

/// Where distributions have the register: Debian's `ieee-data`, `hwdata`, nmap, arp-scan.
const SYSTEM_LISTS: [&str; 8] = [
    "/usr/share/ieee-data/oui.txt",
    "/var/lib/ieee-data/oui.txt",
    "/usr/share/hwdata/oui.txt",
    "/usr/share/misc/oui.txt",
    "/usr/share/nmap/nmap-mac-prefixes",
    "/usr/share/arp-scan/ieee-oui.txt",
    "/etc/arp-scan/ieee-oui.txt",
    "/usr/local/share/ieee-data/oui.txt",
];
/// The whole register has some 5 MB as text.
const LIST_LIMIT_BYTES: u64 = 64 << 20;
/// Longer names tell nobody more.
const NAME_LIMIT: usize = 40;

/// A line for each maker, `NAME: PREFIX PREFIX ...`; from the register as Debian's ieee-data 20220827 has it.
///
/// Two prefixes are not from there: 52:54:00 is registered by nobody, and what QEMU and libvirt give by convention;
/// BC:24:11 was registered by Proxmox later.
const PACKAGED: &str = include_str!("oui/register.txt");

type Prefix = [u8; 3];

/// The maker of what has this address, or `local` where somebody has just chosen the address (IEEE 802, the bit
/// "locally administered"); `None` where no list knows it.
pub fn vendor(mac: Mac) -> Option<Cow<'static, str>> {
    let [a, b, c, ..] = mac;
    let prefix = [a, b, c];
    if let Some(name) = system().get(&prefix) {
        return Some(Cow::Borrowed(name));
    }
    match packaged().get(&prefix) {
        Some(name) => Some(Cow::Borrowed(name)),
        None if a & 2 != 0 => Some(Cow::Borrowed("local")),
        None => None,
    }
}

/// The system's list, read once; empty where there is none.
fn system() -> &'static HashMap<Prefix, String> {
    static LIST: OnceLock<HashMap<Prefix, String>> = OnceLock::new();
    LIST.get_or_init(|| {
        let file = SYSTEM_LISTS.iter().find_map(|path| File::open(path).ok());
        file.map_or_else(HashMap::new, |file| read(BufReader::new(file.take(LIST_LIMIT_BYTES))))
    })
}

/// Reads a list of whichever form; what is no row of one is left out.
fn read(list: impl BufRead) -> HashMap<Prefix, String> {
    list.split(b'\n').map_while(Result::ok).filter_map(|line| row(&String::from_utf8_lossy(&line))).collect()
}

/// `BC-24-11   (hex)  NAME` in IEEE's own form, `BC2411 NAME` in nmap's and arp-scan's.
fn row(line: &str) -> Option<(Prefix, String)> {
    let (digits, rest) = line.split_once(char::is_whitespace)?;
    let prefix = prefix(digits)?;
    let rest = rest.trim();
    // The register has each prefix twice.
    let name = rest.strip_prefix("(hex)").or_else(|| rest.strip_prefix("(base 16)")).unwrap_or(rest).trim();
    let name: String = name.chars().filter(|char| !char.is_control()).take(NAME_LIMIT).collect();
    (!name.is_empty()).then_some((prefix, name))
}

fn prefix(text: &str) -> Option<Prefix> {
    let digits: String = text.chars().filter(|char| !matches!(char, '-' | ':')).collect();
    if digits.len() != 6 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let [_, a, b, c] = u32::from_str_radix(&digits, 16).ok()?.to_be_bytes();
    Some([a, b, c])
}

fn packaged() -> &'static HashMap<Prefix, &'static str> {
    static LIST: OnceLock<HashMap<Prefix, &'static str>> = OnceLock::new();
    LIST.get_or_init(|| {
        let makers = PACKAGED.lines().filter_map(|line| line.split_once(": "));
        makers.flat_map(|(name, all)| all.split(' ').filter_map(move |text| Some((prefix(text)?, name)))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prefix_of_the_packaged_list_is_read_and_has_one_maker() {
        let written = PACKAGED.lines().map(|line| line.split_once(": ").unwrap().1.split(' ').count());
        assert_eq!(packaged().len(), written.sum::<usize>());
    }

    #[test]
    fn hypervisors_are_known_whatever_the_system_has() {
        for (mac, name) in [
            ([0x52, 0x54, 0, 1, 2, 3], "QEMU/KVM"),
            ([0xbc, 0x24, 0x11, 1, 2, 3], "Proxmox"),
            ([0, 0x0c, 0x29, 1, 2, 3], "VMware"),
            ([0, 0x16, 0x3e, 1, 2, 3], "Xen"),
            ([8, 0, 0x27, 1, 2, 3], "VirtualBox"),
        ] {
            let [a, b, c, ..] = mac;
            assert_eq!(packaged().get(&[a, b, c]), Some(&name), "{mac:x?}");
            assert!(vendor(mac).is_some(), "{mac:x?}");
        }
        assert_eq!(vendor([0x02, 0xfe, 0xdc, 1, 2, 3]).as_deref(), Some("local"));
        assert_eq!(vendor([0xfc, 0xff, 0xff, 1, 2, 3]), None);
    }

    #[test]
    fn all_forms_of_the_register_are_read_and_nothing_else() {
        let list = "OUI/MA-L                Organization\n\nBC-24-11   (hex)\t\tProxmox Server Solutions GmbH\r\n\
                    BC2411     (base 16)\t\tProxmox Server Solutions GmbH\r\n\t\t\t\tWien\n# a remark\n\
                    000C29 VMware\n00163e\tXensource\nAABBCCDD Too long\n001122\n";
        let mut rows: Vec<_> = read(list.as_bytes()).into_iter().collect();
        rows.sort();
        let expected = [
            ([0, 0x0c, 0x29], "VMware"),
            ([0, 0x16, 0x3e], "Xensource"),
            ([0xbc, 0x24, 0x11], "Proxmox Server Solutions GmbH"),
        ];
        assert_eq!(rows, expected.map(|(prefix, name)| (prefix, name.to_owned())));
    }
}
