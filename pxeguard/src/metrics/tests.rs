use std::env;
use std::io::Write;
use std::process::{Command, Stdio};

use pxeguard_common::net::Mac;
use pxeguard_common::verdict::{Judgement, Reason};

use super::exposition::Format;
use super::families::MAX_LABELLED_SERVERS;
use super::*;
use crate::report::ClientMessages;
use crate::time::Timestamp;

fn port(name: &str) -> Port {
    Port {
        name: name.to_owned(),
        ifindex: 2,
        kind: "tap".to_owned(),
        hook: Some("tcx".to_owned()),
        reason: "a virtual port".to_owned(),
        driver: None,
        xdp_features: None,
        guarded_since: Some(Timestamp::from_realtime_ns(1_700_000_000_500_000_000)),
        passed: 1,
        dropped: 2,
        bridge: None,
        would_drop: 3,
        unlisted: 4,
        servers: 1,
        client_messages: ClientMessages { passed: 5, cut: 6, would_cut: 7 },
        guest: None,
    }
}

fn server(port: &str, number: u8, trusted: bool) -> ServerReplies {
    let mac: Mac = [0x52, 0x54, 0, 0, 0, number];
    let mut replies = [[0; MessageType::ALL.len()]; Verdict::ALL.len()];
    replies[Verdict::Drop as usize][MessageType::Offer as usize] = 1;
    let last_seen = Timestamp::from_realtime_ns(1_700_000_000_500_000_000);
    ServerReplies {
        port: port.to_owned(),
        mac: MacAddress(mac),
        trusted,
        first_seen_ns: u64::from(number),
        last_seen,
        replies,
    }
}

