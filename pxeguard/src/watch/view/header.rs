//! The daemon as a whole, and how many replies there are.

use pxeguard_common::verdict::Verdict;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Sparkline};

use crate::report::printable;
use crate::time::Timestamp;
use crate::watch::app::{App, Link, seconds_since};
use crate::watch::theme::{Theme, Tone};

/// Problems that are shown; the rest is counted.
const MAX_PROBLEMS: usize = 2;
/// Width of what stands before a sparkline.
const LABEL: u16 = 26;

/// Lines of text above and below the sparklines.
pub struct Lines<'a> {
    first: Line<'a>,
    problems: Vec<Line<'a>>,
}

/// The verdicts that have a line: what is dropped, or would be in the mode that only observes.
fn verdicts(app: &App) -> [Verdict; 2] {
    let observes = app.overview.status.mode == "observe";
    [Verdict::Pass, if observes { Verdict::WouldDrop } else { Verdict::Drop }]
}

/// Its height in lines.
pub fn height(app: &App) -> u16 {
    let gone = usize::from(matches!(app.link, Link::Gone { .. }));
    (1 + verdicts(app).len() + gone + app.overview.status.problems.len().min(MAX_PROBLEMS)) as u16
}

/// What it says.
pub fn lines<'a>(app: &'a App, theme: Theme, now: Timestamp) -> Lines<'a> {
    let status = &app.overview.status;
    let ifaces: Vec<_> = status.ifaces.iter().map(ToString::to_string).collect();
    let mode = if status.mode == "observe" { Tone::Warn } else { Tone::Good };
    let state = match (&app.link, app.is_paused) {
        (Link::Gone { .. }, _) => Span::styled("gone", theme.style(Tone::Bad)),
        (Link::Live, true) => Span::styled("held (p goes on)", theme.style(Tone::Warn)),
        (Link::Live, false) => Span::styled("live", theme.style(Tone::Good)),
    };
    let first = Line::from(vec![
        Span::styled(format!(" pxeguard {}  ", status.version), theme.style(Tone::Head)),
        Span::styled(status.mode.clone(), theme.style(mode)),
        Span::raw(format!(
            "  {}  {} ports  {} servers  since {}  ",
            printable(&ifaces.join(", ")),
            status.ports,
            status.servers,
            status.since.ago(now).trim_end_matches(" ago"),
        )),
        state,
    ]);
    let mut problems = Vec::new();
    if let Link::Gone { why, since } = &app.link {
        let seconds = seconds_since(*since, now);
        let gone = format!(" no answer for {seconds} s, asking again: {}", printable(why));
        problems.push(Line::styled(gone, theme.style(Tone::Bad)));
    }
    let all = &status.problems;
    for (index, problem) in all.iter().take(MAX_PROBLEMS).enumerate() {
        let rest = all.len().saturating_sub(MAX_PROBLEMS);
        let more = if index + 1 == MAX_PROBLEMS && rest > 0 { format!(" (and {rest} more)") } else { String::new() };
        problems.push(Line::styled(format!(" {}{more}", printable(problem)), theme.style(Tone::Warn)));
    }
    Lines { first, problems }
}

/// Draws it.
pub fn draw(lines: Lines<'_>, app: &App, theme: Theme, area: Rect, frame: &mut Frame<'_>) {
    let rows = [Constraint::Length(1), Constraint::Length(2), Constraint::Min(0)];
    let [first, sparklines, problems] = Layout::vertical(rows).areas(area);
    frame.render_widget(lines.first, first);
    for (row, verdict) in sparklines.rows().zip(verdicts(app)) {
        draw_rate(verdict, app, theme, row, frame);
    }
    frame.render_widget(Paragraph::new(lines.problems), problems);
}

fn draw_rate(verdict: Verdict, app: &App, theme: Theme, area: Rect, frame: &mut Frame<'_>) {
    let (name, tone) = match verdict {
        Verdict::Pass => ("passed", Tone::Good),
        Verdict::Drop => ("dropped", Tone::Bad),
        Verdict::WouldDrop => ("would drop", Tone::Warn),
    };
    let [label, line] = Layout::horizontal([Constraint::Length(LABEL), Constraint::Min(0)]).areas(area);
    let total = app.overview.status.totals.of_verdict(verdict);
    let words = format!(" {name:<10}{:>8}/s", app.rates.now(verdict));
    frame.render_widget(Line::styled(words, theme.style(tone)), label);
    let [line, total_area] = Layout::horizontal([Constraint::Min(0), Constraint::Length(16)]).areas(line);
    let data = app.rates.lately(verdict, usize::from(line.width));
    frame.render_widget(Sparkline::default().data(&data).style(theme.style(tone)), line);
    let total = Line::styled(format!("{total} in all "), theme.style(Tone::Dim)).right_aligned();
    frame.render_widget(total, total_area);
}
