//! Clients that are not answered as all others of their kind are.

use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroUsize;

use lru::LruCache;
use pxeguard_common::net::Mac;
use pxeguard_common::request::Asker;
use pxeguard_common::responder::Special;

use super::ASKERS;
use super::prepare::{Group, MOST};
use crate::boot::ClientSettings;
use crate::proxy::learning::{CLIENTS, Standing};

/// Clients for whom the operator has chosen something, and firmware of which something was learnt.
pub struct Specials {
    /// In an order of their own, so that the same choices make the same groups.
    chosen: BTreeMap<Mac, ClientSettings>,
    /// As many as learning remembers.
    learnt: LruCache<Mac, Standing>,
}

/// Whose replies a client gets.
#[derive(Debug, Eq, PartialEq)]
pub enum Place {
    /// Those that all get.
    Common,
    /// Those of a group.
    In(Group),
    /// What user space decides.
    Left,
}

impl Specials {
    /// None.
    pub fn new() -> Self {
        let learnt = NonZeroUsize::new(CLIENTS.get() * 2).expect("it is not zero");
        Self { chosen: BTreeMap::new(), learnt: LruCache::new(learnt) }
    }

    /// Takes what the operator says now.  Returns the clients for whom that has changed.
    pub fn choose(&mut self, chosen: BTreeMap<Mac, ClientSettings>) -> HashSet<Mac> {
        let both = self.chosen.keys().chain(chosen.keys());
        let changed = both.filter(|mac| self.chosen.get(*mac) != chosen.get(*mac)).copied().collect();
        self.chosen = chosen;
        changed
    }

    /// Takes what was learnt of a client's firmware.  Returns the clients whose place may have changed: itself, and one
    /// that had to give way.
    pub fn learn(&mut self, mac: Mac, standing: Standing) -> Vec<Mac> {
        if self.learnt.get(&mac).copied().unwrap_or(Standing::Usual) == standing {
            return Vec::new();
        }
        if standing == Standing::Usual {
            self.learnt.pop(&mac);
            return vec![mac];
        }
        let given_up = self.learnt.push(mac, standing).map(|(other, _)| other).filter(|other| *other != mac);
        given_up.into_iter().chain([mac]).collect()
    }

    /// Whose replies a client gets.
    pub fn place(&self, mac: Mac, asker: Asker) -> Place {
        let own = self.chosen.get(&mac).cloned();
        let standing = match asker {
            Asker::Pxe => self.learnt.peek(&mac).copied().unwrap_or(Standing::Usual),
            _ => Standing::Usual,
        };
        match (own, standing) {
            (_, Standing::Tried) => Place::Left,
            (None, Standing::Usual) => Place::Common,
            (own, Standing::Usual) => Place::In(Group { own: own.unwrap_or_default(), settled: None }),
            (own, Standing::Settled(strategy)) => {
                Place::In(Group { own: own.unwrap_or_default(), settled: Some(strategy) })
            }
        }
    }

    /// All of them, each asker by itself.
    pub fn all(&self) -> impl Iterator<Item = (Mac, Asker)> {
        let chosen = self.chosen.keys().flat_map(|mac| ASKERS.map(|asker| (*mac, asker)));
        let learnt = self.learnt.iter().filter(|(mac, _)| !self.chosen.contains_key(*mac));
        chosen.chain(learnt.map(|(mac, _)| (*mac, Asker::Pxe)))
    }

    /// The groups in which they are, each once, beside those of all clients that have nothing of their own; no more than
    /// there can be replies for, and so than a variant's number can tell apart.
    pub fn groups(&self) -> Vec<Group> {
        let mut groups = Group::of_all().to_vec();
        let mut known: HashSet<_> = groups.iter().cloned().collect();
        for (mac, asker) in self.all() {
            if groups.len() == MOST {
                break;
            }
            if let Place::In(group) = self.place(mac, asker)
                && known.insert(group.clone())
            {
                groups.push(group);
            }
        }
        groups
    }

    /// Whether an entry of the kernel's is about one of them.
    pub fn has(&self, client: &Special) -> bool {
        let asker = ASKERS.into_iter().find(|asker| *asker as u8 == client.asker);
        asker.is_some_and(|asker| self.place(client.mac, asker) != Place::Common)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::Strategy;

    const ONE: Mac = [2, 0, 0, 0, 0, 1];
    const TWO: Mac = [2, 0, 0, 0, 0, 2];

    fn boots(entry: &str) -> ClientSettings {
        ClientSettings { entry: Some(entry.to_owned()), ..ClientSettings::default() }
    }

    fn chosen(clients: &[(Mac, &str)]) -> BTreeMap<Mac, ClientSettings> {
        clients.iter().map(|(mac, entry)| (*mac, boots(entry))).collect()
    }

    #[test]
    fn clients_with_the_same_choice_are_one_group() {
        let mut specials = Specials::new();
        assert_eq!(specials.choose(chosen(&[(ONE, "a"), (TWO, "a")])), HashSet::from([ONE, TWO]));
        let of_choice: Vec<_> = specials.groups().into_iter().filter(|group| group.own == boots("a")).collect();
        assert_eq!(of_choice, [Group { own: boots("a"), settled: None }]);
        assert_eq!(specials.choose(chosen(&[(ONE, "a"), (TWO, "b")])), HashSet::from([TWO]));
        assert_eq!(specials.choose(BTreeMap::new()), HashSet::from([ONE, TWO]));
        assert_eq!(specials.groups(), Group::of_all());
    }

    #[test]
    fn there_are_no_more_groups_than_replies() {
        let mut specials = Specials::new();
        let mac = |number: u32| -> Mac { [2, 0, 0, (number >> 16) as u8, (number >> 8) as u8, number as u8] };
        specials.choose((0..70_000).map(|number| (mac(number), boots(&number.to_string()))).collect());
        assert_eq!(specials.groups().len(), MOST);
    }

    #[test]
    fn firmware_that_is_tried_is_left_and_what_was_learnt_holds_for_firmware_only() {
        let mut specials = Specials::new();
        assert_eq!(specials.learn(ONE, Standing::Tried), [ONE]);
        assert!(specials.learn(ONE, Standing::Tried).is_empty(), "nothing new");
        assert_eq!(specials.place(ONE, Asker::Pxe), Place::Left);
        assert_eq!(specials.place(ONE, Asker::IpxeHttp), Place::Common);
        specials.learn(ONE, Standing::Settled(Strategy::Binl));
        let settled = Some(Strategy::Binl);
        let of_all = Group { own: ClientSettings::default(), settled };
        assert_eq!(specials.place(ONE, Asker::Pxe), Place::In(of_all));
        specials.choose(chosen(&[(ONE, "a")]));
        assert_eq!(specials.place(ONE, Asker::Pxe), Place::In(Group { own: boots("a"), settled }));
        assert_eq!(specials.place(ONE, Asker::Http), Place::In(Group { own: boots("a"), settled: None }));
        specials.choose(BTreeMap::new());
        assert_eq!(specials.learn(ONE, Standing::Usual), [ONE]);
        assert_eq!(specials.all().count(), 0);
    }

    #[test]
    fn who_gives_way_is_told() {
        let mut specials = Specials::new();
        let mac = |number: usize| [2, 0, 0, 0, (number >> 8) as u8, number as u8];
        let room = CLIENTS.get() * 2;
        for number in 0..room {
            specials.learn(mac(number), Standing::Tried);
        }
        assert_eq!(specials.learn(mac(room), Standing::Tried), [mac(0), mac(room)]);
        assert_eq!(specials.place(mac(0), Asker::Pxe), Place::Common);
    }
}
