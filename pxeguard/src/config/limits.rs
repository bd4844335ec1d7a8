//! The section `[limits]` of the configuration file: how much may come in by a port.

use std::collections::BTreeMap;

use pxeguard_common::limit::ClientLimit;
use serde::Deserialize;
use toml::Spanned;

use super::file::{Mistake, mistake, number};
use crate::trust::InterfaceName;

/// Messages of DHCP clients that may come in by one port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limit {
    /// In a second, for any length of time; 0 where there is no limit.
    pub per_s: u32,
    /// At once, after a pause.
    pub burst: u32,
}

impl Default for Limit {
    /// Four messages of each of 2,000 machines that are switched on together behind one uplink, and room to spare.
    fn default() -> Self {
        Self::at_rate(2000)
    }
}

impl Limit {
    /// Five seconds' worth at once.
    pub const fn at_rate(per_s: u32) -> Self {
        Self { per_s, burst: per_s.saturating_mul(5) }
    }
}

impl From<Limit> for ClientLimit {
    fn from(limit: Limit) -> Self {
        Self::new(limit.per_s, limit.burst)
    }
}

/// The limits of all ports.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Limits {
    all: Limit,
    ports: BTreeMap<InterfaceName, Limit>,
}

impl Limits {
    /// That of a port.
    pub fn of(&self, port: &str) -> Limit {
        self.ports.iter().find(|(name, _)| name.as_str() == port).map_or(self.all, |(_, limit)| *limit)
    }

    /// With another rate for the ports that are not named.
    #[must_use]
    pub(super) fn or_flag(mut self, per_s: Option<u32>) -> Self {
        self.all = per_s.map_or(self.all, Limit::at_rate);
        self
    }
}

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitsKeys {
    client_messages_per_s: Option<Spanned<i64>>,
    client_burst: Option<Spanned<i64>>,
    ports: BTreeMap<Spanned<String>, PortKeys>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PortKeys {
    client_messages_per_s: Option<Spanned<i64>>,
    client_burst: Option<Spanned<i64>>,
}

/// Messages a second that can be set; the kernel counts in nanoseconds.
pub const MAX_PER_S: u32 = 1_000_000;
/// Messages at once that can be set.
const MAX_BURST: u64 = 100_000_000;
/// How long the clock of the kernel programs stands still at the most: a tick, where there are 100 in a second.
const TICKS_PER_S: u32 = 100;

impl LimitsKeys {
    pub(super) fn parse(self) -> Result<Limits, Mistake> {
        let all = limit(self.client_messages_per_s.as_ref(), self.client_burst.as_ref(), Limit::default())?;
        let mut ports = BTreeMap::new();
        for (name, keys) in self.ports {
            let port = name.get_ref().parse::<InterfaceName>().map_err(|why| mistake(&name, why))?;
            ports.insert(port, limit(keys.client_messages_per_s.as_ref(), keys.client_burst.as_ref(), all)?);
        }
        Ok(Limits { all, ports })
    }
}

/// What is said, and what follows from it or from what holds otherwise.
fn limit(per_s: Option<&Spanned<i64>>, burst: Option<&Spanned<i64>>, otherwise: Limit) -> Result<Limit, Mistake> {
    let rate = |written: &Spanned<i64>| number(written, 0, MAX_PER_S.into(), "a number of messages a second");
    let mut limit = per_s.map(rate).transpose()?.map_or(otherwise, |per_s| Limit::at_rate(per_s as u32));
    if let Some(written) = burst {
        limit.burst = number(written, 1, MAX_BURST, "a number of messages")? as u32;
        let least = limit.per_s.div_ceil(TICKS_PER_S);
        if limit.burst < least {
            let why =
                format!("at {} messages a second, {least} may come at once: the kernel's clock ticks", limit.per_s);
            return Err(mistake(written, why));
        }
    }
    Ok(limit)
}
