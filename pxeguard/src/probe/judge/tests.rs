use super::*;
use crate::probe::wire::Checksum;
use crate::report::{BootServerAnswer, ClientAnswer};
use crate::trust::MacAddress;

/// A DHCP server that does all as it should.
fn dhcp(last: u8) -> Responder {
    let ip = [10, 0, 0, last].into();
    Responder {
        vlan: 0,
        mac: MacAddress([2, 0, 0, 0, 0, last]),
        vendor: None,
        ip,
        server_id: Some(ip),
        port: Some(format!("tap{last}i0")),
        is_host: false,
        trust: None,
        gives_addresses: true,
        boots: false,
        address: Some([10, 0, 0, 99].into()),
        mask: None,
        lease_s: None,
        routers: Vec::new(),
        dns: Vec::new(),
        relay: None,
        informs: true,
        checksum: Checksum::Good,
        replies: 1,
        first_reply_ms: 1,
        answers: vec![answer(None)],
        port_4011: Vec::new(),
    }
}

fn answer(way: Option<&str>) -> ClientAnswer {
    ClientAnswer {
        client: "bios".to_owned(),
        message: Some("OFFER".to_owned()),
        class: None,
        next_server: None,
        tftp_server: None,
        file: way.map(|_| "boot.0".to_owned()),
        discovery_control: None,
        boot_servers: Vec::new(),
        way: way.map(str::to_owned),
    }
}

/// A PXE server that names its file at once.
fn pxe(last: u8) -> Responder {
    let direct = ClientAnswer { discovery_control: Some(8), ..answer(Some("direct")) };
    Responder { gives_addresses: false, address: None, boots: true, answers: vec![direct], ..dhcp(last) }
}

fn asked(server: &Responder, answered: bool) -> Vec<BootServerAnswer> {
    let (client, way) = ("bios".to_owned(), "binl".to_owned());
    vec![BootServerAnswer {
        server: server.ip,
        client,
        way,
        is_needed: true,
        answered,
        file: None,
        next_server: None,
        after_ms: None,
    }]
}

/// A DHCP server that has option 60 among its options.
fn dhcp_with_option_60(last: u8, answered: bool) -> Responder {
    let plain = dhcp(last);
    Responder { boots: true, answers: vec![answer(Some("binl"))], port_4011: asked(&plain, answered), ..plain }
}

fn trusted(server: Responder, class: &str) -> Responder {
    Responder { trust: Some(class.to_owned()), ..server }
}

fn guard() -> ProbeGuard {
    ProbeGuard { mode: "enforce".to_owned(), boots: true }
}

fn found(responders: &[Responder], guard: Option<&ProbeGuard>) -> (Vec<String>, ProbeVerdict) {
    let seen =
        Seen { responders, blocked: &[], guard, forwarding_after: None, asked_as_firmware: true, guard_silent: None };
    let findings = judge(&seen);
    let verdict = verdict(&seen, &findings);
    (findings.into_iter().map(|finding| finding.finding).collect(), verdict)
}

#[track_caller]
fn assert_found(responders: &[Responder], names: &[&str], verdict: ProbeVerdict) {
    assert_eq!(found(responders, None), (names.iter().map(|name| (*name).to_owned()).collect(), verdict));
}

#[test]
fn one_dhcp_server_and_one_pxe_server_are_fine() {
    assert_found(&[dhcp(1), pxe(2)], &[], ProbeVerdict::Ok);
    assert_found(&[dhcp(1)], &["no-pxe"], ProbeVerdict::Ok);
}

#[test]
fn nobody_is_told_from_nobody_who_gives_addresses() {
    assert_found(&[], &["nobody"], ProbeVerdict::Nobody);
    assert_found(&[pxe(2)], &["no-address"], ProbeVerdict::Problem);
}

#[test]
fn two_dhcp_servers_conflict_unless_both_are_trusted_or_in_two_vlans() {
    assert_found(&[dhcp(1), dhcp(2), pxe(3)], &["conflict"], ProbeVerdict::Conflict);
    let both = [trusted(dhcp(1), "dhcp"), trusted(dhcp(2), "dhcp"), pxe(3)];
    assert_found(&both, &[], ProbeVerdict::Ok);
    let one = [trusted(dhcp(1), "dhcp"), trusted(dhcp(2), "no"), pxe(3)];
    assert_found(&one, &["conflict"], ProbeVerdict::Conflict);
    assert_found(&[dhcp(1), Responder { vlan: 5, ..dhcp(2) }, pxe(3)], &[], ProbeVerdict::Ok);
}

#[test]
fn one_server_by_two_relays_is_one_and_one_name_for_two_machines_is_two() {
    let relayed = |last: u8| Responder {
        server_id: Some([10, 9, 9, 9].into()),
        relay: Some([10, 0, 0, last].into()),
        ..dhcp(last)
    };
    assert_found(&[relayed(1), relayed(2), pxe(3)], &[], ProbeVerdict::Ok);
    let impostor = Responder { mac: MacAddress([2; 6]), ..dhcp(1) };
    assert_found(&[dhcp(1), impostor, pxe(3)], &["conflict"], ProbeVerdict::Conflict);
}

