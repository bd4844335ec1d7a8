mod hostile;
mod http;
mod patience;
pub(super) mod sample;
mod schema;
mod viewing;

use std::io::Write;
use std::net::TcpStream;

use crate::web::listener::REQUEST;
use http::Http;

#[test]
fn a_scrape_is_answered_in_the_format_asked_for() {
    let http = Http::start();
    let response = http.get("/metrics", "");
    assert_eq!(response.status, 200);
    assert_eq!(response.field("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(response.body.contains("\n# TYPE pxeguard_replies_total counter\n"), "{}", response.body);
    let response = http.get("/metrics", "Accept: application/openmetrics-text\r\n");
    assert_eq!(response.field("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
}

#[test]
fn every_answer_forbids_what_a_page_could_be_made_to_do() {
    let http = Http::start();
    for path in ["/", "/app.js", "/metrics", "/api/v1/status", "/api/v1/nothing", "/nonsense"] {
        let response = http.get(path, "");
        let policy = response.field("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(response.field("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(response.field("access-control-allow-origin"), None, "{path}");
    }
    assert_eq!(http.get("/", "Sec-Fetch-Site: cross-site\r\n").field("x-frame-options"), Some("DENY"));
    assert!(
        http.send("GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
            .field("x-frame-options")
            .is_some()
    );
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let http = Http::start();
    let cases = [
        ("GET", "/nonsense", 404, "there is the page at /"),
        ("GET", "/api/v2/status", 404, "{\"error\":\"there is /api/v1"),
        ("PUT", "/api/v1/trusts", 405, "{\"error\":\"not by this method\"}"),
        ("POST", "/metrics", 405, "{\"error\""),
        ("TRACE", "/", 405, "{\"error\""),
        ("GET", "/api/v1/clients/nobody/explain", 400, "six bytes in hexadecimal"),
        ("GET", "/api/v1/clients/%ff/explain", 400, "{\"error\""),
        ("GET", "/api/v1/boot", 404, "nothing is booted here"),
    ];
    for (method, path, status, words) in cases {
        let response = http.ask(method, path, "", "");
        assert_eq!(response.status, status, "{method} {path}: {}", response.body);
        assert!(response.body.contains(words), "{method} {path}: {}", response.body);
    }
}

#[test]
fn a_trust_is_changed_with_the_token_and_not_without() {
    let http = Http::start();
    let body = r#"{"trust": "52:54:00:12:34:56@eno1"}"#;
    let json = "Content-Type: application/json\r\n";
    let right = format!("{json}Authorization: Bearer {}\r\n", http.token());
    for method in ["POST", "DELETE"] {
        assert_eq!(http.ask(method, "/api/v1/trusts", json, body).status, 401);
        let wrong = format!("{json}Authorization: Bearer {}\r\n", "0".repeat(32));
        assert_eq!(http.ask(method, "/api/v1/trusts", &wrong, body).status, 401);
        let of_other_site = format!("{right}Origin: http://evil.example\r\n");
        assert_eq!(http.ask(method, "/api/v1/trusts", &of_other_site, body).status, 403);
        assert_eq!(http.changes(), 0, "nothing has reached the daemon");
    }
    let added = http.ask("POST", "/api/v1/trusts", &right, body);
    assert_eq!((added.status, added.body.contains("TrustAdd")), (200, true), "{}", added.body);
    assert!(http.ask("DELETE", "/api/v1/trusts", &right, body).body.contains("TrustRemove"));
    assert_eq!(http.changes(), 2);
}

#[test]
fn a_change_that_makes_no_sense_is_refused_with_what_is_wrong() {
    let http = Http::start();
    let authorized = format!("Authorization: Bearer {}\r\n", http.token());
    let json = format!("{authorized}Content-Type: application/json\r\n");
    let cases = [
        (&json, r#"{"trust": "nobody"}"#, 400, "nobody"),
        (&json, r#"{"trust": "*@eno1", "more": 1}"#, 400, "unknown field"),
        (&json, "", 400, "EOF"),
        (&json, r#"{"trust": "02:00:00:00:00:99@eno1"}"#, 409, "is trusted already"),
        (&authorized, r#"{"trust": "*@eno1"}"#, 415, "application/json"),
    ];
    for (headers, body, status, words) in cases {
        let response = http.ask("POST", "/api/v1/trusts", headers, body);
        assert_eq!(response.status, status, "{body}: {}", response.body);
        assert!(response.body.contains(words), "{body}: {}", response.body);
    }
    let long = format!("{{\"trust\": \"{}\"}}", "a".repeat(5000));
    assert_eq!(http.ask("POST", "/api/v1/trusts", &json, &long).status, 413);
}

#[test]
fn the_token_can_be_tried() {
    let http = Http::start();
    assert_eq!(http.get("/api/v1/token", "").status, 401);
    assert_eq!(http.get("/api/v1/token", &format!("Authorization: Bearer {}\r\n", http.token())).status, 204);
}

#[test]
fn a_client_is_explained_with_what_its_screen_says() {
    let http = Http::start();
    let response = http.get("/api/v1/clients/52:54:00:12:34:56/explain?screen=PXE-E53%3A+No%20file", "");
    assert_eq!(response.json()["screen"]["code"], "PXE-E53: No file");
    let long = format!("/api/v1/clients/52:54:00:12:34:56/explain?screen={}", "a".repeat(201));
    assert_eq!(http.get(&long, "").status, 400);
}

#[test]
fn a_daemon_that_is_gone_is_told() {
    let http = Http::start_without_daemon();
    assert_eq!(http.get("/metrics", "").status, 503);
    let response = http.get("/api/v1/status", "");
    assert_eq!((response.status, response.field("retry-after")), (503, Some("5")));
    assert_eq!(response.body, "{\"error\":\"the daemon does not answer\"}");
    assert_eq!(http.get("/", "").status, 200, "the page says so by itself");
}

#[test]
fn an_open_connection_does_not_keep_the_daemon_from_stopping() {
    let http = Http::start();
    let mut idle = TcpStream::connect(http.address).unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    http.get("/", "");
    let _viewer = http.watch();
    let begin = std::time::Instant::now();
    http.stop();
    assert!(begin.elapsed() < REQUEST / 2, "half a request was waited for");
}

#[test]
fn a_port_in_use_is_told_with_its_address() {
    let http = Http::start();
    let error = super::WebListener::bind(http.address).unwrap_err().to_string();
    assert_eq!(error, format!("cannot listen on {}: another program uses this port; choose --listen", http.address));
}
