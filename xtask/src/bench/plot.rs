//! Figures as pictures: one a line, how many times as good as its peer's, and its goal.
//!
//! Logarithmic, and to the right is better whatever is counted.  The pictures say what a report (`--json`) holds, and the same
//! report makes the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;
use svg::Document;
use svg::node::element::{Circle, Line, Rectangle, Style, Text};

use super::samples::Samples;
use super::site::Server;

/// What a report holds, as far as it is drawn.
#[derive(Deserialize)]
struct Report {
    figures: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    name: String,
    unit: String,
    pxeguard: Values,
    peer: Option<Peer>,
    more_is_better: bool,
    goal: Option<Goal>,
    met: Option<bool>,
}

#[derive(Deserialize)]
struct Values {
    values: Vec<f64>,
}

#[derive(Deserialize)]
struct Peer {
    name: String,
    samples: Values,
}

#[derive(Deserialize)]
struct Goal {
    text: String,
    limit: f64,
    of_ratio: bool,
}

/// Draws a report, as many pictures as it has subjects, into a folder.
pub fn draw(report: &Value, folder: &Path) -> Result<()> {
    let report = Report::deserialize(report).context("this is no report of cargo xtask bench --json")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut subjects: BTreeMap<String, Vec<(&Row, Position)>> = BTreeMap::new();
    for row in &report.figures {
        // What has neither peer nor goal, or is nothing, has no place.
        if let Some(position) = row.position() {
            subjects.entry(row.subject()).or_default().push((row, position));
        }
    }
    for (subject, rows) in subjects {
        let path = folder.join(format!("{subject}.svg"));
        fs::write(&path, picture(&rows).to_string() + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Where a figure is, as a multiple of what it is compared with; more is better.
struct Position {
    at: f64,
    interval: [f64; 2],
    goal: Option<f64>,
}

impl Row {
    /// The picture that it is in.
    fn subject(&self) -> String {
        if self.peer.as_ref().is_some_and(|peer| peer.name == Server::Bare.name()) {
            return "bounds".to_owned();
        }
        let benchmark = self.name.split(':').next().unwrap_or_default();
        let subject = match benchmark {
            "tcp" | "packet" | "drop" => "guard",
            "tftp" | "http" => "files",
            "proxy" | "in the kernel" => "answers",
            "power_on" => "boot",
            storm if storm.starts_with("storm") => "boot",
            other => other,
        };
        subject.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-")
    }

    fn position(&self) -> Option<Position> {
        let values = Samples::from_iter(self.pxeguard.values.iter().copied());
        let goal = self.goal.as_ref().filter(|goal| goal.limit > 0.0);
        let better = |ratio: f64| if self.more_is_better { ratio } else { 1.0 / ratio };
        // A goal for the figure itself is what it is compared with, whoever else was measured.
        let (compared, goal) = match (&self.peer, goal) {
            (_, Some(goal)) if !goal.of_ratio || self.peer.is_none() => (limited(&values, goal.limit), Some(1.0)),
            (Some(peer), goal) => {
                let peer = Samples::from_iter(peer.samples.values.iter().copied());
                (values.over(&peer), goal.map(|goal| better(goal.limit)))
            }
            (None, _) => return None,
        };
        let (low, high) = compared.median_interval();
        let mut interval = [better(low), better(high)];
        interval.sort_by(f64::total_cmp);
        let position = Position { at: better(compared.median()), interval, goal };
        [position.at, interval[0], interval[1]].iter().all(|at| at.is_finite() && *at > 0.0).then_some(position)
    }

    /// Both values, and whether it is as it should be.
    fn told(&self) -> String {
        let shown = |values: &[f64]| shown(Samples::from_iter(values.iter().copied()).median());
        let mut told = format!("{} {}", shown(&self.pxeguard.values), self.unit).trim_end().to_owned();
        if let Some(peer) = &self.peer {
            told += &format!(", {} {}", peer.name, shown(&peer.samples.values));
        }
        if let Some(goal) = &self.goal {
            told += &format!(", goal {}", goal.text);
        }
        if self.met == Some(false) { format!("{told}: missed") } else { told }
    }

    fn class(&self) -> &'static str {
        match self.met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "open",
        }
    }
}

fn limited(values: &Samples, limit: f64) -> Samples {
    values.values().iter().map(|value| value / limit).collect()
}

/// Three digits, or all of a whole number.
fn shown(value: f64) -> String {
    let decimals = if value == 0.0 || value >= 100.0 { 0 } else { (2 - value.log10().floor() as i32).clamp(0, 4) };
    format!("{value:.0$}", decimals as usize)
}

/// Pixels: a line's height, what is left for the name, for the scale, for the values, and above and below the lines.
const LINE: f64 = 22.0;
const NAME: f64 = 392.0;
const SCALE: f64 = 300.0;
const VALUES: f64 = 392.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 30.0;

/// Colours of both kinds of screen; each kind has a ground of its own, because the page around it may be of the other.
const STYLE: &str = "
text { font: 12px system-ui, sans-serif; fill: #24292f }
.ground { fill: #ffffff } .stripe { fill: #f3f5f7 } .grid { stroke: #d0d7de } .peer { stroke: #57606a }
.small { font-size: 11px; fill: #57606a }
.met { fill: #1a7f37; stroke: #1a7f37 } .missed { fill: #cf222e; stroke: #cf222e } .open { fill: #0969da; stroke: #0969da }
.goal { stroke: #9a6700; stroke-width: 3 } text.missed { stroke: none }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.ground { fill: #0d1117 } .stripe { fill: #161b22 } .grid { stroke: #30363d } .peer { stroke: #9198a1 }
.small { fill: #9198a1 }
.met { fill: #3fb950; stroke: #3fb950 } .missed { fill: #ff7b72; stroke: #ff7b72 } .open { fill: #58a6ff; stroke: #58a6ff }
.goal { stroke: #d29922 }
}
";

/// The scale: from and to where, as logarithms.
struct Scale {
    from: f64,
    to: f64,
}

impl Scale {
    /// All that is to be seen, with room at both ends.
    fn of(rows: &[(&Row, Position)]) -> Self {
        let seen = rows.iter().flat_map(|(_, position)| position.interval.into_iter().chain(position.goal));
        let (from, to) = seen.fold((0.8_f64, 1.25_f64), |(from, to), at| (from.min(at), to.max(at)));
        Self { from: from.ln() - 0.05, to: to.ln() + 0.05 }
    }

    fn x(&self, at: f64) -> f64 {
        NAME + SCALE * (at.ln() - self.from) / (self.to - self.from)
    }

    /// Whole steps, as dense as can be read.
    fn ticks(&self) -> Vec<f64> {
        let steps = match self.to - self.from {
            range if range < 1.5 => &[1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0][..],
            range if range < 5.0 => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        let decades = (-6..7).map(|power| 10_f64.powi(power));
        let ticks = decades.flat_map(|decade| steps.iter().map(move |step| step * decade));
        ticks.filter(|tick| (self.from..self.to).contains(&tick.ln())).collect()
    }
}

fn picture(rows: &[(&Row, Position)]) -> Document {
    let (width, height) = (NAME + SCALE + VALUES, TOP + LINE * rows.len() as f64 + BOTTOM);
    let scale = Scale::of(rows);
    let mut picture = Document::new()
        .set("viewBox", (0, 0, width as i64, height as i64))
        .set("width", width)
        .set("role", "img")
        .add(Style::new(STYLE))
        .add(Rectangle::new().set("class", "ground").set("width", width).set("height", height));
    for number in (1..rows.len()).step_by(2) {
        let stripe = Rectangle::new().set("class", "stripe").set("y", TOP + LINE * number as f64);
        picture = picture.add(stripe.set("width", width).set("height", LINE));
    }
    let bottom = height - BOTTOM;
    for tick in scale.ticks() {
        let x = scale.x(tick);
        let line = line(x, TOP, x, bottom).set("class", if tick == 1.0 { "peer" } else { "grid" });
        picture = picture.add(line).add(small(shown_tick(tick), x, bottom + 14.0, "middle"));
    }
    let legend =
        "times as good as the peer, or as the goal where there is no peer (95 % interval); to the right is better";
    picture = picture.add(small(legend.to_owned(), width - 8.0, 16.0, "end"));
    picture = picture.add(line(12.0, 8.0, 12.0, 20.0).set("class", "goal")).add(small(
        "goal".to_owned(),
        20.0,
        18.0,
        "start",
    ));
    rows.iter().enumerate().fold(picture, |picture, (number, (row, position))| {
        draw_row(picture, row, position, &scale, TOP + LINE * (number as f64 + 0.5))
    })
}

fn draw_row(picture: Document, row: &Row, position: &Position, scale: &Scale, y: f64) -> Document {
    let [low, high] = position.interval.map(|at| scale.x(at));
    let mut picture = picture;
    if let Some(goal) = position.goal {
        let x = scale.x(goal);
        picture = picture.add(line(x, y - 8.0, x, y + 8.0).set("class", "goal"));
    }
    let told = Text::new(row.told()).set("x", NAME + SCALE + 14.0).set("y", y + 4.0);
    let point =
        Circle::new().set("cx", rounded(scale.x(position.at))).set("cy", y).set("r", 4).set("class", row.class());
    picture
        .add(Text::new(&row.name).set("x", 8).set("y", y + 4.0))
        .add(line(low, y, high, y).set("class", row.class()).set("stroke-width", 2))
        .add(point)
        .add(if row.met == Some(false) { told.set("class", "missed") } else { told })
}

fn line(x1: f64, y1: f64, x2: f64, y2: f64) -> Line {
    Line::new().set("x1", rounded(x1)).set("y1", rounded(y1)).set("x2", rounded(x2)).set("y2", rounded(y2))
}

fn small(text: String, x: f64, y: f64, anchor: &str) -> Text {
    Text::new(text).set("class", "small").set("x", rounded(x)).set("y", y).set("text-anchor", anchor)
}

/// Tenths of a pixel are enough, and make the file small.
fn rounded(pixels: f64) -> f64 {
    (pixels * 10.0).round() / 10.0
}

fn shown_tick(tick: f64) -> String {
    // As short as it can be, without the errors of powers of ten.
    ((tick * 1e6).round() / 1e6).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(unit: &str, more_is_better: bool, goal: Value) -> Row {
        let values = |value: f64| json!({ "values": [value] });
        let peer = json!({ "name": "peer", "samples": values(20.0) });
        let row = json!({ "name": "tcp: one", "unit": unit, "pxeguard": values(10.0), "peer": peer,
            "more_is_better": more_is_better, "goal": goal, "met": true });
        serde_json::from_value(row).expect("it has all fields")
    }

    #[test]
    fn to_the_right_is_better_whatever_is_counted() {
        let goal = json!({ "text": "", "limit": 0.25, "of_ratio": true });
        for (more_is_better, at, limit) in [(true, 0.5, 0.25), (false, 2.0, 4.0)] {
            let position = row("ns", more_is_better, goal.clone()).position().unwrap();
            assert_eq!((position.at, position.goal), (at, Some(limit)));
        }
    }

    #[test]
    fn a_figure_with_a_goal_for_itself_is_beside_that() {
        let own = json!({ "text": "", "limit": 40.0, "of_ratio": false });
        let position = row("MiB", false, own).position().unwrap();
        assert_eq!((position.at, position.goal), (4.0, Some(1.0)));
    }
}
