//! Two hundred clients that boot at once, before the eyes of somebody.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use pxeguard_lab::load::{storm::Storm, tftp};
use pxeguard_lab::{Guard, skip_unless, until};
use serde_json::Value;

use crate::scene::{SERVER, Scene};
use crate::{MACHINE, SOON};

const CLIENTS: u16 = 200;
/// More than the boot program that it begins with; enough for some seconds of transfers, and not so many that they
/// take the CPUs from the browser, which is elsewhere otherwise.
const PROGRAM_BYTES: usize = 1 << 18;
/// How late the page may be.
const LATE: Duration = Duration::from_secs(1);
/// Of a core, for those who look; what the guard's own task does besides is in it.
const SHARE: f64 = 0.1;

/// Notes when each client has appeared, by the clock that is the daemon's, too.
const WATCH: &str = "{
    window.appeared = {};
    const note = () => document.querySelectorAll('#client-rows tr[data-key]').forEach((row) => { appeared[row.dataset.key] ??= Date.now(); });
    new MutationObserver(note).observe(document.querySelector('#client-rows'), { childList: true });
}";

#[test]
fn two_hundred_boots_at_once_are_followed_within_a_second_at_a_tenth_of_a_core() {
    skip_unless!("chromium", "dnsmasq", "/usr/lib/ipxe/snponly.efi");
    let _alone = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
    let scene = Scene::new();
    // Whatever is at the end of a program, its head says what it is.
    let mut program = std::fs::read(pxeguard_lab::provided("/usr/lib/ipxe/snponly.efi").unwrap()).unwrap();
    program.resize(PROGRAM_BYTES, 0);
    scene.add("snponly.efi", &program);
    let guard = scene.guard(&[]);
    let hall = scene.lab.attach("hall").unwrap();
    hall.add_address("10.77.1.1/16").unwrap();
    let clients = tftp::addresses(&hall, "10.77.2.0".parse().unwrap(), CLIENTS).unwrap();
    let mut browser = scene.look();
    browser.value(WATCH).unwrap();

    let (began, before) = (Instant::now(), viewing_time(&guard));
    let storm = Storm { clients: &clients, server: SERVER.parse().unwrap(), program: &program };
    let weathered = storm.run(&hall).unwrap();
    assert_eq!(weathered.served, usize::from(CLIENTS), "{:?}", weathered.why_not);
    browser.until("document.querySelectorAll('#client-rows .pill.good').length === 200").unwrap();
    let share = (viewing_time(&guard) - before).as_secs_f64() / began.elapsed().as_secs_f64();

    let known = guard.json("clients").unwrap();
    let appeared = browser.value("appeared").unwrap();
    let late = known.as_array().unwrap().iter().map(|client| lateness(client, &appeared)).max().unwrap();
    println!(
        "{CLIENTS} boots in {:.1} s: at most {late} ms late, {:.1} % of a core",
        weathered.elapsed.as_secs_f64(),
        share * 100.0
    );
    assert!(late < LATE.as_millis() as i64, "{late} ms late");
    assert!(share < SHARE, "{:.1} % of a core", share * 100.0);
    drop(browser);
    let viewers = || guard.process().output();
    until(SOON, "the daemon has gone on", || guard.json("status").is_ok())
        .unwrap_or_else(|why| panic!("{why}: {}", viewers()));
}

/// Milliseconds from a client's first question until it was on the page.
fn lateness(client: &Value, appeared: &Value) -> i64 {
    let text = client["first_seen"].as_str().expect("a client was first seen");
    let seen = unix_ms(text);
    let key = client["mac"].as_str().or(client["ip"].as_str()).expect("it is known by an address");
    appeared[key].as_i64().unwrap_or_else(|| panic!("{key} has not appeared")) - seen
}

/// Milliseconds since 1970 of `2026-01-31T23:59:59.123Z`.
fn unix_ms(text: &str) -> i64 {
    let timestamp: pxeguard::time::Timestamp = text.parse().expect("RFC 3339");
    (timestamp.unix_seconds() * 1000.0) as i64
}

/// CPU time of the threads that look and are looked at: the server of the page, and the guard's own task.
fn viewing_time(guard: &Guard) -> Duration {
    let pid = guard.process().pid();
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten().map(|thread| thread.path());
    let viewing = threads.filter(|thread| {
        let name = std::fs::read_to_string(thread.join("comm")).unwrap_or_default();
        name == "web\n" || name == "pxeguard\n"
    });
    // The first number of schedstat is nanoseconds on a CPU (Documentation/scheduler/sched-stats.rst).
    let times = viewing.map(|thread| {
        let stat = std::fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
        stat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0)
    });
    Duration::from_nanos(times.sum())
}
