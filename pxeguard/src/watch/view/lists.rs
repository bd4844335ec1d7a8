//! The lists, one below the other.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Borders, Row as TableRow, Table};

use crate::time::Timestamp;
use crate::watch::app::App;
use crate::watch::panel::{Cell, Column, Panel, Row};
use crate::watch::theme::{Theme, Tone};

/// Lines of a list beside its rows: title and headings.
const FRAME: u16 = 2;
/// Less room than this in all is the focused list's alone.
const LEAST_FOR_ALL: u16 = 14;
/// Rows that each list has before one gets more.
const LEAST_ROWS: u16 = 2;
/// Characters of a column that takes what is left.
const LEAST_FILL: u16 = 20;
/// Width of a bar.
const BAR: usize = 10;

/// Draws the lists that have room.
pub fn draw(app: &App, theme: Theme, now: Timestamp, area: Rect, frame: &mut Frame<'_>) {
    let lists = Panel::ALL.map(|panel| {
        let (columns, mut rows) = panel.list(&app.overview, now);
        let all = rows.len();
        rows.retain(|row| app.filter.takes(row));
        (panel, columns, rows, all)
    });
    let wanted =
        lists.each_ref().map(|(_, _, rows, _)| if rows.is_empty() { 1 } else { rows.len() + usize::from(FRAME) });
    let heights = heights(wanted, app.focus as usize, area.height);
    let areas: [Rect; 4] = Layout::vertical(heights.map(Constraint::Length)).areas(area);
    for ((panel, columns, rows, all), area) in lists.into_iter().zip(areas) {
        if area.height > 0 {
            let is_focus = panel == app.focus;
            let selected = app.selected_in(panel, &rows);
            let title = title(panel, rows.len(), all, selected, is_focus);
            draw_list(&title, panel, (&columns, &rows), is_focus.then_some(selected), theme, area, frame);
        }
    }
}

/// How many lines each list gets: what it wants if there is room, else first of all the one in focus.
fn heights(wanted: [usize; 4], focus: usize, room: u16) -> [u16; 4] {
    let mut heights = [0; 4];
    if room < LEAST_FOR_ALL {
        heights[focus] = room;
        return heights;
    }
    let wanted = wanted.map(|wanted| u16::try_from(wanted).unwrap_or(u16::MAX));
    for (height, wanted) in heights.iter_mut().zip(wanted) {
        *height = wanted.min(FRAME + LEAST_ROWS);
    }
    let mut left = room.saturating_sub(heights.iter().sum());
    let order = [focus].into_iter().chain((0..4).filter(|list| *list != focus));
    for list in order {
        let more = (wanted[list] - heights[list]).min(left);
        heights[list] += more;
        left -= more;
    }
    heights
}

fn title(panel: Panel, shown: usize, all: usize, selected: usize, is_focus: bool) -> String {
    let counted = if shown == all { all.to_string() } else { format!("{shown} of {all}") };
    match (shown, all) {
        (0, 0) => format!("─ {}: {} ", panel.title(), panel.empty()),
        (0, _) => format!("─ {}: none of {all} has this text ", panel.title()),
        _ if is_focus && shown > 1 => format!("─ {} {counted}, at {} ", panel.title(), selected + 1),
        _ => format!("─ {} {counted} ", panel.title()),
    }
}

fn draw_list(
    title: &str,
    panel: Panel,
    (columns, rows): (&[Column], &[Row]),
    selected: Option<usize>,
    theme: Theme,
    area: Rect,
    frame: &mut Frame<'_>,
) {
    let is_empty = rows.is_empty() && panel != Panel::Alerts;
    let tone = match selected {
        Some(_) => Tone::Head,
        None if is_empty => Tone::Dim,
        None => Tone::Plain,
    };
    let block = Block::new().borders(Borders::TOP).title(Span::styled(title, theme.style(tone)));
    if rows.is_empty() {
        frame.render_widget(block, area);
        return;
    }
    let room = usize::from(area.height.saturating_sub(FRAME));
    // The selected row stays in sight.
    let first = selected.map_or(0, |selected| (selected + 1).saturating_sub(room));
    let widths = widths(columns, rows, area.width);
    let shown = |at: usize| widths[at] > 0;
    let columns = || columns.iter().enumerate().filter(|(at, _)| shown(*at)).map(|(_, column)| column);
    let headings = columns().map(|column| aligned(Span::styled(column.heading, theme.style(Tone::Dim)).into(), column));
    let body = rows.iter().enumerate().skip(first).take(room).map(|(index, row)| {
        let cells = row.cells.iter().enumerate().filter(|(at, _)| shown(*at)).map(|(_, cell)| cell);
        let cells = cells.zip(columns()).map(|(cell, column)| aligned(line(cell, theme), column));
        let style = if selected == Some(index) { theme.selected() } else { Default::default() };
        TableRow::new(cells).style(style)
    });
    let widths = widths.iter().filter(|width| **width > 0).map(|width| Constraint::Length(*width));
    frame.render_widget(Table::new(body, widths).header(TableRow::new(headings)).block(block), area);
}

/// The width of each column, 0 for one that is left out: no wider than what is in it.
fn widths(columns: &[Column], rows: &[Row], room: u16) -> Vec<u16> {
    let widest = |at: usize| rows.iter().map(|row| width(&row.cells[at])).max().unwrap_or(0);
    let mut widths: Vec<u16> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| match column.width {
            0 => LEAST_FILL,
            width => widest(at).max(column.heading.len()).min(usize::from(width)) as u16,
        })
        .collect();
    let taken = |widths: &[u16]| widths.iter().filter(|width| **width > 0).map(|width| width + 1).sum::<u16>();
    while taken(&widths) > room + 1 {
        let spare = (0..columns.len()).filter(|at| columns[*at].spare > 0 && widths[*at] > 0);
        let Some(first) = spare.max_by_key(|at| columns[*at].spare) else { break };
        widths[first] = 0;
    }
    let left = (room + 1).saturating_sub(taken(&widths));
    for (width, _) in widths.iter_mut().zip(columns).filter(|(width, column)| **width > 0 && column.width == 0) {
        *width += left;
    }
    widths
}

fn width(cell: &Cell) -> usize {
    Span::raw(&cell.text).width() + if cell.bar.is_some() { BAR + 1 } else { 0 }
}

fn aligned<'a>(line: Line<'a>, column: &Column) -> Text<'a> {
    Text::from(if column.is_number { line.right_aligned() } else { line })
}

fn line<'a>(cell: &'a Cell, theme: Theme) -> Line<'a> {
    let text = Span::styled(cell.text.as_str(), theme.style(cell.tone));
    match cell.bar {
        None => text.into(),
        Some(thousandths) => {
            let bar = format!("{} ", bar(thousandths));
            Line::from(vec![Span::styled(bar, theme.style(cell.tone)), text])
        }
    }
}

/// A bar of [`BAR`] characters, in steps of an eighth of one.
fn bar(thousandths: u16) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = usize::from(thousandths.min(1000)) * BAR * 8 / 1000;
    let mut bar = "█".repeat(eighths / 8) + EIGHTHS[eighths % 8];
    let drawn = bar.chars().count();
    bar.push_str(&"·".repeat(BAR - drawn));
    bar
}
