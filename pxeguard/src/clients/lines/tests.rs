use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use log::Level;
use pxeguard_common::arch::Arch;

use super::super::table::Table;
use super::*;
use crate::clients::{Ending, Step, TransferId};

const IP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const ID: TransferId = TransferId(1);

fn mac(number: u16) -> [u8; 6] {
    let [high, low] = number.to_be_bytes();
    [0x52, 0x54, 0, 0, high, low]
}

fn asked(number: u16, message: &'static str) -> Step {
    // The loopback interface has the number 1 in every network namespace.
    Step::Asked { mac: mac(number), iface: Ifindex(1), vlan: 5, arch: Some(Arch(7)), kind: "PXEClient", message }
}

fn started(id: u64) -> Step {
    Step::Started { id: TransferId(id), ip: IP, via: Via::Tftp, file: "ipxe.efi".into(), len: 1_000_000 }
}

/// The lines that are written, without those for who debugs.
fn lines(table: &mut Table, now: Now, steps: impl IntoIterator<Item = Step>) -> Vec<Line> {
    let who = Some(Who::Mac(mac(1)));
    steps.into_iter().filter_map(|step| table.take(&step, who, now).line).collect()
}

fn later(now: Now, seconds: u64) -> Now {
    Now { instant: now.instant + Duration::from_secs(seconds), ..now }
}

#[test]
fn each_step_has_its_line() {
    let now = Now::read();
    let file: Option<Arc<str>> = Some("ipxe.efi".into());
    let why: Arc<str> = "no such file".into();
    let cases = [
        (
            asked(1, "discover"),
            "client 52:54:00:00:00:01 asks who can boot it (DISCOVER): PXEClient, efi-x64, iface=lo vlan=5",
        ),
        (
            Step::Answered { mac: mac(1), message: "offer", strategy: "binl", file: None },
            "client 52:54:00:00:00:01 is answered (OFFER, binl): the file's name comes from port 4011",
        ),
        (asked(1, "request"), "client 52:54:00:00:00:01 asks port 4011: PXEClient, efi-x64, iface=lo vlan=5"),
        (
            Step::Answered { mac: mac(1), message: "ack", strategy: "binl", file },
            "client 52:54:00:00:00:01 is answered (ACK, binl): ipxe.efi",
        ),
        (
            Step::Refused { mac: mac(1), why: "there is no boot program for efi-x64".into() },
            "client 52:54:00:00:00:01 is not answered: there is no boot program for efi-x64",
        ),
        (started(1), "client 52:54:00:00:00:01 ip=10.0.0.9 fetches ipxe.efi by TFTP, 1.0 MB"),
        (
            Step::Denied { ip: IP, via: Via::Http, file: "x\u{1b}[2J".into(), why },
            "client 52:54:00:00:00:01 ip=10.0.0.9 does not get x\u{fffd}[2J by HTTP: no such file",
        ),
    ];
    let mut table = Table::new(now);
    for (step, text) in cases {
        let told = lines(&mut table, now, [step]);
        assert_eq!(told, [Line { level: Level::Info, text: text.to_owned() }]);
    }
}

#[test]
fn the_end_of_a_file_is_told_with_its_rate_or_with_the_cause() {
    let now = Now::read();
    let cases = [
        (Ending::Done, 1_000_000, 0, Some((Level::Info, "has ipxe.efi: 1.0 MB in 2.0 s, 500.0 kB/s"))),
        (Ending::Done, 1_000_000, 3, Some((Level::Info, "has ipxe.efi: 1.0 MB in 2.0 s, 500.0 kB/s, sent again: 3"))),
        (
            Ending::Failed("client aborted with code 0".to_owned()),
            4000,
            0,
            Some((Level::Warn, "got 4.0 kB of 1.0 MB of ipxe.efi: client aborted with code 0, 2.0 kB/s")),
        ),
        (Ending::Probe, 0, 0, None),
    ];
    for (ending, bytes, resent, expected) in cases {
        let mut table = Table::new(now);
        lines(&mut table, now, [started(1)]);
        let told = lines(&mut table, later(now, 2), [Step::Ended { id: ID, bytes, resent, ending }]);
        let expected =
            expected.map(|(level, text)| Line { level, text: format!("client 52:54:00:00:00:01 ip=10.0.0.9 {text}") });
        assert_eq!(told, Vec::from_iter(expected));
    }
}

#[test]
fn what_is_asked_again_and_again_is_told_once_with_its_count() {
    let now = Now::read();
    let mut table = Table::new(now);
    assert_eq!(lines(&mut table, now, (0..6).map(|_| asked(1, "discover"))).len(), 1);
    let told = lines(&mut table, now, [started(1)]);
    assert!(told[0].text.ends_with("; asked 5 more times before"), "{told:?}");
    let progress = (0..9).map(|part| Step::Progress { id: ID, bytes: part * 1000, resent: 0 });
    assert_eq!(lines(&mut table, now, progress), []);
}

#[test]
fn a_flood_of_questions_hides_no_transfer_and_is_summed_up() {
    let now = Now::read();
    let mut table = Table::new(now);
    let flood = |numbers: std::ops::Range<u16>| numbers.map(|number| asked(number, "discover"));
    assert_eq!(lines(&mut table, now, flood(0..10_000)).len(), 400);
    assert_eq!(lines(&mut table, now, [started(1)]).len(), 1);
    let told = table.look(now);
    let text = "clients: 9600 more steps than can be read (pxeguard clients shows where each stands)".to_owned();
    assert_eq!(told, [Line { level: Level::Info, text }]);
    // And there is room again.
    assert_eq!(lines(&mut table, later(now, 1), flood(10_000..11_000)).len(), 20);
}

#[test]
fn one_client_does_not_use_up_the_lines_of_all() {
    let now = Now::read();
    let mut table = Table::new(now);
    let files = (0..1000).map(|number| Step::Denied {
        ip: IP,
        via: Via::Tftp,
        file: format!("{number}").into(),
        why: "no such file".into(),
    });
    assert_eq!(lines(&mut table, now, files).len(), 60);
    assert_eq!(lines(&mut table, now, [asked(2, "discover")]).len(), 1);
}
