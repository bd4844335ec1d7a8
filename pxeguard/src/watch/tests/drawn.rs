//! What is seen; the whole of it is in the picture of the documentation.

use ratatui::crossterm::event::KeyCode;
use ratatui::style::Color;

use super::scene::{ROGUE, app, client, drawn, overview, press, press_all, text};
use crate::report::ClientState;
use crate::watch::app::App;
use crate::watch::theme::Theme;

#[test]
fn a_small_terminal_shows_the_list_in_focus_alone() {
    let shown = text(&app(), (70, 9));
    let begins = [
        " pxeguard 0.1.0  enforce  vmbr0  3 ports  2 servers  since 2h  live",
        " passed           8/s     ",
        " dropped        440/s     ",
        "─ Clients 5, at 1 ─",
        "MAC ",
        "52:54:00:aa:00:01 ",
        "52:54:00:aa:00:02 ",
        "52:54:00:aa:00:04 ",
        " q quit  Tab next list ",
    ];
    assert_eq!(shown.len(), begins.len());
    for (line, begin) in shown.iter().zip(begins) {
        assert!(line.starts_with(begin), "{line:?} begins otherwise than {begin:?}");
    }
    let mut at_ports = app();
    press_all(&mut at_ports, "4");
    assert!(text(&at_ports, (70, 9))[3].starts_with("─ Ports 3, at 1 "));
}

#[test]
fn columns_that_matter_less_make_room() {
    let shown = text(&app(), (80, 26));
    let servers = shown.iter().position(|line| line.starts_with("─ Servers")).unwrap();
    assert_eq!(
        shown[servers + 1..servers + 3],
        [
            "PORT     GUEST          MAC               IP       TRUST   PASSED DROPPED LAST",
            "tap101i0 101 (lab) net0 7e:d6:93:fe:6b:e9 10.2.0.1 blocked      0   29880   3s",
        ]
    );
    let shown = text(&app(), (58, 26));
    assert_eq!(shown[servers + 2], "tap101i0 101 (lab) net0 7e:d6:93:fe:6b:e9 blocked   29880");
}

#[test]
fn no_size_of_a_terminal_is_too_small_or_too_large() {
    let mut filtering = app();
    press_all(&mut filtering, "/a");
    let mut explaining = app();
    press(&mut explaining, KeyCode::Enter);
    let mut helping = app();
    press_all(&mut helping, "?");
    for app in [&app(), &filtering, &explaining, &helping] {
        for width in [0, 1, 2, 5, 17, 40, 80, 300] {
            for height in [0, 1, 2, 3, 4, 5, 8, 15, 24, 100] {
                drawn(app, Theme::COLOURED, (width, height));
            }
        }
    }
}

#[test]
fn the_selected_row_is_in_sight_however_many_there_are() {
    let mut many = overview(7200.0, 1, 1);
    many.clients = (0..200).map(|number| client(number, ClientState::Loading, Some(1_000_000), "loading")).collect();
    let mut app = App::new(many);
    for _ in 0..150 {
        press_all(&mut app, "j");
    }
    let shown = text(&app, (100, 30));
    assert!(shown.iter().any(|line| line.starts_with("─ Clients 200, at 151 ")), "{shown:#?}");
    assert!(shown.iter().any(|line| line.starts_with("52:54:00:aa:00:96 ")), "{shown:#?}");
    for panel in ["─ Alerts 1 ", "─ Servers 2 ", "─ Ports 3 "] {
        assert!(shown.iter().any(|line| line.starts_with(panel)), "{panel}: {shown:#?}");
    }
}

#[test]
fn trust_is_green_and_who_is_blocked_is_red_unless_colours_are_not_wanted() {
    let buffer = drawn(&app(), Theme::COLOURED, (112, 26));
    let colour_of = |word: &str| {
        let content = buffer.content();
        let at = (0..content.len()).find(|at| {
            word.chars()
                .enumerate()
                .all(|(more, c)| content.get(at + more).is_some_and(|cell| cell.symbol() == c.to_string()))
        });
        content[at.unwrap_or_else(|| panic!("{word} is not there"))].fg
    };
    assert_eq!((colour_of("dhcp "), colour_of("blocked"), colour_of(ROGUE)), (Color::Green, Color::Red, Color::Red));
    assert_eq!((colour_of("enforce"), colour_of("has loaded")), (Color::Green, Color::Green));
    let plain = drawn(&app(), Theme::PLAIN, (112, 26));
    assert!(plain.content().iter().all(|cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset)));
}

#[test]
fn a_mode_that_only_observes_shows_what_it_would_drop() {
    let mut observing = overview(7200.0, 1, 0);
    observing.status.mode = "observe".to_owned();
    observing.servers[1].would_drop = 7;
    observing.status.problems = (1..=4).map(|number| format!("eno{number}: not guarded: no\u{1b}[2J")).collect();
    let shown = text(&App::new(observing), (112, 30));
    assert!(shown[2].starts_with(" would drop"), "{shown:#?}");
    assert!(shown.iter().any(|line| line.contains("WOULD-DROP")), "{shown:#?}");
    assert!(shown[3].starts_with(" eno1: not guarded") && shown[4].ends_with("(and 2 more)"), "{shown:#?}");
}

#[test]
fn nothing_from_the_wire_commands_the_terminal() {
    let hostile = "\u{1b}[2J\u{9b}31m\u{7}\n\u{202e}";
    let mut all = overview(7200.0, 1, 1);
    all.servers[0].port = hostile.to_owned();
    all.servers[0].guest = Some(hostile.to_owned());
    all.clients[0].explanation = hostile.to_owned();
    all.clients[0].arch = Some(hostile.to_owned());
    all.alerts[0].message = hostile.to_owned();
    all.ports[0].reason = hostile.to_owned();
    let mut app = App::new(all);
    press(&mut app, KeyCode::Enter);
    let shown = text(&app, (112, 30)).join("");
    assert!(!shown.contains(char::is_control), "{shown:?}");
    // It is to be seen that something was there: of the client, and of the server's port and guest.
    app.overlay = None;
    let shown = text(&app, (112, 30)).join("");
    assert!(shown.matches("\u{fffd}[2J\u{fffd}31m").count() >= 4, "{shown:?}");
}

#[test]
fn what_there_is_none_of_is_one_line() {
    let mut nothing = overview(7200.0, 0, 0);
    (nothing.servers, nothing.clients, nothing.alerts) = (Vec::new(), Vec::new(), Vec::new());
    let shown = text(&App::new(nothing), (112, 30));
    let lines = [
        "─ Alerts: none is open ",
        "─ Servers: no DHCP or PXE server's reply came in yet ",
        "─ Clients: no PXE or HTTP boot client asked yet ",
        "─ Ports 3 ",
    ];
    for (shown, expected) in shown[3..].iter().zip(lines) {
        assert!(shown.starts_with(expected), "{shown}");
    }
}
