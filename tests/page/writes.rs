//! Who may change something.

use std::sync::PoisonError;

use pxeguard_lab::servers::dnsmasq;
use pxeguard_lab::{Pool, skip_unless, until};

use crate::scene::{Scene, mac};
use crate::{MACHINE, SOON};

#[test]
fn a_server_is_trusted_and_blocked_by_buttons_with_the_token_and_by_nobody_without() {
    skip_unless!("chromium", "dnsmasq");
    let _shared = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
    let scene = Scene::new();
    let guard = scene.guard(&[]);
    let _rogue = dnsmasq::start(&scene.rogue, &Pool::ROGUE, &[]).unwrap();
    scene.ask();
    let mut browser = scene.look();
    let trust = format!("{}@{}", mac(&scene.rogue), scene.rogue.port());
    let button = |verb: &str| format!("[aria-label='{verb} {} at {}']", mac(&scene.rogue), scene.rogue.port());

    // Without it, a button asks for the token; what the page cannot do, a script in it cannot either.
    browser.click(&button("Trust")).unwrap();
    browser.until("document.querySelector('#token').open").unwrap();
    let write = |header: &str| {
        format!(
            "fetch('api/v1/trusts', {{ method: 'POST', headers: {{ 'Content-Type': 'application/json', {header} }}, \
             body: JSON.stringify({{ trust: '{trust}' }}) }}).then((answer) => answer.status)"
        )
    };
    assert_eq!(browser.value(&write("")).unwrap(), 401);
    assert_eq!(browser.value(&write("Authorization: 'Bearer 00'")).unwrap(), 401);
    browser.value("document.querySelector('#token-field').value = 'wrong'").unwrap();
    browser.click("#token-form button").unwrap();
    browser.until("document.querySelector('#token-wrong').innerText.includes('the token is wrong')").unwrap();
    assert!(!guard.json("trust list").unwrap().to_string().contains(&trust), "nothing was changed");

    let token = guard.run(["token"]).unwrap();
    browser.value(&format!("document.querySelector('#token-field').value = '{}'", token.trim())).unwrap();
    browser.click("#token-form button").unwrap();
    browser.until("!document.querySelector('#token').open").unwrap();
    for (verb, is_trusted) in [("Trust", true), ("Block", false)] {
        browser.click(&button(verb)).unwrap();
        browser.until("document.querySelector('#confirm').open").unwrap();
        browser.click("#confirm-yes").unwrap();
        let trusts = || guard.json("trust list").unwrap().to_string().contains(&trust);
        until(SOON, &format!("after {verb}, the trust is there: {is_trusted}"), || trusts() == is_trusted).unwrap();
    }
    browser.click(&button("Trust")).unwrap();
    browser.click("#confirm [data-close]").unwrap();
    assert!(!guard.json("trust list").unwrap().to_string().contains(&trust), "it was not confirmed");
    // What the refusals above were, and nothing else.
    let complaints = browser.complaints().unwrap();
    assert!(complaints.iter().all(|said| said.contains("401 (Unauthorized)")), "{complaints:?}");
}
