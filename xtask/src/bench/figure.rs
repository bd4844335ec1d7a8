//! One figure, its peer's, its goal, and how they are shown.

use std::fmt;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Value, json};

use super::samples::Samples;

/// What the columns say.
pub const LEGEND: &str = "median (middle half of the values); ratio: median of the rounds' ratios (its 95 % interval)";

/// Something that was measured of pxeguard.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What; it begins with the benchmark's name.
    pub name: String,
    /// In what.
    pub unit: Unit,
    /// The values.
    pub pxeguard: Samples,
    /// With whom it is compared.
    pub peer: Option<Peer>,
    /// What it should be.
    pub goal: Option<Goal>,
}

/// The same of somebody else, measured in turns.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Who.
    pub name: &'static str,
    /// The values.
    pub samples: Samples,
}

/// A limit for the ratio to the peer; for the figure itself where there is none.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// More is better.
    AtLeast(f64),
    /// Less is better.
    AtMost(f64),
    /// More is better, of the figure itself, whatever the peer's is.
    ItselfAtLeast(f64),
    /// Less is better, of the figure itself, whatever the peer's is.
    ItselfAtMost(f64),
}

/// What a figure is counted in.
#[derive(Clone, Copy, Debug)]
pub enum Unit {
    GigabitsPerS,
    PacketsPerS,
    AnswersPerS,
    LeasesPerS,
    MegabytesPerS,
    Ns,
    Ms,
    /// With two decimals.
    MsShort,
    S,
    Mib,
    Count,
}

impl Figure {
    /// The ratio to the peer, round by round.
    fn ratio(&self) -> Option<Samples> {
        Some(self.pxeguard.over(&self.peer.as_ref()?.samples))
    }

    fn is_met(&self) -> Option<bool> {
        let itself = self.pxeguard.median();
        let judged = self.ratio().map_or(itself, |ratio| ratio.median());
        self.goal.map(|goal| match goal {
            Goal::AtLeast(limit) => judged >= limit,
            Goal::AtMost(limit) => judged <= limit,
            Goal::ItselfAtLeast(limit) => itself >= limit,
            Goal::ItselfAtMost(limit) => itself <= limit,
        })
    }

    fn row(&self) -> [String; 6] {
        let verdict = self.is_met().map(|met| if met { "met" } else { "missed" });
        [
            self.name.clone(),
            self.unit.shown(&self.pxeguard),
            self.peer
                .as_ref()
                .map_or_else(String::new, |peer| format!("{} {}", peer.name, self.unit.shown(&peer.samples))),
            self.ratio().map_or_else(String::new, |ratio| {
                let (low, high) = ratio.median_interval();
                format!("{:.3} ({low:.3} - {high:.3})", ratio.median())
            }),
            self.goal.map_or_else(String::new, |goal| goal.to_string()),
            verdict.unwrap_or_default().to_owned(),
        ]
    }

    /// Everything, with each value.
    pub fn to_json(&self) -> Value {
        let samples = |samples: &Samples| json!({ "median": samples.median(), "values": samples.values() });
        let ratio = self.ratio().map(|ratio| json!({ "median": ratio.median(), "interval": ratio.median_interval() }));
        json!({
            "name": self.name,
            "unit": self.unit.name(),
            "pxeguard": samples(&self.pxeguard),
            "peer": self.peer.as_ref().map(|peer| json!({ "name": peer.name, "samples": samples(&peer.samples) })),
            "ratio": ratio,
            "more_is_better": self.more_is_better(),
            "goal": self.goal.map(Goal::to_json),
            "met": self.is_met(),
        })
    }

    /// As the goal says; of what has none, by the unit.
    fn more_is_better(&self) -> bool {
        match self.goal {
            Some(Goal::AtLeast(_) | Goal::ItselfAtLeast(_)) => true,
            Some(Goal::AtMost(_) | Goal::ItselfAtMost(_)) => false,
            None => self.unit.name().ends_with("/s"),
        }
    }
}

/// All figures, one a line.
pub fn table(figures: &[Figure]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["figure", "pxeguard", "peer", "ratio", "goal", ""]);
    table.add_rows(figures.iter().map(Figure::row));
    for (column, is_number) in table.column_iter_mut().zip([false, true, true, true, false, false]) {
        column.set_padding((0, 2));
        if is_number {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt() + "\n"
}

impl Goal {
    fn to_json(self) -> Value {
        let (limit, of_ratio) = match self {
            Self::AtLeast(limit) | Self::AtMost(limit) => (limit, true),
            Self::ItselfAtLeast(limit) | Self::ItselfAtMost(limit) => (limit, false),
        };
        json!({ "text": self.to_string(), "limit": limit, "of_ratio": of_ratio })
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(limit) | Self::ItselfAtLeast(limit) => write!(f, ">= {limit}"),
            Self::AtMost(limit) | Self::ItselfAtMost(limit) => write!(f, "<= {limit}"),
        }
    }
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::GigabitsPerS => "Gbit/s",
            Self::PacketsPerS => "packets/s",
            Self::AnswersPerS => "answers/s",
            Self::LeasesPerS => "leases/s",
            Self::MegabytesPerS => "MB/s",
            Self::Ns => "ns",
            Self::Ms | Self::MsShort => "ms",
            Self::S => "s",
            Self::Mib => "MiB",
            Self::Count => "",
        }
    }

    fn shown(self, samples: &Samples) -> String {
        let decimals = match self {
            Self::GigabitsPerS | Self::MsShort => 2,
            Self::MegabytesPerS | Self::Ns | Self::S | Self::Mib => 1,
            Self::PacketsPerS | Self::AnswersPerS | Self::LeasesPerS | Self::Ms | Self::Count => 0,
        };
        let (low, high) = samples.quartiles();
        let median = format!("{:.decimals$} {}", samples.median(), self.name());
        match samples.values() {
            [_] => median.trim_end().to_owned(),
            _ => format!("{} ({low:.decimals$} - {high:.decimals$})", median.trim_end()),
        }
    }
}
