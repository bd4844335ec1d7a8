//! What keys do.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::scene::{app, now, overview, press, press_all, text};
use crate::report::{Explanation, Outcome};
use crate::trust::MacAddress;
use crate::watch::app::{Effect, Link, Overlay};
use crate::watch::panel::Panel;

const SIZE: (u16, u16) = (100, 30);
/// The client that needs somebody, which is the first one.
const FAILED: MacAddress = MacAddress([0x52, 0x54, 0, 0xaa, 0, 1]);

#[test]
fn quitting_has_its_keys() {
    for key in [KeyCode::Char('q'), KeyCode::Esc] {
        assert_eq!(press(&mut app(), key), Effect::Quit);
    }
    let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(app().on_key(control_c), Effect::Quit);
    let mut filtering = app();
    press_all(&mut filtering, "/q");
    assert_eq!(filtering.filter.as_str(), "q");
    assert_eq!(filtering.on_key(control_c), Effect::Quit);
}

#[test]
fn tab_goes_round_the_lists() {
    let mut app = app();
    assert_eq!(app.focus, Panel::Clients);
    for expected in [Panel::Ports, Panel::Alerts, Panel::Servers, Panel::Clients] {
        press(&mut app, KeyCode::Tab);
        assert_eq!(app.focus, expected);
    }
    press(&mut app, KeyCode::BackTab);
    assert_eq!(app.focus, Panel::Servers);
    press_all(&mut app, "4");
    assert_eq!(app.focus, Panel::Ports);
}

#[test]
fn the_selection_stays_with_its_row_and_within_the_list() {
    let mut app = app();
    let selected = |app: &crate::watch::app::App| {
        let (rows, at) = app.rows(Panel::Clients);
        rows[at].cells[0].text.clone()
    };
    press_all(&mut app, "jj");
    let third = selected(&app);
    let mut fewer = overview(7300.0, 9000, 9000);
    fewer.clients.retain(|client| client.mac != Some(FAILED));
    app.on_overview(fewer);
    assert_eq!((selected(&app), app.rows(Panel::Clients).1), (third, 1));
    press_all(&mut app, "jjjjjjjj");
    assert_eq!(app.rows(Panel::Clients).1, 3);
    press_all(&mut app, "gk");
    assert_eq!(app.rows(Panel::Clients).1, 0);
    press(&mut app, KeyCode::End);
    let mut none = overview(7301.0, 9000, 9000);
    none.clients.clear();
    app.on_overview(none);
    press_all(&mut app, "jkG");
    assert_eq!(press(&mut app, KeyCode::Enter), Effect::Draw, "there is nobody to ask about");
}

#[test]
fn a_filter_leaves_what_has_the_text_in_any_column_until_it_is_taken_back() {
    let mut app = app();
    press_all(&mut app, "/WEB01");
    let (ports, _) = app.rows(Panel::Ports);
    assert_eq!((ports.len(), app.rows(Panel::Clients).0.len()), (1, 0));
    press(&mut app, KeyCode::Enter);
    let shown = text(&app, SIZE);
    assert!(shown.iter().any(|line| line.contains("Clients: none of 5 has this text")), "{shown:#?}");
    assert!(shown.last().unwrap().contains("filter: WEB01"), "{shown:#?}");
    assert_eq!(press(&mut app, KeyCode::Esc), Effect::Draw);
    assert_eq!(app.rows(Panel::Clients).0.len(), 5);
    press_all(&mut app, "/x");
    press(&mut app, KeyCode::Backspace);
    assert!(app.filter.is_empty() && app.is_filtering);
    assert_eq!(press(&mut app, KeyCode::Esc), Effect::Draw);
    assert!(!app.is_filtering);
}

#[test]
fn enter_on_a_client_asks_and_shows_what_was_told_of_that_one() {
    let mut app = app();
    assert_eq!(press(&mut app, KeyCode::Enter), Effect::Explain(FAILED));
    assert!(text(&app, SIZE).iter().any(|line| line.contains("asking ...")));
    let explanation = |mac| Explanation {
        mac,
        outcome: Outcome::Failed,
        verdict: format!("{mac} did not boot"),
        causes: Vec::new(),
        screen: None,
        attempts: Vec::new(),
    };
    let other = MacAddress([2; 6]);
    app.on_explained(other, Ok(Box::new(explanation(other))));
    assert!(matches!(app.overlay, Some(Overlay::Explanation { told: None, .. })));
    app.on_explained(FAILED, Ok(Box::new(explanation(FAILED))));
    assert!(text(&app, SIZE).iter().any(|line| line.contains("52:54:00:aa:00:01 did not boot")));
    assert_eq!(press(&mut app, KeyCode::Char('q')), Effect::Draw, "it closes what lies over the lists");
    assert_eq!(app.overlay, None);
}

#[test]
fn enter_on_another_row_shows_all_of_it_until_any_key() {
    let mut app = app();
    press_all(&mut app, "1");
    press(&mut app, KeyCode::Enter);
    let shown = text(&app, SIZE).join("\n");
    assert!(shown.contains("stop it in guest 101, or trust it"), "{shown}");
    press_all(&mut app, "x");
    assert_eq!(app.overlay, None);
}

#[test]
fn what_is_held_does_not_change_until_it_goes_on() {
    let mut app = app();
    press_all(&mut app, "p");
    let held = app.overview.clone();
    app.on_overview(overview(7400.0, 1, 1));
    assert_eq!(app.overview, held);
    assert!(text(&app, SIZE)[0].ends_with("held (p goes on)"));
    press_all(&mut app, "p");
    app.on_overview(overview(7400.5, 2, 2));
    assert_ne!(app.overview, held);
}

#[test]
fn a_daemon_that_is_gone_is_said_to_be_until_it_is_back() {
    let mut app = app();
    app.on_gone("no pxeguard runs here any more".to_owned(), now());
    app.on_gone("no pxeguard runs here: \u{1b}[2J".to_owned(), super::scene::later(3));
    let Link::Gone { since, .. } = &app.link else { panic!("{:?}", app.link) };
    assert_eq!(*since, now());
    let shown = text(&app, SIZE);
    assert!(shown[0].ends_with("gone"), "{shown:#?}");
    assert!(shown[3].contains("no answer for 0 s, asking again: no pxeguard runs here: "), "{shown:#?}");
    // Its counters begin anew, or have gone on meanwhile: neither is a rate.
    app.on_overview(overview(7500.0, 1_000_000, 0));
    let rate = |app: &crate::watch::app::App| app.rates.now(pxeguard_common::verdict::Verdict::Pass);
    assert_eq!((&app.link, rate(&app) < 100), (&Link::Live, true));
    app.on_overview(overview(7500.5, 1_000_005, 0));
    assert_eq!(rate(&app), 10);
    app.on_overview(overview(7501.0, 3, 0));
    assert_eq!(rate(&app), 0);
}
