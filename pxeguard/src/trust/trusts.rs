//! The trusts in force, and where each comes from.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Trust;

/// Where a trust comes from.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An option of `pxeguard run`.
    Flag,
    /// The configuration file.
    Config,
    /// The state file: added at run time.
    State,
}

impl Source {
    /// The name in tables and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Config => "config",
            Self::State => "state",
        }
    }
}

/// The trusts in force, each once.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Trusts(Vec<(Trust, Source)>);

/// Why a trust could not be added or removed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// It is there.
    #[error("{trust} is trusted already, by {}", told(*.by))]
    Present {
        /// The trust.
        trust: Trust,
        /// Where it comes from.
        by: Source,
    },
    /// It is not there.
    #[error("{0} is not trusted; see pxeguard trust list")]
    Absent(Trust),
    /// It is an option of the running daemon.
    #[error("{0} is trusted by an option of pxeguard run: start it without")]
    ByFlag(Trust),
    /// It is in the configuration file.
    #[error("{trust} is trusted by {}: remove it there and reload pxeguard (SIGHUP)", path.display())]
    ByConfig {
        /// The trust.
        trust: Trust,
        /// The file.
        path: PathBuf,
    },
}

const fn told(source: Source) -> &'static str {
    match source {
        Source::Flag => "an option of pxeguard run",
        Source::Config => "the configuration file",
        Source::State => "pxeguard trust add",
    }
}

impl Trusts {
    /// Those of flags and configuration, then those added at run time.
    pub fn new(configured: impl IntoIterator<Item = (Trust, Source)>, added: &[Trust]) -> Self {
        let mut trusts = Self::default();
        for (trust, source) in configured.into_iter().chain(added.iter().map(|trust| (trust.clone(), Source::State))) {
            if trusts.source(&trust).is_none() {
                trusts.0.push((trust, source));
            }
        }
        trusts
    }

    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Trust> {
        self.0.iter().map(|(trust, _)| trust)
    }

    /// All of them, with their source.
    pub fn with_sources(&self) -> impl ExactSizeIterator<Item = (&Trust, Source)> {
        self.0.iter().map(|(trust, source)| (trust, *source))
    }

    /// Whether nothing is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where a trust comes from; `None` where it is not there.
    pub fn source(&self, trust: &Trust) -> Option<Source> {
        self.0.iter().find(|(present, _)| present == trust).map(|(_, source)| *source)
    }

    /// Adds one at run time.
    pub fn add(&mut self, trust: Trust) -> Result<(), Refusal> {
        match self.source(&trust) {
            Some(by) => Err(Refusal::Present { trust, by }),
            None => {
                self.0.push((trust, Source::State));
                Ok(())
            }
        }
    }

    /// Removes one that was added at run time.  `config` is the file to name where it comes from there.
    pub fn remove(&mut self, trust: &Trust, config: Option<&PathBuf>) -> Result<(), Refusal> {
        match self.source(trust) {
            None => Err(Refusal::Absent(trust.clone())),
            Some(Source::Flag) => Err(Refusal::ByFlag(trust.clone())),
            Some(Source::Config) => {
                Err(Refusal::ByConfig { trust: trust.clone(), path: config.cloned().unwrap_or_default() })
            }
            Some(Source::State) => {
                self.0.retain(|(present, _)| present != trust);
                Ok(())
            }
        }
    }

    /// Those added at run time, for the state file.
    pub fn added(&self) -> Vec<Trust> {
        let added = self.0.iter().filter(|(_, source)| *source == Source::State);
        added.map(|(trust, _)| trust.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(text: &str) -> Trust {
        text.parse().unwrap()
    }

    fn trusts() -> Trusts {
        let configured = [(trust("*@eno1"), Source::Flag), (trust("*@eno2"), Source::Config)];
        Trusts::new(configured, &[trust("*@eno3"), trust("*@eno1")])
    }

    #[test]
    fn the_same_trust_twice_is_one_and_belongs_to_the_first_source() {
        assert_eq!(trusts().iter().len(), 3);
        assert_eq!(trusts().source(&trust("*@eno1")), Some(Source::Flag));
        assert_eq!(trusts().added(), [trust("*@eno3")]);
    }

    #[test]
    fn what_was_added_at_run_time_can_be_removed() {
        let mut trusts = trusts();
        trusts.add(trust("*@eno4,pxe")).unwrap();
        trusts.remove(&trust("*@eno3"), None).unwrap();
        assert_eq!(trusts.added(), [trust("*@eno4,pxe")]);
    }

    #[test]
    fn what_comes_from_elsewhere_is_to_be_removed_there() {
        let file = PathBuf::from("/etc/pxeguard/pxeguard.toml");
        let refusal = |text| trusts().remove(&trust(text), Some(&file)).unwrap_err().to_string();
        assert_eq!(refusal("*@eno1"), "*@eno1 is trusted by an option of pxeguard run: start it without");
        assert_eq!(
            refusal("*@eno2"),
            "*@eno2 is trusted by /etc/pxeguard/pxeguard.toml: remove it there and reload pxeguard (SIGHUP)"
        );
        assert_eq!(refusal("*@eno9"), "*@eno9 is not trusted; see pxeguard trust list");
    }

    #[test]
    fn what_is_trusted_already_is_not_added() {
        let refusal = trusts().add(trust("*@eno2")).unwrap_err();
        assert_eq!(refusal.to_string(), "*@eno2 is trusted already, by the configuration file");
    }
}
