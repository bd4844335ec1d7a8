//! The replies that the proxy's own tests compare byte for byte, judged by tshark.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pxeguard_lab::skip_unless;

/// What a decoder says of a packet that is wrong.
const COMPLAINTS: [&str; 4] = ["Malformed", "[Expert Info (Error", "[Expert Info (Warning", "incorrect"];

#[test]
fn tshark_finds_no_fault_in_any_reply() {
    skip_unless!("tshark", "text2pcap");
    let frames = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pxeguard/src/proxy/tests/frames");
    let folder = tempfile::tempdir().unwrap();
    let is_reply = |path: &PathBuf| path.to_string_lossy().ends_with(".reply.hex");
    let replies: Vec<_> = fs::read_dir(frames).unwrap().map(|file| file.unwrap().path()).filter(is_reply).collect();
    assert!(replies.len() >= 10, "{replies:?}");
    for path in replies {
        let frame = fs::read_to_string(&path).unwrap();
        let seen = decoded(&frame, folder.path());
        let name = path.display();
        for complaint in COMPLAINTS {
            assert!(!seen.contains(complaint), "{name}: {complaint}\n{seen}");
        }
        for wanted in ["Option: (53) DHCP Message Type", "Option: (54) DHCP Server Identifier", "Option: (255) End"] {
            assert!(seen.contains(wanted), "{name}: no {wanted}\n{seen}");
        }
        assert!(seen.contains("Your (client) IP address: 0.0.0.0"), "{name}\n{seen}");
    }
}

#[test]
fn tshark_finds_a_fault_where_there_is_one() {
    skip_unless!("tshark", "text2pcap");
    let path = Path::new(env!("CARGO_MANIFEST_DIR"));
    let frame = fs::read_to_string(path.join("../pxeguard/src/proxy/tests/frames/vlan.reply.hex")).unwrap();
    // The file's name is under the checksum.
    let wrong = frame.replace("6970786", "6970787");
    assert_ne!(frame, wrong);
    let folder = tempfile::tempdir().unwrap();
    assert!(decoded(&wrong, folder.path()).contains("incorrect"));
}

/// A frame as tshark shows it, with all its checksums looked at.
fn decoded(hex: &str, folder: &Path) -> String {
    let digits: String = hex.split_whitespace().collect();
    let bytes: Vec<_> = digits.as_bytes().chunks(2).map(|byte| String::from_utf8_lossy(byte)).collect();
    let (text, pcap) = (folder.join("frame.txt"), folder.join("frame.pcap"));
    fs::write(&text, format!("0000 {}\n", bytes.join(" "))).unwrap();
    run(Command::new("text2pcap").args(["-q"]).args([&text, &pcap]));
    let checks = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"];
    let shown = run(Command::new("tshark").args(["-V", "-r"]).arg(&pcap).args(checks));
    String::from_utf8_lossy(&shown.stdout).into_owned()
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
