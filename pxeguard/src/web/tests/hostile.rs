//! Requests that nobody sends by mistake.

use std::io::{Read, Write};
use std::ops::Range;
use std::thread;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::http::Http;
use crate::web::listener::{PER_CLIENT, REQUEST};

const METHODS: &[&str] =
    &["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "G\0T", "PRI", ""];
const PATHS: &[&str] = &[
    "/",
    "/metrics",
    "/api/v1/overview",
    "/api/v1/trusts",
    "/api/v1/token",
    "/api/v1/schema.json",
    "/api/v1/clients/52:54:00:12:34:56/explain",
    "/api/v1/clients/52:54:00:12:34:56/explain?screen=%00%ff%F0%9F",
    "/api/v1/clients/%2e%2e%2f/explain",
    "/api/v1/clients//explain",
    "//api/v1/status",
    "/api/v1/../../etc/passwd",
    "/%",
    "http://evil.example/metrics",
    "*",
    "evil.example:80",
];
const FIELDS: &[&str] = &[
    "Host: localhost",
    "Host: evil.example",
    "Host: localhost\r\nHost: evil.example",
    "Host: [::1",
    "Host: \u{e9}",
    "Origin: null",
    "Origin: http://localhost",
    "Sec-Fetch-Site: cross-site",
    "Authorization: Bearer",
    "Authorization: Bearer 00000000000000000000000000000000",
    "Content-Type: application/json",
    "Content-Length: 5",
    "Content-Length: -1",
    "Content-Length: 99999999999999999999",
    "Content-Length: 4\r\nContent-Length: 5",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: chunked, identity",
    "Expect: 100-continue",
    "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
    "Upgrade: websocket\r\nConnection: Upgrade",
    "Accept: application/openmetrics-text;q=nan",
    "Range: bytes=0-18446744073709551615",
    "Connection: close",
    " folded: line",
    "No colon",
    "",
];
const BODIES: &[&str] = &["", "{\"trust\":\"*@a\"}", "5\r\nhello\r\n0\r\n\r\n", "ffffffffffffffff\r\n", "\0\u{1}\u{2}"];

/// Ends a head that is not ended, and the connection.
const LAST: &[u8] = b"\r\n\r\nGET /nonsense HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// Statuses that are meant; of those from 500 on there is none.
const MEANT: &[Range<u16>] = &[100..101, 200..206, 400..432];

fn request() -> impl Strategy<Value = Vec<u8>> {
    let version = prop::sample::select(&["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2", "HTTP/9.9", ""][..]);
    let parts = (
        prop::sample::select(METHODS),
        prop_oneof![4 => prop::sample::select(PATHS).prop_map(str::to_owned), 1 => "/[ -~]{0,40}"],
        version,
        prop_oneof![4 => Just(Some("Host: localhost")), 1 => Just(None)],
        vec(
            prop_oneof![6 => prop::sample::select(FIELDS).prop_map(str::to_owned), 1 => "[A-Za-z-]{1,9}: [ -~]{0,30}"],
            0..4,
        ),
        prop::sample::select(BODIES),
        prop_oneof![2 => Just(Vec::new()), 1 => vec((any::<prop::sample::Index>(), any::<u8>()), 1..3)],
    );
    parts.prop_map(|(method, path, version, host, fields, body, flips)| {
        let fields = host.into_iter().map(str::to_owned).chain(fields);
        let fields: String = fields.map(|field| format!("{field}\r\n")).collect();
        let mut bytes = format!("{method} {path} {version}\r\n{fields}\r\n{body}").into_bytes();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    })
}

#[test]
fn whatever_is_asked_has_an_answer_that_was_meant_and_changes_nothing() {
    let http = Http::start();
    let mut runner = TestRunner::new(ProptestConfig { cases: 600, failure_persistence: None, ..Default::default() });
    // What takes a certain method, path and header together, and may not come by chance.
    let certain = [
        ("GET / HTTP/1.1\r\nHost: localhost", 200),
        ("GET /nonsense HTTP/1.1\r\nHost: localhost", 404),
        ("GET / HTTP/1.1\r\nHost: evil.example", 421),
        ("POST /api/v1/trusts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 0", 401),
        ("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site", 403),
        ("DELETE /metrics HTTP/1.1\r\nHost: localhost", 405),
    ];
    let mut statuses = std::collections::BTreeSet::new();
    for (request, status) in certain {
        let answer = http.exchange(format!("{request}\r\nConnection: close\r\n\r\n").as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        statuses.insert(status);
    }
    let statuses_cell = std::cell::RefCell::new(&mut statuses);
    runner
        .run(&request(), |request| {
            let answer = http.exchange(&[&request, LAST].concat());
            // More than one where the request was read as several.
            for line in answer.lines().filter_map(|line| line.strip_prefix("HTTP/1.")) {
                let status: u16 = line[2..5].parse().expect("a status has three digits");
                statuses_cell.borrow_mut().insert(status);
                prop_assert!(MEANT.iter().any(|range| range.contains(&status)), "{answer}");
            }
            Ok(())
        })
        .unwrap();
    for meant in [200, 400, 401, 403, 404, 405, 421] {
        assert!(statuses.contains(&meant), "{meant} is not among {statuses:?}");
    }
    assert_eq!(http.changes(), 0);
    assert_eq!(http.get("/api/v1/status", "").status, 200);
}

#[test]
fn a_head_without_end_and_a_body_without_end_end_their_connection_alone() {
    let http = Http::start();
    let head = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}", "a".repeat(1 << 20));
    let answer = http.exchange(head.as_bytes());
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let fields: String = (0..500).map(|number| format!("X-{number}: 1\r\n")).collect();
    assert!(http.exchange(format!("GET / HTTP/1.1\r\n{fields}\r\n").as_bytes()).starts_with("HTTP/1.1 431 "));
    let token = http.token();
    let body = format!(
        "POST /api/v1/trusts HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        format!("1000\r\n{}\r\n", "a".repeat(0x1000)).repeat(200)
    );
    assert!(http.exchange(body.as_bytes()).starts_with("HTTP/1.1 413 "));
    assert_eq!(http.get("/", "").status, 200);
}

#[test]
fn who_is_too_many_is_closed_at_once_and_room_is_made_when_others_go() {
    let http = Http::start();
    let mut crowd: Vec<_> = (0..PER_CLIENT).map(|_| http.connect()).collect();
    for stream in &mut crowd {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n").unwrap();
    }
    let mut refused = http.connect();
    let begin = std::time::Instant::now();
    assert!(matches!(refused.read(&mut [0]), Ok(0) | Err(_)), "there is no place for it");
    assert!(begin.elapsed() < REQUEST / 2, "it was let in, and closed for its silence");
    drop(crowd);
    let begin = std::time::Instant::now();
    while http.exchange(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").is_empty() {
        assert!(begin.elapsed().as_secs() < 5, "no room is made");
        thread::yield_now();
    }
}
