//! Colours by what they mean, or none (<https://no-color.org>).

use std::env;

use ratatui::style::{Color, Modifier, Style};

/// What a text means.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Tone {
    /// Nothing in particular.
    #[default]
    Plain,
    /// Of little interest.
    Dim,
    /// As it should be.
    Good,
    /// Somebody should look.
    Warn,
    /// Not as it should be.
    Bad,
    /// It goes on at the moment.
    Busy,
    /// A heading.
    Head,
}

/// How tones look.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    has_colour: bool,
}

impl Theme {
    /// As the environment wants it.
    pub fn of_environment() -> Self {
        Self { has_colour: env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
    }

    /// With colours.
    #[cfg(test)]
    pub const COLOURED: Self = Self { has_colour: true };
    /// Without.
    #[cfg(test)]
    pub const PLAIN: Self = Self { has_colour: false };

    /// The style of a tone: the sixteen colours that every terminal has, in its own shades.
    pub fn style(self, tone: Tone) -> Style {
        let colour = match tone {
            Tone::Plain => return Style::new(),
            Tone::Head => return Style::new().add_modifier(Modifier::BOLD),
            Tone::Dim => return Style::new().add_modifier(Modifier::DIM),
            Tone::Good => Color::Green,
            Tone::Warn => Color::Yellow,
            Tone::Bad => Color::Red,
            Tone::Busy => Color::Cyan,
        };
        match (self.has_colour, tone) {
            (true, _) => Style::new().fg(colour),
            (false, Tone::Bad | Tone::Warn) => Style::new().add_modifier(Modifier::BOLD),
            (false, _) => Style::new(),
        }
    }

    /// What is selected.
    pub fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}
