//! The frames themselves, tried.

use std::collections::HashSet;
use std::process::Command;

use super::{Message, innocent, mutations};
use crate::skip_unless;

#[test]
fn offer_has_the_bytes_of_the_rfcs() {
    let frame = Message::offer().frame();
    let headers = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0x66, 1, 8, 0, // Ethernet
        0x45, 0, 1, 40, 0x70, 0x78, 0, 0, 64, 17, 0xff, 0x0a, 10, 66, 0, 1, 255, 255, 255, 255, 0, 67, 0, 68, 1,
        20, // UDP, before its checksum
    ];
    assert_eq!(frame[..40], headers);
    let bootp = &frame[42..];
    assert_eq!(bootp[..8], [2, 1, 6, 0, 0x70, 0x78, 0x65, 0x67]);
    assert_eq!(bootp[16..20], [10, 66, 64, 1]);
    assert_eq!(bootp[236..243], [99, 130, 83, 99, 53, 1, 2]);
    assert_eq!(bootp.last(), Some(&255));
}

#[test]
fn names_are_unique() {
    let names = mutations().into_iter().map(|mutation| mutation.name);
    let names: Vec<_> = names.chain(innocent().into_iter().map(|innocent| innocent.name)).collect();
    let unique: HashSet<_> = names.iter().collect();
    assert_eq!(unique.len(), names.len(), "{names:?}");
}

/// Each of them can be sent: 1500 bytes behind an Ethernet header.
#[test]
fn no_frame_is_too_long_for_its_link() {
    let disguised = mutations().into_iter().flat_map(|mutation| mutation.frames);
    for frame in disguised.chain(innocent().into_iter().map(|innocent| innocent.frame)) {
        assert!(frame.len() <= 1514, "{} bytes", frame.len());
    }
}

#[test]
fn tshark_finds_nothing_wrong_with_plain_messages() {
    skip_unless!("tshark");
    let messages = [
        (Message::offer(), "2"),
        (Message::ack(), "5"),
        (Message::nak(), "6"),
        (Message::proxy_offer(), "2"),
        (Message::discover(), "1"),
        (Message::request(), "3"),
        (Message::pxe_discover(), "1"),
    ];
    let capture = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(capture.path(), pcap(messages.iter().map(|(message, _)| message.frame()))).unwrap();
    let output = Command::new("tshark")
        .args(["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE", "-T", "fields"])
        .args(["-E", "separator=,", "-e", "ip.checksum.status", "-e", "udp.checksum.status"])
        .args(["-e", "dhcp.option.dhcp", "-e", "_ws.malformed", "-r"])
        .arg(capture.path())
        .output()
        .unwrap();
    // 1 is "good", and nothing is said to be malformed.
    let expected: String = messages.iter().map(|(_, kind)| format!("1,1,{kind},\n")).collect();
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

/// A capture file of version 2.4, link type Ethernet.
fn pcap(frames: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let header: [u32; 6] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 1 << 18, 1];
    let mut file = header.map(u32::to_le_bytes).concat();
    for frame in frames {
        let length = frame.len() as u32;
        file.extend([0, 0, length, length].map(u32::to_le_bytes).concat());
        file.extend(frame);
    }
    file
}
