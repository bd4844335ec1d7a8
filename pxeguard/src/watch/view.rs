//! How it looks: a header, four lists of which the one in focus has the most room, and what the keys do.

mod explanation;
mod header;
mod lists;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};

use super::app::{App, Overlay};
use super::theme::{Theme, Tone};
use crate::time::Timestamp;

/// Draws everything.
pub fn draw(app: &App, theme: Theme, now: Timestamp, frame: &mut Frame<'_>) {
    let header = header::lines(app, theme, now);
    let rows = [Constraint::Length(header::height(app)), Constraint::Min(0), Constraint::Length(1)];
    let [top, middle, bottom] = Layout::vertical(rows).areas(frame.area());
    header::draw(header, app, theme, top, frame);
    lists::draw(app, theme, now, middle, frame);
    frame.render_widget(keys(app, theme), bottom);
    match &app.overlay {
        None => {}
        Some(Overlay::Help) => draw_over("Keys", help(theme), 0, middle, frame),
        Some(Overlay::Row { title, parts }) => {
            let line = |(heading, text): &(&str, String)| {
                Line::from(vec![Span::styled(format!("{heading:11}"), theme.style(Tone::Dim)), Span::raw(text.clone())])
            };
            draw_over(title, parts.iter().map(line).collect(), 0, middle, frame);
        }
        Some(Overlay::Explanation { mac, told, scrolled }) => {
            let lines = explanation::lines(told.as_ref(), theme, now);
            draw_over(&format!("{mac}"), lines, *scrolled, middle, frame);
        }
    }
}

fn draw_over(title: &str, lines: Vec<Line<'_>>, scrolled: u16, area: Rect, frame: &mut Frame<'_>) {
    let area = area.centered(Constraint::Percentage(92), Constraint::Length(lines.len() as u16 * 2 + 2));
    let block = Block::bordered().title(format!(" {title} "));
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).scroll((scrolled, 0)).block(block), area);
}

fn keys<'a>(app: &'a App, theme: Theme) -> Line<'a> {
    if app.is_filtering {
        let typed = Span::styled(format!(" /{}", app.filter.as_str()), theme.style(Tone::Head));
        return Line::from(vec![typed, Span::raw("▏"), Span::styled("  Enter keep  Esc all", theme.style(Tone::Dim))]);
    }
    let mut keys = vec![Span::raw(" ")];
    let filter = if app.filter.is_empty() { "filter".to_owned() } else { format!("filter: {}", app.filter.as_str()) };
    let all =
        [("q", "quit"), ("Tab", "next list"), ("↑↓", "select"), ("Enter", "more"), ("/", &filter), ("p", "pause")];
    for (key, what) in all.into_iter().chain([("?", "help")]) {
        keys.push(Span::styled(key, theme.style(Tone::Head)));
        keys.push(Span::styled(format!(" {what}  "), theme.style(Tone::Dim)));
    }
    Line::from(keys)
}

fn help<'a>(theme: Theme) -> Vec<Line<'a>> {
    let keys = [
        ("q, Esc", "quit (Esc takes back a filter first)"),
        ("Tab, Shift-Tab, 1 to 4", "the list that keys are about, which has the most room"),
        ("↑ ↓, j k, PgUp PgDn, g G", "select a row"),
        ("Enter", "of a client: why it boots or not; of others: the whole row"),
        ("/", "show only rows with a text"),
        ("p", "hold what is shown, and go on"),
    ];
    let line =
        |(keys, what)| Line::from(vec![Span::styled(format!("{keys:26}"), theme.style(Tone::Head)), Span::raw(what)]);
    keys.map(line).to_vec()
}
