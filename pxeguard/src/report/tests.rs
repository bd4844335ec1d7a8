use std::time::UNIX_EPOCH;

use pxeguard_common::verdict::{Judgement, Reason};
use serde_json::{Value, json};

use super::*;

const NOW: Timestamp = Timestamp(UNIX_EPOCH);

fn key() -> ServerKey {
    ServerKey {
        port: 2,
        source: [10, 0, 0, 66],
        server_id: [10, 0, 0, 67],
        mac: [0x52, 0x54, 0, 0x12, 0x34, 0x56],
        vlan: 5,
    }
}

fn row(clock: &KernelClock) -> ServerRow {
    let mut row = ServerRow::default();
    (row.first_seen_ns, row.last_seen_ns) = (clock.monotonic_ns(), clock.monotonic_ns());
    row.replies[Verdict::Drop as usize][MessageType::Offer as usize] = 3;
    row.replies[Verdict::WouldDrop as usize][MessageType::Ack as usize] = 4;
    row.reason = Reason::Untrusted as u32;
    row.pxe = 1;
    row
}

fn server(standing: Standing) -> Server {
    let clock = KernelClock::read();
    Server::new(&key(), &row(&clock), "eno1".to_owned(), standing, &clock)
}

fn port() -> Port {
    Port {
        name: "eno1".to_owned(),
        ifindex: 2,
        kind: "physical".to_owned(),
        hook: Some("xdp".to_owned()),
        reason: "the driver runs it".to_owned(),
        driver: Some("igb".to_owned()),
        xdp_features: Some(vec!["basic".to_owned()]),
        guarded_since: Some(NOW),
        passed: 0,
        dropped: 0,
        bridge: Some("vmbr0".to_owned()),
        would_drop: 0,
        unlisted: 0,
        servers: 1,
        client_messages: ClientMessages::default(),
        guest: None,
    }
}

