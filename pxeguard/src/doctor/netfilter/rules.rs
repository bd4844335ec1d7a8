//! Rules of netfilter, whoever wrote them, as far as they are understood.

use super::packet::Field;

/// A place in the kernel where rules look at packets.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Hook {
    /// A device receives it.
    Ingress,
    /// Before it is known where it goes.
    Prerouting,
    /// It is for this host.
    Input,
    /// It is for somebody else.
    Forward,
    /// This host sends it.
    Output,
    /// It is about to leave.
    Postrouting,
    /// A device sends it.
    Egress,
}

/// Whose hook it is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Family {
    /// IPv4's.
    Ip,
    /// IPv4's and IPv6's.
    Inet,
    /// A bridge's.
    Bridge,
    /// A device's.
    Netdev,
}

impl Family {
    /// As nft writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Inet => "inet",
            Self::Bridge => "bridge",
            Self::Netdev => "netdev",
        }
    }
}

/// The program that a chain is changed with.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Tool {
    /// `nft`.
    Nft,
    /// `iptables`, over nf_tables.
    Iptables,
    /// `iptables-legacy`.
    IptablesLegacy,
}

/// Where a chain is.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Place {
    /// Who made it.
    pub tool: Tool,
    /// Of which family.
    pub family: Family,
    /// Its table.
    pub table: String,
    /// Its name.
    pub chain: String,
}

/// A chain.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Where it is.
    pub place: Place,
    /// Where packets enter it, if it is not only called by others.
    pub base: Option<Base>,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
}

/// Where packets enter a chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Base {
    /// The hook.
    pub hook: Hook,
    /// Whether what comes to its end is dropped.
    pub drops: bool,
    /// At ingress and egress: the devices, if that is told (nft 1.0.6 does not).
    pub devices: Option<Vec<String>>,
}

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What has to hold.
    pub conditions: Vec<Condition>,
    /// What happens then.
    pub action: Action,
    /// As its program writes it.
    pub text: String,
}

/// What a rule asks of a packet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Condition {
    /// A field is one of these, or none of them.
    Is {
        /// Which.
        field: Field,
        /// What is asked for.
        wanted: Vec<Wanted>,
        /// Whether it must be none of them.
        negated: bool,
    },
    /// All conditions of at least one of these hold.
    Any(Vec<Vec<Condition>>),
    /// Something that is not understood.
    Unknown,
}

/// A value that a rule asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Wanted {
    /// A number from the first to the last.
    Within(u32, u32),
    /// A name; with `*` at its end, all that begin so.
    Named(String),
    /// Something that is not understood.
    Unknown,
}

/// What a rule does with a packet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// Nothing that matters here.
    Continue,
    /// It passes this hook's chain.
    Accept,
    /// It is gone, silently or not.
    Drop,
    /// It goes on behind the call.
    Return,
    /// It goes to another chain, and comes back.
    Jump(String),
    /// It goes to another chain, and does not come back here.
    Goto(String),
    /// Something that is not understood.
    Unknown,
}

/// All chains of a host.
#[derive(Clone, Debug, Default)]
pub struct Ruleset {
    /// The chains.
    pub chains: Vec<Chain>,
}

impl Condition {
    /// That a field is one number.
    pub fn number(field: Field, number: u32) -> Self {
        Self::Is { field, wanted: vec![Wanted::Within(number, number)], negated: false }
    }
}
