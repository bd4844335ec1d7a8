//! What `--iface` means.

use std::collections::BTreeMap;

use pxeguard_common::net::Ifindex;

use super::open_vswitch::{self, OpenVswitch};
use super::{Kind, Link, Problem, Snapshot};

/// Names suggested in place of one that does not exist.
const MAX_CANDIDATES: usize = 6;

/// An interface to be guarded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    /// The interface.
    pub link: Link,
    /// The bridge that it is a port of, also where that is Open vSwitch's.
    pub bridge: Option<String>,
    /// Whether that is a Linux bridge.
    pub is_bridge_port: bool,
    /// Whether only XDP stops a frame here: Open vSwitch's userspace datapath takes frames by a packet socket,
    /// which sees them before tc does.
    pub only_xdp: bool,
}

/// What a list of `--iface` means at one moment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Targets {
    /// Interfaces to be guarded, by number; each once, however often it is named.
    pub ports: Vec<Target>,
    /// What is named, but cannot be guarded.
    pub problems: Vec<Problem>,
}

impl Snapshot {
    /// What is to be guarded: all ports of a Linux bridge, or the interface itself.
    ///
    /// Asks `ovs-vsctl` (at most two seconds) where Open vSwitch runs and something other than a Linux bridge is named.
    pub async fn targets(&self, ifaces: &[String]) -> Targets {
        let mut links = ifaces.iter().filter_map(|iface| self.link_named(iface));
        let open_vswitch = match links.any(|link| link.kind != Kind::Bridge) {
            true => open_vswitch::ask().await,
            false => Ok(OpenVswitch::default()),
        };
        self.targets_beside(ifaces, &open_vswitch)
    }

    /// `open_vswitch` is what is known of it, or why nothing is.
    pub(super) fn targets_beside(&self, ifaces: &[String], open_vswitch: &Result<OpenVswitch, String>) -> Targets {
        let mut resolver = Resolver { snapshot: self, open_vswitch, ports: BTreeMap::new(), problems: Vec::new() };
        for iface in ifaces {
            resolver.resolve(iface);
        }
        Targets { ports: resolver.ports.into_values().collect(), problems: resolver.problems }
    }
}

struct Resolver<'a> {
    snapshot: &'a Snapshot,
    open_vswitch: &'a Result<OpenVswitch, String>,
    ports: BTreeMap<Ifindex, Target>,
    problems: Vec<Problem>,
}

impl Resolver<'_> {
    fn resolve(&mut self, given: &str) {
        let iface = given.to_owned();
        let Some(link) = self.snapshot.link_named(given) else {
            return self.problems.push(Problem::Missing { iface, candidates: self.candidates(given) });
        };
        let known = self.open_vswitch.as_ref();
        let is_bridge = known.is_ok_and(|known| known.bridge(&link.name).is_some());
        let is_internal = known.is_ok_and(|known| known.is_internal(&link.name));
        match &link.kind {
            Kind::Bridge => self.snapshot.members(link.index).for_each(|port| self.guard(port)),
            Kind::Loopback => self.problems.push(Problem::Loopback { iface }),
            kind if !link.is_ethernet => {
                let kind = kind.name().to_owned();
                self.problems.push(Problem::NotEthernet { iface, kind });
            }
            _ if !is_bridge && is_internal => {
                let ports = self.open_vswitch_ports(link);
                self.problems.push(Problem::OpenVswitchInternal { iface, ports });
            }
            kind if is_bridge || *kind == Kind::OpenVswitch => {
                let ports = self.open_vswitch_ports(link);
                self.problems.push(Problem::OpenVswitchBridge { iface, ports });
            }
            _ => {
                self.guard(link);
                if let Err(why) = self.open_vswitch {
                    self.problems.push(Problem::OpenVswitchSilent { iface, why: why.clone() });
                }
            }
        }
    }

    fn guard(&mut self, link: &Link) {
        let bridge = self.snapshot.bridge_of(link);
        let switch = self.open_vswitch.as_ref().ok().and_then(|known| known.bridge_with(&link.name));
        let target = Target {
            link: link.clone(),
            bridge: bridge.map(|bridge| &bridge.name).or(switch.map(|switch| &switch.name)).cloned(),
            is_bridge_port: bridge.is_some(),
            only_xdp: switch.is_some_and(|switch| switch.in_userspace),
        };
        self.ports.insert(link.index, target);
    }

    /// What can be guarded of an Open vSwitch bridge; of all of them, where nothing but the kernel tells of them.
    fn open_vswitch_ports(&self, bridge_or_internal: &Link) -> Vec<String> {
        let name = &bridge_or_internal.name;
        let known = self.open_vswitch.as_ref().ok();
        let bridge = known.and_then(|known| known.bridge(name).or_else(|| known.bridge_with(name)));
        if let (Some(known), Some(bridge)) = (known, bridge) {
            let ports = bridge
                .interfaces
                .iter()
                .filter(|port| !known.is_internal(port) && self.snapshot.index_of(port).is_some());
            return ports.cloned().collect();
        }
        let in_datapath = |link: &&Link| {
            let master = link.master.and_then(|master| self.snapshot.link(master));
            master.is_some_and(|master| master.kind == Kind::OpenVswitch)
        };
        self.snapshot.links().filter(in_datapath).map(|link| link.name.clone()).collect()
    }

    /// What may be meant: the most similar names, else the bridges, else the cards.
    fn candidates(&self, given: &str) -> Vec<String> {
        let ethernet = || self.snapshot.links().filter(|link| link.is_ethernet);
        let far = |link: &&Link| distance(given, &link.name);
        let least = ethernet().map(|link| far(&link)).min().filter(|least| *least <= 2);
        let similar = names(ethernet().filter(|link| Some(far(link)) == least));
        if !similar.is_empty() {
            return similar;
        }
        let bridges = names(ethernet().filter(|link| link.kind == Kind::Bridge));
        if !bridges.is_empty() {
            return bridges;
        }
        names(ethernet().filter(|link| link.physical))
    }
}

/// So many that they fit a line.
fn names<'a>(links: impl Iterator<Item = &'a Link>) -> Vec<String> {
    links.take(MAX_CANDIDATES).map(|link| link.name.clone()).collect()
}

/// How many characters have to be put in, left out or replaced to make `a` of `b` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.chars().count()]
}
