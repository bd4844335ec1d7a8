//! Alerts and explanations, of which each sentence may hold what a stranger has said.

use std::sync::PoisonError;

use pxeguard_lab::skip_unless;
use serde_json::json;

use crate::MACHINE;
use crate::browser::Browser;
use crate::scene::{Scene, URL};

/// Keeps the page's stream where a test can speak on it, and answers for the daemon what it is asked to explain.
const BESIDE: &str = "
    window.EventSource = class extends EventSource {
        constructor(url) { super(url); window.stream = this; }
    };
    const fetched = window.fetch;
    window.fetch = (url, ...more) =>
        String(url).includes('/explain') ? Promise.resolve(new Response(JSON.stringify(window.explained(String(url))))) : fetched(url, ...more);
";

const MARKUP: &str = "<img src=x onerror=alert(1)>\"'&<script>alert(2)</script>";

#[test]
fn alerts_and_explanations_are_shown_whole_and_as_text() {
    skip_unless!("chromium", "dnsmasq");
    let _shared = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
    let scene = Scene::new();
    let _guard = scene.guard(&[]);
    let mut browser = Browser::start(scene.lab.hypervisor()).unwrap();
    browser.before_each_page(BESIDE).unwrap();
    browser.open(URL).unwrap();
    browser.until("document.querySelector('#link').classList.contains('live')").unwrap();

    let alert = |id: u32, closed: Option<&str>| {
        json!({
            "id": id, "kind": "untrusted_server", "subject": format!("{MARKUP} at tap1"), "mac": null, "port": "tap1",
            "message": format!("it says {MARKUP}"), "next": format!("look at {MARKUP}"), "count": 3,
            "opened": "2026-01-31T23:59:59.123Z", "last_seen": "2026-01-31T23:59:59.123Z", "closed": closed,
        })
    };
    let closed = alert(1, Some("2026-01-31T23:59:59.123Z"));
    let change = json!({ "at": "2026-02-01T00:00:59.123Z", "alerts": { "set": { "1": closed, "2": alert(2, None) }, "gone": [] } });
    let tell = |change: serde_json::Value| {
        format!("stream.dispatchEvent(new MessageEvent('change', {{ data: {} }}))", json!(change.to_string()))
    };
    browser.value(&tell(change)).unwrap();
    browser.until("document.querySelectorAll('#alert-list li').length === 2").unwrap();
    let first = browser.text("#alert-list li:first-child").unwrap();
    for words in
        ["untrusted server", &format!("{MARKUP} at tap1"), &format!("it says {MARKUP}"), &format!("look at {MARKUP}")]
    {
        assert!(first.contains(words), "{words}: {first}");
    }
    assert_eq!(browser.text("#tile-alerts").unwrap(), "1");
    assert_eq!(browser.value("document.title").unwrap(), "(1) pxeguard");

    explains(&scene, &mut browser);
    let gone = json!({ "at": "2026-02-01T00:01:59.123Z", "alerts": { "set": {}, "gone": ["1", "2"] } });
    browser.value(&tell(gone)).unwrap();
    browser.until("document.querySelector('#alert-list').innerText.includes('No alert is open')").unwrap();
    let foreign = "document.querySelectorAll('main script, main img, dialog script, dialog img').length";
    assert_eq!(browser.value(foreign).unwrap(), 0);
    assert_eq!(browser.complaints().unwrap(), Vec::<String>::new());
}

/// What there is to say of a client is in the dialog, also of what stands on its screen.
fn explains(scene: &Scene, browser: &mut Browser) {
    let explained = json!({
        "mac": scene.client.mac().to_string().to_lowercase(), "outcome": "failed", "verdict": format!("it failed: {MARKUP}"),
        "causes": [{
            "cause": "second_dhcp_server", "likelihood": "certain", "what": format!("another one: {MARKUP}"),
            "evidence": [format!("its file {MARKUP}")], "next": format!("unplug {MARKUP}"),
        }],
        "screen": { "code": MARKUP, "text": "No boot filename received", "by": "a ROM", "means": format!("means {MARKUP}") },
        "attempts": [{
            "began": "2026-01-31T23:59:59.123Z", "left_out": 7,
            "steps": [{ "at": "2026-01-31T23:59:59.123Z", "who": MARKUP, "what": format!("offers {MARKUP}"), "is_trouble": true, "times": 2 }],
        }],
    });
    browser.value(&format!("window.explained = (url) => {{ window.asked = url; return {explained}; }}")).unwrap();
    scene.ask();
    browser.click("#client-rows [data-act=explain]").unwrap();
    browser.until("document.querySelector('#explain-body .steps')").unwrap();
    let shown = browser.text("#explain-body").unwrap();
    let words = ["it failed: ", "another one: ", "its file ", "unplug ", "means ", "offers "]
        .map(|word| format!("{word}{MARKUP}"));
    for words in words.iter().map(String::as_str).chain([
        "7 steps left out",
        "(2 times)",
        "certain",
        "No boot filename received",
    ]) {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    browser.value("document.querySelector('#screen').value = 'PXE-E53 & more'").unwrap();
    browser.click("#explain-body form button").unwrap();
    browser.until("window.asked.endsWith('/explain?screen=PXE-E53%20%26%20more')").unwrap();
    browser.click("#explain [data-close]").unwrap();
}