#[test]
fn the_stranger_of_two_dhcp_servers_is_the_one_to_switch_off() {
    let responders = [trusted(dhcp(1), "dhcp"), trusted(dhcp(2), "no")];
    let seen = Seen {
        responders: &responders,
        blocked: &[],
        guard: None,
        forwarding_after: None,
        asked_as_firmware: false,
        guard_silent: None,
    };
    let findings = judge(&seen);
    assert!(findings[0].next.contains("(10.0.0.2 behind port tap2i0)"), "{:?}", findings[0]);
}

#[test]
fn option_60_alone_is_wrong_unless_port_4011_answers_there() {
    assert_found(&[dhcp_with_option_60(1, false)], &["option-60"], ProbeVerdict::Problem);
    assert_found(&[dhcp_with_option_60(1, true)], &[], ProbeVerdict::Ok);
    assert_found(&[dhcp_with_option_60(1, false), pxe(2)], &["option-60"], ProbeVerdict::Problem);
}

#[test]
fn a_pxe_server_that_sends_clients_to_a_silent_port_is_told() {
    let binl = Responder { answers: vec![answer(Some("binl"))], ..pxe(2) };
    let silent = Responder { port_4011: asked(&binl, false), ..binl.clone() };
    assert_found(&[dhcp(1), silent], &["no-4011"], ProbeVerdict::Problem);
    let answers = Responder { port_4011: asked(&binl, true), ..binl };
    assert_found(&[dhcp(1), answers], &[], ProbeVerdict::Ok);
    let mut direct = Responder { port_4011: asked(&pxe(2), false), ..pxe(2) };
    direct.port_4011[0].is_needed = false;
    assert_found(&[dhcp(1), direct], &[], ProbeVerdict::Ok);
}

#[test]
fn a_pxe_server_beside_this_hosts_own_is_foreign_unless_it_is_trusted() {
    let own = || Responder { is_host: true, ..pxe(9) };
    let guard = guard();
    let found = |all: &[Responder]| found(all, Some(&guard)).0;
    assert_eq!(found(&[dhcp(1), own()]), [""; 0]);
    assert_eq!(found(&[dhcp(1), own(), trusted(pxe(2), "no")]), ["foreign-pxe"]);
    assert_eq!(found(&[dhcp(1), own(), trusted(pxe(2), "pxe")]), [""; 0]);
    assert_eq!(found(&[dhcp(1), pxe(2)]), ["foreign-pxe", "own-silence"], "in place of it");
    assert_eq!(found(&[dhcp(1)]), ["own-silence"]);
}

#[test]
fn a_server_that_calls_itself_otherwise_is_told_but_not_behind_a_relay() {
    let other = Responder { server_id: Some([10, 0, 0, 7].into()), ..dhcp(1) };
    assert_found(&[other.clone(), pxe(2)], &["wrong-server"], ProbeVerdict::Problem);
    assert_found(&[Responder { relay: Some([10, 0, 0, 1].into()), ..other }, pxe(2)], &[], ProbeVerdict::Ok);
    assert_found(&[Responder { server_id: None, ..dhcp(1) }, pxe(2)], &["wrong-server"], ProbeVerdict::Problem);
}

#[test]
fn only_a_wrong_checksum_is_a_finding() {
    for (checksum, is_found) in
        [(Checksum::Good, false), (Checksum::Pending, false), (Checksum::Unfinished, true), (Checksum::Bad, true)]
    {
        let (names, _) = found(&[Responder { checksum, ..dhcp(1) }, pxe(2)], None);
        assert_eq!(names.contains(&"bad-checksum".to_owned()), is_found, "{checksum:?}");
    }
}

#[test]
fn a_forward_delay_is_told_from_two_seconds_on() {
    for (after, is_found) in [(0, false), (2000, false), (2001, true), (30_000, true)] {
        let responders = [dhcp(1), pxe(2)];
        let forwarding_after = Some(Duration::from_millis(after));
        let seen = Seen {
            responders: &responders,
            blocked: &[],
            guard: None,
            forwarding_after,
            asked_as_firmware: true,
            guard_silent: None,
        };
        assert_eq!(judge(&seen).len(), usize::from(is_found), "{after} ms");
    }
}

#[test]
fn what_is_blocked_is_no_fault() {
    let blocked = [Blocked {
        port: "tap7i0".to_owned(),
        mac: MacAddress([2; 6]),
        vendor: None,
        ip: [10, 0, 0, 7].into(),
        server_id: None,
        vlan: 0,
        dropped: 3,
        reason: "untrusted".to_owned(),
    }];
    let responders = [dhcp(1), pxe(2)];
    let seen = Seen {
        responders: &responders,
        blocked: &blocked,
        guard: None,
        forwarding_after: None,
        asked_as_firmware: true,
        guard_silent: None,
    };
    let findings = judge(&seen);
    assert_eq!((findings.len(), findings[0].severity), (1, Severity::Info));
    assert_eq!(verdict(&seen, &findings), ProbeVerdict::Ok);
}

#[test]
fn errors_come_before_warnings_and_notes() {
    let odd = Responder { server_id: Some([10, 0, 0, 7].into()), ..dhcp(1) };
    assert_found(&[odd, dhcp(2)], &["conflict", "wrong-server", "no-pxe"], ProbeVerdict::Conflict);
}
