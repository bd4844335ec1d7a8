use std::net::Ipv4Addr;
use std::sync::Arc;

use pxeguard_common::arch::Arch;
use pxeguard_common::dhcp::MessageType;
use pxeguard_common::net::{Ifindex, Mac};
use pxeguard_common::verdict::{Judgement, Reason, Verdict};

use super::*;
use crate::boot::Via;
use crate::clients::{Checksum, Clients, Ending, Observer, Step};
use crate::report::explanation_text;
use crate::time::Timestamp;

const MAC: Mac = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

fn around(mode: Mode) -> Surroundings {
    Surroundings { mode, boots: true, servers: Vec::new() }
}

fn asked(clients: &Clients) {
    let (kind, message) = ("PXEClient", "discover");
    clients.tell(Step::Asked { mac: MAC, iface: Ifindex(1), vlan: 0, arch: Some(Arch(7)), kind, message });
    let file = Some("ipxe.efi".into());
    clients.tell(Step::Answered { mac: MAC, message: "offer", strategy: "direct", file });
}

fn fetched(clients: &Clients, ending: Ending) {
    let (id, ip) = (clients.next_transfer(), Ipv4Addr::new(10, 0, 0, 9));
    clients.tell(Step::Addressed { mac: MAC, ip, server: Some(Ipv4Addr::new(10, 0, 0, 1)) });
    clients.tell(Step::Started { id, ip, via: Via::Tftp, file: "ipxe.efi".into(), len: 1000 });
    clients.tell(Step::Ended { id, bytes: 1000, resent: 0, ending });
}

fn reply() -> Reply {
    Reply {
        client: MAC,
        server: [2, 0, 0, 0, 0x66, 1],
        ip: Ipv4Addr::new(10, 66, 0, 1),
        server_id: None,
        port: Ifindex(7),
        port_name: "tap101i0".into(),
        vlan: 0,
        kind: MessageType::Offer,
        judgement: Judgement { verdict: Verdict::WouldDrop, reason: Reason::Untrusted },
        address: None,
        relay: None,
        class: Some("PXEClient".into()),
        file: Some("evil.efi".into()),
        file_server: None,
        has_vendor_options: true,
        message: None,
        checksum: Checksum::Right,
    }
}

fn names(told: &Explanation) -> Vec<&str> {
    told.causes.iter().map(|cause| cause.cause.as_str()).collect()
}

#[test]
fn a_boot_that_goes_well_has_no_cause_of_failure() {
    let clients = Clients::default();
    asked(&clients);
    fetched(&clients, Ending::Done);
    let told = explain(&clients.case(MAC), &around(Mode::Enforce), None);
    assert_eq!((told.outcome, names(&told)), (Outcome::Booted, vec![]));
    let steps: Vec<_> = told.attempts[0].steps.iter().map(|step| step.who.as_str()).collect();
    assert_eq!(steps, ["client", "pxeguard", "client", "client"]);
    assert!(told.verdict.starts_with("all is well"), "{}", told.verdict);
}

#[test]
fn the_same_file_again_and_again_is_a_loop() {
    let clients = Clients::default();
    for _ in 0..3 {
        asked(&clients);
        fetched(&clients, Ending::Done);
    }
    let told = explain(&clients.case(MAC), &around(Mode::Enforce), None);
    assert_eq!(names(&told), ["boot_loop"]);
    assert_eq!(told.attempts.len(), 3);
}

#[test]
fn another_pxe_server_is_a_cause_only_where_its_offers_come_through() {
    let clients = Clients::default();
    asked(&clients);
    let dropped = Judgement { verdict: Verdict::Drop, reason: Reason::Untrusted };
    clients.tell(Step::Replied(Arc::new(Reply { judgement: dropped, ..reply() })));
    let told = explain(&clients.case(MAC), &around(Mode::Enforce), None);
    assert_eq!(names(&told), Vec::<&str>::new());
    assert!(told.attempts[0].steps.iter().any(|step| step.is_trouble && step.what.contains("dropped")));
    clients.tell(Step::Replied(Arc::new(reply())));
    let told = explain(&clients.case(MAC), &around(Mode::Observe), Some("PXE-E21"));
    assert_eq!(names(&told), ["foreign_pxe_responder"]);
}

#[test]
fn a_server_whose_address_it_took_counts_though_its_replies_were_not_seen() {
    let clients = Clients::default();
    asked(&clients);
    let took = |server| Step::Addressed { mac: MAC, ip: Ipv4Addr::new(10, 0, 0, 9), server: Some(server) };
    let told = || explain(&clients.case(MAC), &around(Mode::Observe), None);
    clients.tell(took(Ipv4Addr::new(10, 0, 0, 1)));
    assert_eq!(names(&told()), Vec::<&str>::new(), "it is the only one");
    let offer = Reply { class: None, file: None, address: Some(Ipv4Addr::new(10, 66, 0, 9)), ..reply() };
    clients.tell(Step::Replied(Arc::new(offer.clone())));
    let both = told();
    assert_eq!(names(&both), ["second_dhcp_server"]);
    assert!(both.causes[0].evidence.iter().any(|line| line.contains("no offer of 10.0.0.1 came")), "{both:?}");
    clients.tell(took(offer.ip));
    assert_eq!(names(&told()), Vec::<&str>::new(), "it took the address of the one that was seen");
}

#[test]
fn a_transfer_that_broke_off_is_the_cause_whatever_came_before() {
    let clients = Clients::default();
    asked(&clients);
    clients.tell(Step::Replied(Arc::new(reply())));
    fetched(&clients, Ending::Failed("client aborted with code 0".to_owned()));
    let told = explain(&clients.case(MAC), &around(Mode::Observe), None);
    assert_eq!(names(&told), ["transfer_broken"]);
}

#[test]
fn what_a_server_makes_up_cannot_command_the_terminal() {
    let clients = Clients::default();
    asked(&clients);
    let hostile = Reply { port_name: "a\u{1b}[2J".into(), ..reply() };
    clients.tell(Step::Replied(Arc::new(hostile)));
    let told = explain(&clients.case(MAC), &around(Mode::Observe), Some("\u{1b}]0;x\u{7}"));
    assert!(!explanation_text(&told, Timestamp::now()).contains(['\u{1b}', '\u{7}']));
}

#[test]
fn every_question_and_reply_is_bounded() {
    let clients = Clients::default();
    asked(&clients);
    for number in 0..10_000_u32 {
        let [_, a, b, c] = number.to_be_bytes();
        clients.tell(Step::Replied(Arc::new(Reply { server: [2, 0, 0, a, b, c], ..reply() })));
    }
    let told = explain(&clients.case(MAC), &around(Mode::Observe), None);
    assert!(told.attempts[0].steps.len() < 40, "{}", told.attempts[0].steps.len());
    assert!(told.attempts[0].left_out > 9_900);
    assert!(told.causes[0].evidence.len() < 40);
}

#[test]
fn a_reply_that_is_told_before_its_question_comes_behind_it() {
    let clients = Clients::default();
    clients.tell(Step::Replied(Arc::new(reply())));
    asked(&clients);
    let told = explain(&clients.case(MAC), &around(Mode::Observe), None);
    let who: Vec<_> = told.attempts[0].steps.iter().map(|step| step.who.as_str()).collect();
    assert_eq!(who, ["client", "02:00:00:00:66:01 10.66.0.1 at tap101i0", "pxeguard"]);
}
