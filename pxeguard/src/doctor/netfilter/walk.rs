//! What becomes of a packet among the rules.
//!
//! Not everything that a rule can say is understood.  What is not makes the outcome [`Outcome::Uncertain`] where it
//! matters, and nothing where it does not.

use std::cell::Cell;
use std::collections::HashMap;

use super::packet::{Packet, Value};
use super::rules::{Action, Base, Chain, Condition, Family, Hook, Place, Rule, Ruleset, Wanted};

/// Rules that one packet is held against at the most, and chains that may call each other (the kernel's `NFT_JUMP_STACK_SIZE`
/// is 16).
const MAX_RULES: usize = 20_000;
const MAX_DEPTH: usize = 16;

/// What becomes of a packet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It passes.
    Open,
    /// It is dropped.
    Blocked(Cause),
    /// It may be dropped.
    Uncertain(Cause),
}

/// What drops a packet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cause {
    /// The chain by which it came there.
    pub base: Place,
    /// Its hook.
    pub hook: Hook,
    /// The rule, and its chain; `None` for the base chain's policy.
    pub rule: Option<(Place, String)>,
}

impl Ruleset {
    /// What becomes of a packet at a hook of some families.
    pub fn outcome(&self, families: &[Family], hook: Hook, packet: &Packet) -> Outcome {
        let mut uncertain = None;
        let places: HashMap<&Place, &Chain> = self.chains.iter().map(|chain| (&chain.place, chain)).collect();
        for chain in self.chains.iter().filter(|chain| families.contains(&chain.place.family)) {
            let Some(base) = chain.base.as_ref().filter(|base| base.hook == hook) else { continue };
            let Some(is_here) = base.is_at(packet) else { continue };
            let walk = Walk { places: &places, base: (&chain.place, hook), packet, left: Cell::new(MAX_RULES) };
            match walk.through(chain, base) {
                Outcome::Blocked(cause) if is_here => return Outcome::Blocked(cause),
                Outcome::Blocked(cause) | Outcome::Uncertain(cause) => uncertain = uncertain.or(Some(cause)),
                Outcome::Open => {}
            }
        }
        uncertain.map_or(Outcome::Open, Outcome::Uncertain)
    }
}

impl Base {
    /// Whether a packet comes here: surely, maybe (`false`), or not at all.
    fn is_at(&self, packet: &Packet) -> Option<bool> {
        let at = match self.hook {
            Hook::Ingress => &packet.from,
            Hook::Egress => &packet.to,
            _ => return Some(true),
        };
        let Some(devices) = &self.devices else { return Some(false) };
        let here = at.iter().filter(|name| devices.contains(name)).count();
        (here > 0).then_some(here == at.len())
    }
}

/// One packet's way through the chains that a base chain calls.
struct Walk<'a> {
    places: &'a HashMap<&'a Place, &'a Chain>,
    base: (&'a Place, Hook),
    packet: &'a Packet,
    left: Cell<usize>,
}

/// What may happen to a packet in a chain.
#[derive(Default)]
struct Reach {
    accepts: bool,
    drops: Option<Cause>,
    /// It comes to the end, or is sent back.
    goes_on: bool,
    /// It is sent back from the chain that holds the rule.
    returns: bool,
}

