//! The seeds of the fuzz targets are golden frames.
//!
//! `PXEGUARD_WRITE_CORPUS=1 cargo test -p pxeguard-lab --test evasion corpus` writes them anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use pxeguard_lab::frames::{innocent, mutations};

/// Names of golden frames with which a fuzzer can find the way to all others.
const SEEDS: [&str; 36] = [
    "plain",
    "vlan-q",
    "vlan-ad",
    "vlan-q5",
    "vlan-ad7-q5",
    "vlan-q-x8",
    "vlan-q-x9",
    "snap",
    "snap-f8",
    "snap-length-5ff",
    "vlan-q-then-snap-then-vlan-q",
    "llc-06",
    "oui-extended-snap",
    "jumbo-snap",
    "jumbo-llc-06",
    "to-port-67",
    "to-port-4011",
    "to-port-67-giaddr",
    "to-port-4011-more-fragments",
    "ip-options-40",
    "ip-header-words-4",
    "cut-off-in-ip-header",
    "cut-off-after-udp",
    "cut-off-in-bootp",
    "fragment-offset-0-more",
    "fragment-offset-8",
    "ack",
    "nak",
    "proxy-offer",
    "yiaddr-zero",
    "options-after-31-pads",
    "option-overrun",
    "discover-relayed",
    "discover-vlan-5",
    "boot-server-request-from-4011",
    "fragment-later-tiny",
];

/// Policies of the target `judge`, see there: nobody; a port; a port for PXE; a MAC at a port, and elsewhere; a MAC where
/// it is first seen, and bound elsewhere; a VLAN.
const POLICIES: [(&str, &[u8]); 7] = [
    ("nobody", &[0]),
    ("port", &[1, 0x01]),
    ("port-pxe", &[1, 0x41]),
    ("mac-at-port", &[2, 0x05, 0x84]),
    ("mac-first-seen", &[1, 0xc4]),
    ("mac-bound-elsewhere", &[0x82, 0xc4, 0x41]),
    ("vlan", &[2, 0x11, 0x64]),
];

#[test]
fn seeds_of_the_fuzz_targets_are_golden_frames() {
    let seeds = seeds();
    if env::var_os("PXEGUARD_WRITE_CORPUS").is_some() {
        for (path, bytes) in &seeds {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    for (path, bytes) in seeds {
        let found = fs::read(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        assert!(found == bytes, "{} is not the golden frame; see {}", path.display(), file!());
    }
}

fn seeds() -> BTreeMap<PathBuf, Vec<u8>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let disguised = mutations().into_iter().map(|mutation| (mutation.name, mutation.frames[mutation.telling].clone()));
    let golden: BTreeMap<_, _> =
        disguised.chain(innocent().into_iter().map(|innocent| (innocent.name, innocent.frame))).collect();
    let frame = |name: &str| golden.get(name).unwrap_or_else(|| panic!("{name} is no golden frame"));
    let mut seeds: BTreeMap<_, _> =
        SEEDS.iter().map(|name| (corpus.join("parse").join(name), frame(name).clone())).collect();
    for (policy, bytes) in POLICIES {
        for name in ["plain", "vlan-q5", "proxy-offer", "snap"] {
            seeds.insert(corpus.join("judge").join(format!("{policy}-{name}")), [bytes, frame(name)].concat());
        }
    }
    seeds
}
