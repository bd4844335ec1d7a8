//! What is shown, and what keys do: no terminal, no daemon, no clock.

use std::time::Duration;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::filter::Filter;
use super::panel::{Panel, Row};
use super::rates::Rates;
use crate::report::{Explanation, Overview};
use crate::time::Timestamp;
use crate::trust::MacAddress;

/// Rows of a page.
const PAGE: usize = 10;

/// Everything that is shown.
#[derive(Debug)]
pub struct App {
    pub overview: Overview,
    pub rates: Rates,
    pub link: Link,
    /// The list that keys are about.
    pub focus: Panel,
    pub filter: Filter,
    pub is_filtering: bool,
    pub is_paused: bool,
    pub overlay: Option<Overlay>,
    /// The selected row of each list.
    selected: [Option<String>; Panel::ALL.len()],
}

/// Whether the daemon answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Link {
    /// It does.
    Live,
    /// It does not any more.
    Gone {
        /// Why, on one line.
        why: String,
        /// Since when.
        since: Timestamp,
    },
}

/// What lies over the lists.
#[derive(Clone, Debug, PartialEq)]
pub enum Overlay {
    /// The keys.
    Help,
    /// All of a row, by headings, where the list has no room for it.
    Row { title: &'static str, parts: Vec<(&'static str, String)> },
    /// Why a client boots or not.
    Explanation {
        mac: MacAddress,
        /// `None` until it is there.
        told: Option<Result<Box<Explanation>, String>>,
        /// Lines that are scrolled away.
        scrolled: u16,
    },
}

/// What has to be done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Effect {
    /// Nothing but to draw.
    Draw,
    /// To end.
    Quit,
    /// To ask about a client.
    Explain(MacAddress),
}

impl App {
    /// With the first that is known.
    pub fn new(overview: Overview) -> Self {
        let mut rates = Rates::default();
        rates.note(&overview);
        let focus = if overview.clients.is_empty() { Panel::Servers } else { Panel::Clients };
        Self {
            overview,
            rates,
            link: Link::Live,
            focus,
            filter: Filter::default(),
            is_filtering: false,
            is_paused: false,
            overlay: None,
            selected: [const { None }; Panel::ALL.len()],
        }
    }

    /// The daemon has answered.
    pub fn on_overview(&mut self, overview: Overview) {
        self.link = Link::Live;
        self.rates.note(&overview);
        if !self.is_paused {
            self.overview = overview;
        }
    }

    /// It has not.
    pub fn on_gone(&mut self, why: String, now: Timestamp) {
        self.rates.interrupt();
        let since = match self.link {
            Link::Live => now,
            Link::Gone { since, .. } => since,
        };
        self.link = Link::Gone { why, since };
    }

    /// What was asked about a client is there.
    pub fn on_explained(&mut self, about: MacAddress, explained: Result<Box<Explanation>, String>) {
        if let Some(Overlay::Explanation { mac, told, .. }) = &mut self.overlay
            && *mac == about
        {
            *told = Some(explained);
        }
    }

    /// Somebody has pressed a key.
    pub fn on_key(&mut self, key: KeyEvent) -> Effect {
        if key.kind == KeyEventKind::Release {
            return Effect::Draw;
        }
        // The terminal is in raw mode, and sends no signal for it.
        if key.modifiers.contains(KeyModifiers::CONTROL) && matches!(key.code, KeyCode::Char('c' | 'd')) {
            return Effect::Quit;
        }
        if self.is_filtering {
            self.on_filter_key(key.code);
            return Effect::Draw;
        }
        match &mut self.overlay {
            Some(Overlay::Help | Overlay::Row { .. }) => self.overlay = None,
            Some(Overlay::Explanation { scrolled, .. }) => match key.code {
                KeyCode::Down | KeyCode::Char('j') => *scrolled = scrolled.saturating_add(1),
                KeyCode::Up | KeyCode::Char('k') => *scrolled = scrolled.saturating_sub(1),
                KeyCode::PageDown | KeyCode::Char(' ') => *scrolled = scrolled.saturating_add(PAGE as u16),
                KeyCode::PageUp => *scrolled = scrolled.saturating_sub(PAGE as u16),
                KeyCode::Esc | KeyCode::Char('q') | KeyCode::Enter => self.overlay = None,
                _ => {}
            },
            None => return self.on_list_key(key.code),
        }
        Effect::Draw
    }

