//! The section `[alerts]` of the configuration file: who is told of them, and how long they last.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::file::{Mistake, mistake, number};

/// What the operator says about alerts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AlertSettings {
    /// The program that is told of each that opens or closes.
    pub hook: Option<PathBuf>,
    /// How long its cause must not be seen before one closes.
    pub close_after: Duration,
}

impl Default for AlertSettings {
    /// Two minutes: a client that gets no lease asks again after a minute at the most (RFC 2131 §4.1), so that a rogue
    /// which is dropped goes on being seen.
    fn default() -> Self {
        Self { hook: None, close_after: Duration::from_secs(120) }
    }
}

/// The section as it is written.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AlertKeys {
    hook: Option<Spanned<PathBuf>>,
    close_after_s: Option<Spanned<i64>>,
}

/// An alert lasts a day at the most after its cause was seen.
const DAY_S: u64 = 86_400;

impl AlertKeys {
    pub(super) fn parse(self) -> Result<AlertSettings, Mistake> {
        let default = AlertSettings::default();
        let hook = self.hook.map(|hook| match hook.get_ref().is_absolute() {
            true => Ok(hook.into_inner()),
            false => Err(mistake(&hook, "the hook program is named by its whole path, from / on")),
        });
        let seconds = self.close_after_s.map(|written| number(&written, 1, DAY_S, "a number of seconds"));
        Ok(AlertSettings {
            hook: hook.transpose()?,
            close_after: seconds.transpose()?.map_or(default.close_after, Duration::from_secs),
        })
    }
}