impl Walk<'_> {
    fn through(&self, chain: &Chain, base: &Base) -> Outcome {
        let mut reach = self.chain(chain, 0);
        if reach.goes_on && base.drops {
            reach.drops = reach.drops.or(Some(self.cause(None)));
        }
        match reach.drops {
            None => Outcome::Open,
            Some(cause) if reach.accepts || (reach.goes_on && !base.drops) => Outcome::Uncertain(cause),
            Some(cause) => Outcome::Blocked(cause),
        }
    }

    fn chain(&self, chain: &Chain, depth: usize) -> Reach {
        let mut all = Reach::default();
        for rule in &chain.rules {
            let holds = match self.left.get().checked_sub(1) {
                Some(left) => {
                    self.left.set(left);
                    rule.holds(self.packet)
                }
                None => return Reach { accepts: true, drops: Some(self.cause(Some((chain, rule)))), ..all },
            };
            if holds == Some(false) {
                continue;
            }
            let step = self.step(chain, rule, depth);
            all.accepts |= step.accepts;
            all.drops = all.drops.or(step.drops);
            all.goes_on |= step.returns;
            if holds == Some(true) && !step.goes_on {
                return all;
            }
        }
        Reach { goes_on: true, ..all }
    }

    fn step(&self, chain: &Chain, rule: &Rule, depth: usize) -> Reach {
        let cause = || Some(self.cause(Some((chain, rule))));
        let call = |name: &String| {
            let place = Place { chain: name.clone(), ..chain.place.clone() };
            let called = self.places.get(&place).filter(|_| depth < MAX_DEPTH);
            called.map(|called| self.chain(called, depth + 1))
        };
        let unknown = || Reach { accepts: true, drops: cause(), goes_on: true, returns: false };
        match &rule.action {
            Action::Continue => Reach { goes_on: true, ..Reach::default() },
            Action::Accept => Reach { accepts: true, ..Reach::default() },
            Action::Drop => Reach { drops: cause(), ..Reach::default() },
            Action::Return => Reach { returns: true, ..Reach::default() },
            Action::Jump(name) => call(name).unwrap_or_else(unknown),
            Action::Goto(name) => match call(name) {
                Some(called) => Reach { returns: called.goes_on, goes_on: false, ..called },
                None => unknown(),
            },
            Action::Unknown => unknown(),
        }
    }

    fn cause(&self, rule: Option<(&Chain, &Rule)>) -> Cause {
        let (base, hook) = self.base;
        let rule = rule.map(|(chain, rule)| (chain.place.clone(), rule.text.clone()));
        Cause { base: base.clone(), hook, rule }
    }
}

impl Rule {
    fn holds(&self, packet: &Packet) -> Option<bool> {
        all(&self.conditions, packet)
    }
}

/// Whether all conditions hold; `None` where that depends on what is not known.
fn all(conditions: &[Condition], packet: &Packet) -> Option<bool> {
    let mut known = true;
    for condition in conditions {
        match condition.holds(packet) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => known = false,
        }
    }
    known.then_some(true)
}

impl Condition {
    fn holds(&self, packet: &Packet) -> Option<bool> {
        match self {
            Self::Unknown => None,
            Self::Any(ways) => {
                let each: Vec<_> = ways.iter().map(|way| all(way, packet)).collect();
                match (each.contains(&Some(true)), each.contains(&None)) {
                    (true, _) => Some(true),
                    (false, true) => None,
                    (false, false) => Some(false),
                }
            }
            Self::Is { field, wanted, negated } => match packet.value(*field) {
                // The kernel ends a rule that looks at what is not there (NFT_BREAK).
                Value::Absent => Some(false),
                Value::Unknown => None,
                Value::Within(first, last) => is_within((first, last), wanted).map(|is| is != *negated),
                Value::Named(names) => are_named(&names, wanted).map(|are| are != *negated),
            },
        }
    }
}

fn is_within((first, last): (u32, u32), wanted: &[Wanted]) -> Option<bool> {
    let mut disjoint = true;
    for wanted in wanted {
        match wanted {
            Wanted::Within(from, to) if *from <= first && last <= *to => return Some(true),
            Wanted::Within(from, to) => disjoint &= last < *from || *to < first,
            Wanted::Named(_) => {}
            Wanted::Unknown => disjoint = false,
        }
    }
    disjoint.then_some(false)
}

fn are_named(names: &[String], wanted: &[Wanted]) -> Option<bool> {
    let fits = |name: &String| {
        wanted.iter().any(|wanted| match wanted {
            Wanted::Named(pattern) => match pattern.strip_suffix('*') {
                Some(begin) => name.starts_with(begin),
                None => name == pattern,
            },
            _ => false,
        })
    };
    let fitting = names.iter().filter(|name| fits(name)).count();
    let is_known = !wanted.contains(&Wanted::Unknown);
    match fitting {
        0 if is_known => Some(false),
        all if all == names.len() => Some(true),
        _ => None,
    }
}
