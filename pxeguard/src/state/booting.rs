//! What is remembered of clients that boot.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::{Deserialize, Serialize};

use super::State;
use crate::boot::ClientSettings;
use crate::proxy::Strategy;
use crate::trust::MacAddress;

/// Clients for which an entry can be chosen at run time.
pub const MAX_CHOICES: usize = 4096;
/// Clients of which is remembered how they are answered; who invents more learns nothing.
pub const MAX_LEARNT: usize = 4096;

/// What a client boots, without a menu.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Name of the entry.
    pub entry: String,
    /// Whether it counts for the next boot only.
    pub once: bool,
}

/// No room for one more.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an entry is chosen for {MAX_CHOICES} clients already; unset some, or use [boot.clients] in the configuration")]
pub struct TooManyChoices;

impl State {
    /// From now on, or once, a client boots this.
    pub fn choose(&mut self, mac: MacAddress, choice: Choice) -> Result<(), TooManyChoices> {
        if self.choices.len() >= MAX_CHOICES && !self.choices.contains_key(&mac) {
            return Err(TooManyChoices);
        }
        self.choices.insert(mac, choice);
        Ok(())
    }

    /// A client has booted this entry: a choice for the next boot only has done its duty.  Returns whether there was one.
    pub fn booted(&mut self, mac: MacAddress, entry: &str) -> bool {
        match self.choices.entry(mac) {
            Entry::Occupied(choice) if choice.get().once && choice.get().entry == entry => {
                choice.remove();
                true
            }
            _ => false,
        }
    }

    /// Remembers how a client is answered best; `None` forgets it.  Returns whether that is new.
    pub fn learn(&mut self, mac: MacAddress, strategy: Option<Strategy>) -> bool {
        let Some(strategy) = strategy else {
            return self.strategies.remove(&mac).is_some();
        };
        if self.strategies.len() >= MAX_LEARNT && !self.strategies.contains_key(&mac) {
            return false;
        }
        self.strategies.insert(mac, strategy) != Some(strategy)
    }

    /// Forgets what was learnt of clients of which the operator says how they are answered; says whether there were any.
    pub fn forget_decided(&mut self, clients: &BTreeMap<MacAddress, ClientSettings>) -> bool {
        let before = self.strategies.len();
        self.strategies.retain(|mac, _| clients.get(mac).is_none_or(|client| client.strategy.is_none()));
        self.strategies.len() != before
    }
}