    fn on_filter_key(&mut self, key: KeyCode) {
        match key {
            KeyCode::Esc => {
                self.filter.clear();
                self.is_filtering = false;
            }
            KeyCode::Enter => self.is_filtering = false,
            KeyCode::Backspace => self.filter.pop(),
            KeyCode::Char(c) => self.filter.push(c),
            _ => {}
        }
    }

    fn on_list_key(&mut self, key: KeyCode) -> Effect {
        match key {
            KeyCode::Char('q') => return Effect::Quit,
            // The first one takes the filter back.
            KeyCode::Esc if !self.filter.is_empty() => self.filter.clear(),
            KeyCode::Esc => return Effect::Quit,
            KeyCode::Tab => self.turn(1),
            KeyCode::BackTab => self.turn(Panel::ALL.len() - 1),
            KeyCode::Char(c @ '1'..='4') => self.focus = Panel::ALL[c as usize - '1' as usize],
            KeyCode::Down | KeyCode::Char('j') => self.select(|at, last| (at + 1).min(last)),
            KeyCode::Up | KeyCode::Char('k') => self.select(|at, _| at.saturating_sub(1)),
            KeyCode::PageDown | KeyCode::Char(' ') => self.select(|at, last| (at + PAGE).min(last)),
            KeyCode::PageUp => self.select(|at, _| at.saturating_sub(PAGE)),
            KeyCode::Home | KeyCode::Char('g') => self.select(|_, _| 0),
            KeyCode::End | KeyCode::Char('G') => self.select(|_, last| last),
            KeyCode::Char('/') => self.is_filtering = true,
            KeyCode::Char('p') => self.is_paused = !self.is_paused,
            KeyCode::Char('?' | 'h') => self.overlay = Some(Overlay::Help),
            KeyCode::Enter if self.focus == Panel::Clients => return self.explain(),
            KeyCode::Enter => self.open_row(),
            _ => {}
        }
        Effect::Draw
    }

    fn turn(&mut self, by: usize) {
        self.focus = Panel::ALL[(self.focus as usize + by) % Panel::ALL.len()];
    }

    /// The rows of a list that the filter takes, and which of them is selected.
    pub fn rows(&self, panel: Panel) -> (Vec<Row>, usize) {
        // Ages do not matter here.
        let (_, mut rows) = panel.list(&self.overview, self.overview.at);
        rows.retain(|row| self.filter.takes(row));
        let selected = self.selected_in(panel, &rows);
        (rows, selected)
    }

    /// Which of these rows is selected: the first, where the one that was has gone.
    pub fn selected_in(&self, panel: Panel, rows: &[Row]) -> usize {
        let key = self.selected[panel as usize].as_ref();
        key.and_then(|key| rows.iter().position(|row| row.key == *key)).unwrap_or(0)
    }

    fn select(&mut self, to: impl Fn(usize, usize) -> usize) {
        let (rows, at) = self.rows(self.focus);
        let row = rows.get(to(at, rows.len().saturating_sub(1)));
        self.selected[self.focus as usize] = row.map(|row| row.key.clone());
    }

    fn open_row(&mut self) {
        let (columns, _) = self.focus.list(&self.overview, self.overview.at);
        let (rows, at) = self.rows(self.focus);
        let Some(row) = rows.into_iter().nth(at) else { return };
        let parts = columns.iter().zip(row.cells).map(|(column, cell)| (column.heading, cell.text)).collect();
        self.overlay = Some(Overlay::Row { title: self.focus.title(), parts });
    }

    fn explain(&mut self) -> Effect {
        let (rows, at) = self.rows(Panel::Clients);
        // One that is known by its address only has nothing to be explained.
        let Some(mac) = rows.get(at).and_then(|row| row.key.parse::<MacAddress>().ok()) else { return Effect::Draw };
        self.overlay = Some(Overlay::Explanation { mac, told: None, scrolled: 0 });
        Effect::Explain(mac)
    }
}

/// How long the daemon has been gone, in seconds.
pub fn seconds_since(then: Timestamp, now: Timestamp) -> u64 {
    now.0.duration_since(then.0).unwrap_or(Duration::ZERO).as_secs()
}
