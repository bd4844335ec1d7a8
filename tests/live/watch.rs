//! `pxeguard watch`: the real program at a terminal, beside a real daemon.

use std::time::{Duration, Instant};

use macaddr::MacAddr6;
use nix::sys::signal::Signal;
use pxeguard_lab::frames::Message;
use pxeguard_lab::{BRIDGE, Guard, Lab, Terminal, guard, skip_unless, until};

use crate::scene::{SOON, Scene};

const ROGUE: &str = "02:00:00:00:66:01";

fn watch(lab: &Lab) -> Terminal {
    let program = guard::program().unwrap();
    Terminal::start(lab.hypervisor(), &[program.to_str().unwrap(), "watch"], (100, 30)).unwrap()
}

fn has_ended_cleanly(terminal: &Terminal) {
    assert!(terminal.wait_end(SOON).unwrap().success(), "{}", terminal.text());
    until(SOON, "the screen is given back", || !terminal.is_taken_over() && terminal.has_cursor()).unwrap();
    assert!(terminal.is_as_it_was().unwrap());
}

#[test]
fn a_rogue_appears_within_two_seconds_and_q_gives_the_terminal_back() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let rogue = lab.attach("rogue").unwrap();
    let guard = Guard::start(&lab, ["--iface", BRIDGE, "--mode", "enforce"]).unwrap();
    let terminal = watch(&lab);
    terminal.wait(SOON, "it is there", |text| text.contains("enforce") && text.contains("p-rogue")).unwrap();
    assert!(terminal.is_taken_over() && !terminal.text().contains(ROGUE));
    let sent = Instant::now();
    rogue.raw().unwrap().send(&Message::offer().frame()).unwrap();
    terminal.wait(SOON, "the rogue appears", |text| text.contains(ROGUE) && text.contains("blocked")).unwrap();
    assert!(sent.elapsed() < Duration::from_secs(2), "{:?}", sent.elapsed());

    terminal.resize(60, 20).unwrap();
    terminal.wait(SOON, "it is drawn anew", |text| text.lines().count() == 20 && text.contains("q quit")).unwrap();
    terminal.press("/nobody-has-this").unwrap();
    terminal.wait(SOON, "it is filtered", |text| !text.contains(ROGUE)).unwrap();
    terminal.press("\u{1b}").unwrap();
    terminal.wait(SOON, "the filter is taken back", |text| text.contains(ROGUE)).unwrap();
    terminal.press("?").unwrap();
    terminal.wait(SOON, "the keys are explained", |text| text.contains("Shift-Tab")).unwrap();
    terminal.press("xq").unwrap();
    has_ended_cleanly(&terminal);
    drop(guard);
}

#[test]
fn a_daemon_that_goes_is_missed_and_one_that_comes_back_is_found() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let guard = Guard::start(&lab, ["--iface", BRIDGE]).unwrap();
    let terminal = watch(&lab);
    terminal.wait(SOON, "it is there", |text| text.contains("live")).unwrap();
    guard.stop().unwrap();
    terminal.wait(SOON, "it is missed", |text| text.contains("no pxeguard runs here")).unwrap();
    let _guard = Guard::start(&lab, ["--iface", BRIDGE]).unwrap();
    terminal.wait(SOON, "it is found", |text| text.contains("live")).unwrap();
    terminal.process().signal(Signal::SIGTERM).unwrap();
    has_ended_cleanly(&terminal);
}

#[test]
fn two_hundred_machines_that_boot_are_followed_within_a_second() {
    skip_unless!();
    let scene = Scene::new();
    // The kernel tells only some of those whom it answers in one tick.
    let _guard = scene.guard(&["--client-messages-per-s", "0", "--no-fast-path"]);
    let terminal = watch(&scene.lab);
    let ask = |number: u8| {
        let mac = MacAddr6::new(2, 0, 0, 0, 0x77, number);
        let discover = scene.discover(u32::from(number)).with(|discover| {
            (discover.source_mac, discover.bootp.chaddr) = (mac, mac);
        });
        scene.at_client.send(&discover.frame()).unwrap();
    };
    (0..200).for_each(ask);
    terminal.wait(SOON, "all are there", |text| text.contains("Clients 200")).unwrap();
    terminal.press("/no-such-client\r").unwrap();
    terminal.wait(SOON, "they are filtered", |text| text.contains("none of 200")).unwrap();
    // Other tests may have the CPUs for a while.
    let follow = |number: u8| {
        let asked = Instant::now();
        ask(number);
        let count = format!("none of {}", u16::from(number) + 1);
        terminal.wait(SOON, "it is counted", |text| text.contains(&count)).unwrap();
        asked.elapsed()
    };
    let took: Vec<_> = (200..204).map(follow).collect();
    assert!(took.iter().min() < Some(&Duration::from_secs(1)), "{took:?}");
}

#[test]
fn without_a_terminal_it_says_what_to_use_instead() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let ran = guard::run_any(lab.hypervisor(), ["watch"]).unwrap();
    let said = String::from_utf8_lossy(&ran.output.stderr).into_owned();
    assert_eq!((ran.output.status.code(), ran.output.stdout.as_slice()), (Some(1), &b""[..]));
    assert!(said.contains("watch needs a terminal") && said.lines().count() == 1, "{said}");
}
