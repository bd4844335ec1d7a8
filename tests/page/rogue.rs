//! What a rogue says comes to the page soon, and as text.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use pxeguard_lab::servers::dnsmasq;
use pxeguard_lab::{Pool, skip_unless};

use crate::MACHINE;
use crate::scene::{Scene, URL, mac};

/// How soon somebody who looks sees a server that nobody trusts.
const SEEN_WITHIN: Duration = Duration::from_secs(2);

#[test]
fn a_rogue_is_on_the_page_two_seconds_after_its_first_reply() {
    skip_unless!("chromium", "dnsmasq");
    let _shared = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
    let scene = Scene::new();
    let guard = scene.guard(&[]);
    let mut browser = scene.look();
    let _rogue = dnsmasq::start(&scene.rogue, &Pool::ROGUE, &[]).unwrap();
    assert!(!browser.text("#server-rows").unwrap().contains(&mac(&scene.rogue)));
    // It answers after this, and not before.
    let asked = Instant::now();
    scene.ask();
    let row = format!(
        "[...document.querySelectorAll('#server-rows tr')].find((row) => row.innerText.includes('{}'))",
        mac(&scene.rogue)
    );
    browser.until(&format!("{row}?.querySelector('.pill.bad')?.innerText === 'blocked'")).unwrap();
    let seen = asked.elapsed();
    assert!(seen < SEEN_WITHIN, "{seen:?}\n{}", guard.process().output());
    assert_eq!(browser.value("document.querySelectorAll('#server-rows .pill.good').length").unwrap(), 1);
    browser.until("document.querySelector('#plot path.dropped').getAttribute('d')").unwrap();
    assert_eq!(browser.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn names_that_are_markup_are_shown_as_they_are() {
    skip_unless!("chromium", "dnsmasq");
    let _shared = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
    let mut scene = Scene::new();
    scene.lab.rename(&mut scene.rogue, "<s>port").unwrap();
    let _guard = scene.guard(&[]);
    let words =
        ["--dhcp-boot=<script>alert(4)</script>,<s>host</s>", "--dhcp-option-force=60,<img src=x onerror=alert(5)>"];
    let _rogue = dnsmasq::start(&scene.rogue, &Pool::ROGUE, &words).unwrap();
    let mut browser = scene.look();
    let file = "<img src=x onerror=alert(1)><script>alert(2)</script>";
    scene.ask();
    let _asking = scene.want(file);
    browser.until("document.querySelector('#client-rows').innerText.includes('<script>alert(2)')").unwrap();
    browser.until("document.querySelector('#server-rows').innerText.includes('<s>port')").unwrap();
    assert!(browser.text("#client-rows").unwrap().contains(file));
    assert!(browser.text("#port-rows").unwrap().contains("<s>port"));
    browser.click("#client-rows [data-act=explain]").unwrap();
    browser.until("document.querySelector('#explain-body form')").unwrap();
    let foreign =
        "document.querySelectorAll('main script, main img, main s, dialog script, dialog img, dialog s').length";
    assert_eq!(browser.value(foreign).unwrap(), 0);
    assert_eq!(browser.complaints().unwrap(), Vec::<String>::new());
    // What the checks look for can be seen: such a script is kept from running, and complained of.
    browser.value("{ const it = document.createElement('script'); it.textContent = 'alert(3)'; document.querySelector('main').append(it); }").unwrap();
    assert_eq!(browser.value(foreign).unwrap(), 1);
    assert!(browser.complaints().unwrap().iter().any(|said| said.contains("Content Security Policy")));
    assert_eq!(browser.value("location.href").unwrap(), URL);
}