fn status() -> Status {
    let three_spoofs = |judgement| {
        let spoof = Judgement { verdict: Verdict::Drop, reason: Reason::Spoof };
        if judgement == spoof { 3 } else { 0 }
    };
    Status {
        version: "0.1.0".to_owned(),
        pid: 42,
        mode: mode_name(Mode::Enforce).to_owned(),
        since: NOW,
        ifaces: vec!["vmbr0".parse().unwrap()],
        ports: 3,
        servers: 0,
        totals: Totals::new(three_spoofs),
        client_messages: ClientMessages { passed: 8, cut: 7, would_cut: 0 },
        events_lost: 0,
        boot_answers: Some(BootAnswers {
            daemon: 2,
            kernel: Some(KernelAnswers { offers: 3, ..KernelAnswers::default() }),
        }),
        problems: vec!["eno9 is not there".to_owned()],
    }
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn a_server_has_the_documented_fields() {
    let json = serde_json::to_value(server(Standing::Untrusted)).unwrap();
    let mut documented: Vec<_> = "mac ip server_id vlan port trusted class offers acks naks other passed dropped \
        first_seen last_seen relayed pxe would_drop reason guest"
        .split_whitespace()
        .collect();
    documented.sort_unstable();
    assert_eq!(keys(&json), documented);
    let expected = json!(["52:54:00:12:34:56", "10.0.0.66", "10.0.0.67", 5, "eno1", false, null, 3, 4, 3, 4, 1]);
    let fields = [
        "mac",
        "ip",
        "server_id",
        "vlan",
        "port",
        "trusted",
        "class",
        "offers",
        "acks",
        "dropped",
        "would_drop",
        "pxe",
    ];
    assert_eq!(Value::Array(fields.map(|field| json[field].clone()).to_vec()), expected);
    assert!(json["last_seen"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn a_server_without_vlan_and_identifier_has_null_there() {
    let clock = KernelClock::read();
    let key = ServerKey { vlan: 0, server_id: [0; 4], ..key() };
    let server = Server::new(&key, &row(&clock), "eno1".to_owned(), Standing::Trusted(Class::Pxe), &clock);
    let json = serde_json::to_value(server).unwrap();
    assert_eq!(
        json!([json["vlan"], json["server_id"], json["trusted"], json["class"]]),
        json!([null, null, true, "pxe"])
    );
}

#[test]
fn a_port_has_the_documented_fields() {
    let mut port = port();
    port.count(&PortStats { replies: [1, 2, 3], unlisted: 4, clients: [5, 6, 7], ..PortStats::default() });
    let json = serde_json::to_value(port).unwrap();
    for field in ["name", "ifindex", "kind", "hook", "reason", "guarded_since", "passed", "dropped"] {
        assert!(!json[field].is_null(), "{field}");
    }
    assert_eq!(json!([json["passed"], json["dropped"], json["would_drop"], json["unlisted"]]), json!([1, 2, 3, 4]));
    assert_eq!(json["client_messages"], json!({ "passed": 5, "cut": 6, "would_cut": 7 }));
}

#[test]
fn totals_hold_each_reason_under_the_verdicts_that_it_leads_to() {
    let json = serde_json::to_value(status()).unwrap();
    assert_eq!(json["totals"]["passed"], json!({ "trusted": 0, "trusted_for_pxe": 0 }));
    assert_eq!(json["totals"]["dropped"]["spoof"], 3);
    assert_eq!(keys(&json["totals"]["would_drop"]), keys(&json["totals"]["dropped"]));
}

#[test]
fn reports_are_read_back_as_written() {
    let written = serde_json::to_string(&status()).unwrap();
    assert_eq!(serde_json::from_str::<Status>(&written).unwrap(), status());
}

#[test]
fn tables_say_when_there_is_nothing_yet() {
    for table in [servers_table(&[], NOW), ports_table(&[], NOW), trusts_table(&[])] {
        assert!(table.starts_with("nothing yet: "), "{table}");
    }
}

#[test]
fn the_servers_table_names_the_option_that_is_missing() {
    let text = servers_table(&[server(Standing::Untrusted), server(Standing::Trusted(Class::Dhcp))], Timestamp::now());
    assert!(text.contains("\n  --trust 52:54:00:12:34:56@eno1,vlan=5\n"), "{text}");
    assert_eq!(text.matches("--trust ").count(), 1, "{text}");
    let heading = text.lines().next().unwrap();
    let row = text.lines().nth(1).unwrap();
    let end = |line: &str, word: &str| line.find(word).unwrap() + word.len();
    assert_eq!(end(heading, "DROPPED"), end(row, " 3"), "numbers stand to the right: {text}");
}

#[test]
fn tables_fit_a_terminal() {
    let tables = [
        servers_table(&[server(Standing::Untrusted)], Timestamp::now()),
        ports_table(&[port()], NOW),
        status_table(&status(), NOW),
    ];
    for table in tables {
        assert!(table.lines().all(|line| line.len() <= 100 && line.trim_end() == line), "{table}");
    }
}

#[test]
fn the_status_table_tells_problems_and_reasons() {
    let text = status_table(&status(), NOW);
    for line in [
        "dropped      3 (spoof 3)",
        "problem      eno9 is not there",
        "servers      nothing yet",
        "from clients 8 passed, 7 cut",
        "mode         enforce",
    ] {
        assert!(text.lines().any(|told| told == line), "{text}");
    }
}

#[test]
fn a_name_cannot_command_the_terminal() {
    let mut port = port();
    port.name = "a\u{1b}[2J".to_owned();
    assert!(!ports_table(&[port], NOW).contains('\u{1b}'));
}

#[test]
fn guests_have_a_column_where_any_is_known() {
    let with_guest = Port { guest: Some("100 (web01) net0".to_owned()), ..port() };
    let text = ports_table(&[port(), with_guest], NOW);
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("PORT  GUEST             BRIDGE") && lines[2].contains("100 (web01) net0"), "{text}");
    assert!(!ports_table(&[port()], NOW).contains("GUEST"));
    let text = servers_table(&[Server { guest: Some("101 net0".to_owned()), ..server(Standing::Untrusted) }], NOW);
    assert!(text.lines().nth(1).unwrap().starts_with("eno1  101 net0  52:54"), "{text}");
}

#[test]
fn no_name_can_turn_the_text_behind_it() {
    assert_eq!(printable("a\u{202e}gpj.exe\u{2066}\u{7}"), "a\u{fffd}gpj.exe\u{fffd}\u{fffd}");
}
