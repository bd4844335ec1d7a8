//! How it looks: on a wide screen and on a phone, by day and by night.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::sync::PoisonError;

use pxeguard_lab::servers::dnsmasq;
use pxeguard_lab::{Client, Pool, skip_unless};

use crate::MACHINE;
use crate::browser::{Browser, Scheme};
use crate::machine::Machine;
use crate::scene::Scene;

/// Names the folder for the pictures, which else are thrown away.
const FOLDER: &str = "PXEGUARD_SCREENSHOTS";
/// Each picture is less than this, so that the pages that show them stay light.
const MAX_BYTES: usize = 150_000;

#[test]
fn it_fits_a_screen_and_a_phone_by_day_and_by_night() {
    skip_unless!("chromium", "dnsmasq", "busybox", "/usr/lib/ipxe/snponly.efi");
    let _shared = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
    let scene = Scene::new();
    scene.add_copy("/usr/lib/ipxe/snponly.efi");
    let guard = scene.guard(&[]);
    let _rogue = dnsmasq::start(&scene.rogue, &Pool::ROGUE, &[]).unwrap();
    let mut browser = scene.look();
    assert_eq!(Client::Udhcpc.lease(&scene.client).unwrap().server_id, Pool::TRUSTED.server);
    let hall = scene.lab.attach("hall").unwrap();
    let machines = [0, 7, 7, 7, 0].into_iter().zip(1..).map(|(arch, number)| Machine::new(&hall, number, arch));
    let machines: Vec<_> = machines.inspect(Machine::asks).collect();
    let _fetching = [
        machines[1].fetches("snponly.efi", u16::MAX),
        machines[2].fetches("snponly.efi", 60),
        machines[3].fetches("snponly.efi", 110),
        machines[4].fetches("pxelinux.0", 1),
    ];
    browser.until("document.querySelectorAll('#client-rows tr').length === 5").unwrap();
    browser.until("document.querySelectorAll('#client-rows progress').length === 3").unwrap();
    browser.until("[...document.querySelectorAll('#client-rows progress')].every((bar) => bar.value > 0)").unwrap();
    browser.until("document.querySelectorAll('#server-rows .pill.bad').length === 1").unwrap();
    // Some more, so that the plot has something to show.
    for _ in 0..4 {
        assert_eq!(Client::Udhcpc.lease(&scene.client).unwrap().server_id, Pool::TRUSTED.server);
    }
    browser.until("document.querySelector('#plot path.passed').getAttribute('d')").unwrap();

    let ground = "getComputedStyle(document.body).backgroundColor";
    let mut grounds = Vec::new();
    for (name, width, height, scheme) in [
        ("page-light", 1180, 1000, Scheme::Light),
        ("page-dark", 1180, 1000, Scheme::Dark),
        ("page-phone", 390, 844, Scheme::Light),
    ] {
        browser.look(width, height, scheme).unwrap();
        browser.until(&format!("innerWidth === {width}")).unwrap();
        let too_wide = "[...document.querySelectorAll('body *')].filter((it) => it.getBoundingClientRect().right > innerWidth + 1 \
            && !it.closest('.hidden, thead, .skip, nav, svg, dialog')).map((it) => it.outerHTML.slice(0, 80))";
        assert_eq!(browser.value(too_wide).unwrap(), serde_json::json!([]), "{name}");
        assert_eq!(browser.value("document.documentElement.scrollWidth <= innerWidth").unwrap(), true, "{name}");
        grounds.push(browser.value(ground).unwrap().to_string());
        keep(name, &mut browser);
    }
    assert_eq!(grounds[0], grounds[2]);
    browser.look(880, 760, Scheme::Light).unwrap();
    browser.click("#client-rows [data-act=explain]").unwrap();
    browser.until("document.querySelector('#explain-body form')").unwrap();
    keep("page-explain", &mut browser);
    browser.click("#explain [data-close]").unwrap();
    assert_ne!(grounds[0], grounds[1], "the night has colours of its own");
    is_for_everybody(&mut browser);
    assert_eq!(browser.complaints().unwrap(), Vec::<String>::new(), "{}", guard.process().output());
}

/// Takes a picture of what is shown, and keeps it if somebody wants it.
fn keep(name: &str, browser: &mut Browser) {
    let picture = decoded(&browser.picture().unwrap());
    assert!(picture.starts_with(b"\x89PNG") && picture.len() < MAX_BYTES, "{name}: {} bytes", picture.len());
    if let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) {
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{name}.png")), picture).unwrap();
    }
}

/// Every control has a name that can be read out, and every heading its place.
fn is_for_everybody(browser: &mut Browser) {
    let nameless = "[...document.querySelectorAll('button, a, input, progress, svg[role=img]')].filter((it) => !(it.innerText?.trim() \
        || it.getAttribute('aria-label') || it.getAttribute('aria-labelledby') || it.labels?.length)).map((it) => it.outerHTML)";
    let shown = browser.value(nameless).unwrap();
    // A button of a dialog that is not open shows no text.
    let nameless: Vec<_> =
        shown.as_array().unwrap().iter().filter(|it| !it.to_string().contains("confirm-yes")).collect();
    assert!(nameless.is_empty(), "{nameless:?}");
    let order =
        browser.value("[...document.querySelectorAll('h1, main h2')].map((it) => it.tagName).join(' ')").unwrap();
    assert_eq!(order, "H1 H2 H2 H2 H2 H2");
}

/// From Base64 (RFC 4648 §4).
fn decoded(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'=').map(value).collect();
    let quad = |quad: &[u8]| {
        let bits = quad.iter().fold(0_u32, |bits, digit| bits << 6 | u32::from(*digit)) << (6 * (4 - quad.len()));
        bits.to_be_bytes()[1..quad.len()].to_vec()
    };
    digits.chunks(4).flat_map(quad).collect()
}