pub(crate) fn snapshot() -> Snapshot {
    let spoof = Judgement { verdict: Verdict::Drop, reason: Reason::Spoof };
    Snapshot {
        mode: Mode::Enforce,
        totals: Totals::new(|judgement| if judgement == spoof { 7 } else { 0 }),
        ports: vec![port("eno1"), port(r#"q"u\o"#)],
        servers: vec![server("eno1", 1, true), server("eno1", 1, true), server(r#"q"u\o"#, 2, false)],
        events_lost: 9,
        alerts: AlertKind::ALL.map(|kind| AlertCount { kind, open: 1, opened: 2 }).into(),
        boot: Some(BootCounts {
            requests: [(("bios", "PXEClient"), 5)].into(),
            attempts: [("bios", 2)].into(),
            outcomes: [(("bios", "loaded"), 1)].into(),
            answers: [("direct", 4)].into(),
            refused: 1,
            resent: 6,
            ..BootCounts::default()
        }),
    }
}

fn has_line(text: &str, line: &str) {
    assert!(text.lines().any(|present| present == line), "{line}\n{text}");
}

#[test]
fn every_metric_has_its_sample() {
    let text = Format::Prometheus.write(snapshot());
    let lines = [
        concat!("pxeguard_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        "pxeguard_enforcing 1",
        "pxeguard_events_lost_total 9",
        "pxeguard_replies_total{verdict=\"dropped\",reason=\"spoof\"} 7",
        "pxeguard_port_info{port=\"eno1\",kind=\"tap\",hook=\"tcx\",bridge=\"\"} 1",
        "pxeguard_port_guarded_since_timestamp_seconds{port=\"eno1\"} 1700000000.5",
        "pxeguard_unguarded_ports 0",
        "pxeguard_port_replies_total{port=\"eno1\",verdict=\"would_drop\"} 3",
        "pxeguard_port_client_messages_total{port=\"eno1\",verdict=\"cut\"} 6",
        "pxeguard_port_unlisted_replies_total{port=\"eno1\"} 4",
        "pxeguard_boot_requests_total{platform=\"bios\",kind=\"PXEClient\"} 5",
        "pxeguard_boot_attempts_total{platform=\"bios\"} 2",
        "pxeguard_boot_outcomes_total{platform=\"bios\",outcome=\"loaded\"} 1",
        "pxeguard_alerts{kind=\"spoof\"} 1.0",
        "pxeguard_alerts_opened_total{kind=\"nak_storm\"} 2",
        "pxeguard_server_last_reply_timestamp_seconds{port=\"eno1\",mac=\"52:54:00:00:00:01\"} 1700000000.5",
        "pxeguard_boot_answers_total{strategy=\"direct\"} 4",
        "pxeguard_boot_refused_total 1",
        "pxeguard_boot_transfers_total{via=\"tftp\",result=\"done\"} 0",
        "pxeguard_boot_active_transfers{via=\"http\"} 0.0",
        "pxeguard_boot_sent_bytes_total{via=\"tftp\"} 0",
        "pxeguard_boot_resent_datagrams_total 6",
        "pxeguard_server_replies_total{port=\"eno1\",mac=\"52:54:00:00:00:01\",type=\"OFFER\",verdict=\"dropped\"} 2",
    ];
    for line in lines {
        has_line(&text, line);
    }
}

#[test]
fn what_is_not_done_has_no_metrics() {
    let text = Format::Prometheus.write(Snapshot { boot: None, ..snapshot() });
    assert!(!text.contains("pxeguard_boot_"), "{text}");
}

#[test]
fn a_hostile_name_stays_inside_its_label() {
    let text = Format::Prometheus.write(snapshot());
    has_line(&text, r#"pxeguard_port_unlisted_replies_total{port="q\"u\\o"} 4"#);
}

#[test]
fn promtool_has_no_complaint() {
    for snapshot in [snapshot(), Snapshot { ports: Vec::new(), servers: Vec::new(), ..snapshot() }] {
        let mut promtool = Command::new("promtool");
        promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut promtool = match promtool.spawn() {
            Ok(promtool) => promtool,
            Err(why) if env::var_os("PXEGUARD_NO_SKIP").is_some() => {
                panic!("may not be skipped: promtool: {why}")
            }
            Err(why) => return eprintln!("SKIP: promtool: {why}"),
        };
        let text = Format::Prometheus.write(snapshot);
        promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = promtool.wait_with_output().unwrap();
        let complaints = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && complaints.is_empty(), "{complaints}\n{text}");
    }
}

#[test]
fn open_metrics_ends_with_its_mark_and_describes_families() {
    let text = Format::OpenMetrics.write(snapshot());
    assert!(text.ends_with("\n# EOF\n"));
    has_line(&text, "# TYPE pxeguard_replies counter");
    has_line(&text, "# TYPE pxeguard_port info");
    has_line(&text, "# UNIT pxeguard_port_guarded_since_timestamp_seconds seconds");
}

#[test]
fn invented_addresses_are_bounded_and_displace_nobody() {
    let invented = (0..=u8::MAX).map(|number| server("tap0", number, false));
    let trusted = ServerReplies { first_seen_ns: u64::MAX, ..server("eno1", 9, true) };
    let servers = invented.chain([trusted, server("tap1", u8::MAX, false)]).collect();
    let text = Format::Prometheus.write(Snapshot { servers, ..snapshot() });
    let offers: Vec<_> = text.lines().filter(|line| line.contains(r#"type="OFFER",verdict="dropped""#)).collect();
    assert_eq!(offers.len(), MAX_LABELLED_SERVERS + 2);
    let of = |port, mac, count| {
        format!(
            "pxeguard_server_replies_total{{port=\"{port}\",mac=\"{mac}\",type=\"OFFER\",verdict=\"dropped\"}} {count}"
        )
    };
    has_line(&text, &of("eno1", "52:54:00:00:00:09", 1));
    has_line(&text, &of("tap0", "52:54:00:00:00:00", 1));
    has_line(&text, &of("tap0", "other", 256 - (MAX_LABELLED_SERVERS - 1)));
    has_line(&text, &of("tap1", "other", 1));
}

#[test]
fn the_format_is_what_the_scraper_prefers() {
    let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let cases = [
        (prometheus, Format::OpenMetrics),
        ("", Format::Prometheus),
        ("*/*", Format::Prometheus),
        ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Prometheus),
        ("text/plain;version=0.0.4;q=0.5, Application/OpenMetrics-Text; version=1.0.0; q=0.3", Format::Prometheus),
        ("application/openmetrics-text;q=0", Format::Prometheus),
    ];
    for (accept, format) in cases {
        assert_eq!(Format::accepted(accept), format, "{accept}");
    }
}
