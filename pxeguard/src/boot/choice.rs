//! What a client is to boot without being asked: always, or the next time only.

use std::collections::BTreeMap;

use pxeguard_common::net::Mac;
use serde::{Deserialize, Serialize};

use crate::trust::MacAddress;

/// What is chosen for a client; at least one of the two.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The entry that it boots the next time only; that one comes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The entry that it boots always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub always: Option<String>,
}

/// How long a choice holds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Term {
    /// Until the client has begun to load the entry once.
    Next,
    /// Until it is taken back.
    Always,
}

/// What is chosen at run time, by client: a part of the state file.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Choices(BTreeMap<MacAddress, Choice>);

impl Choices {
    /// The entry that a client boots now.
    pub fn entry(&self, mac: Mac) -> Option<&str> {
        let choice = self.0.get(&MacAddress(mac))?;
        choice.next.as_deref().or(choice.always.as_deref())
    }

    /// What is chosen for a client.
    pub fn of(&self, mac: Mac) -> Option<&Choice> {
        self.0.get(&MacAddress(mac))
    }

    /// All clients for whom something is chosen.
    pub fn iter(&self) -> impl Iterator<Item = (MacAddress, &Choice)> {
        self.0.iter().map(|(mac, choice)| (*mac, choice))
    }

    /// Chooses an entry.
    pub fn set(&mut self, mac: Mac, entry: &str, term: Term) {
        let choice = self.0.entry(MacAddress(mac)).or_default();
        let chosen = match term {
            Term::Next => &mut choice.next,
            Term::Always => &mut choice.always,
        };
        *chosen = Some(entry.to_owned());
    }

    /// Takes back what is chosen for a client; says whether there was anything.
    pub fn clear(&mut self, mac: Mac) -> bool {
        self.0.remove(&MacAddress(mac)).is_some()
    }

    /// The next time was now.  Returns the entry, if one was chosen for it.
    pub(super) fn consume_next(&mut self, mac: Mac) -> Option<String> {
        let choice = self.0.get_mut(&MacAddress(mac))?;
        let entry = choice.next.take();
        if choice.always.is_none() {
            self.0.remove(&MacAddress(mac));
        }
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = [0x52, 0x54, 0, 0, 0, 1];

    #[test]
    fn the_next_boot_comes_before_every_other_and_is_then_forgotten() {
        let mut choices = Choices::default();
        choices.set(MAC, "memtest86+", Term::Always);
        choices.set(MAC, "local", Term::Next);
        assert_eq!(choices.entry(MAC), Some("local"));
        assert_eq!(choices.consume_next(MAC).as_deref(), Some("local"));
        assert_eq!(choices.entry(MAC), Some("memtest86+"));
        assert_eq!(choices.consume_next(MAC), None, "there is no second next time");
    }

    #[test]
    fn nothing_remains_of_a_client_for_whom_nothing_is_chosen() {
        let mut choices = Choices::default();
        choices.set(MAC, "local", Term::Next);
        choices.consume_next(MAC);
        assert_eq!(choices, Choices::default());
    }

    #[test]
    fn what_is_written_to_the_state_file_is_read_back() {
        let mut choices = Choices::default();
        choices.set(MAC, "memtest86+", Term::Next);
        let text = toml::to_string(&choices).unwrap();
        assert_eq!(text, "[\"52:54:00:00:00:01\"]\nnext = \"memtest86+\"\n");
        assert_eq!(toml::from_str::<Choices>(&text).unwrap(), choices);
    }
}
