//! Rules as `iptables-save` tells them, of which nft's JSON shows but the outlines.

use ipnet::Ipv4Net;

use super::packet::{self, Field, destination_type, numbers, state};
use super::rules::{Action, Base, Chain, Condition, Family, Hook, Place, Rule, Tool, Wanted};

/// Targets after which a packet goes on to the next rule.
const GOES_ON: [&str; 14] = [
    "LOG", "NFLOG", "MARK", "CONNMARK", "CHECKSUM", "TCPMSS", "CT", "NOTRACK", "SET", "CLASSIFY", "TRACE", "DSCP",
    "TTL", "AUDIT",
];
/// Targets that only change the source.
const ACCEPTS: [&str; 3] = ["ACCEPT", "MASQUERADE", "SNAT"];
/// Targets that go elsewhere, or do what is not known.
const ELSEWHERE: [&str; 5] = ["DNAT", "REDIRECT", "TPROXY", "NFQUEUE", "NETMAP"];

/// Whether a listing is of rules in nf_tables, rather than in the older tables.
pub fn is_nf_tables(saved: &str) -> bool {
    saved.lines().next().is_some_and(|line| line.contains("(nf_tables)"))
}

/// Reads all tables.
pub fn parse(saved: &str) -> Vec<Chain> {
    let tool = if is_nf_tables(saved) { Tool::Iptables } else { Tool::IptablesLegacy };
    let mut chains: Vec<Chain> = Vec::new();
    let mut table = String::new();
    for line in saved.lines() {
        let place = |chain: &str| Place { tool, family: Family::Ip, table: table.clone(), chain: chain.to_owned() };
        if let Some(name) = line.strip_prefix('*') {
            name.trim().clone_into(&mut table);
        } else if let Some(declared) = line.strip_prefix(':') {
            let mut words = declared.split_whitespace();
            let (name, policy) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let base = hook(name).map(|hook| Base { hook, drops: policy == "DROP", devices: None });
            let base = base.filter(|_| policy != "-");
            chains.push(Chain { place: place(name), base, rules: Vec::new() });
        } else if let Some((name, words)) = rule_words(line) {
            let place = place(&name);
            let rule = rule(line, words);
            if let Some(chain) = chains.iter_mut().find(|chain| chain.place == place) {
                chain.rules.push(rule);
            }
        }
    }
    chains
}

fn hook(name: &str) -> Option<Hook> {
    Some(match name {
        "PREROUTING" => Hook::Prerouting,
        "INPUT" => Hook::Input,
        "FORWARD" => Hook::Forward,
        "OUTPUT" => Hook::Output,
        "POSTROUTING" => Hook::Postrouting,
        _ => return None,
    })
}

/// The chain that a rule is added to, and the rest of the line in words.
fn rule_words(line: &str) -> Option<(String, Vec<String>)> {
    let mut words = words(line.strip_prefix("-A ")?).into_iter();
    Some((words.next()?, words.collect()))
}

/// Splits as a shell does, as far as iptables-save quotes: `"a \"b\""`.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut is_quoted, mut letters) = (Vec::new(), String::new(), false, line.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '"' => is_quoted = !is_quoted,
            '\\' if is_quoted => word.extend(letters.next()),
            ' ' if !is_quoted => words.push(std::mem::take(&mut word)),
            letter => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

fn rule(text: &str, words: Vec<String>) -> Rule {
    let mut rule = Rule { conditions: Vec::new(), action: Action::Continue, text: text.to_owned() };
    let mut words = words.into_iter().peekable();
    let mut negated = false;
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_default();
        match word.as_str() {
            "!" => {
                negated = true;
                continue;
            }
            // The target's own options follow.
            "-j" | "--jump" => {
                rule.action = action(value());
                return rule;
            }
            "-g" | "--goto" => {
                rule.action = Action::Goto(value());
                return rule;
            }
            "-m" | "--match" => drop(value()),
            "--comment" => drop(value()),
            "--physdev-is-bridged" => rule.conditions.push(is(Field::IsBridged, vec![number(1)], negated)),
            "--syn" => rule.conditions.push(is(Field::State, vec![number(state::NEW)], negated)),
            option => match field(option) {
                Some(field) => {
                    let value = value();
                    let each = value.split(',').map(|value| wanted(field, value));
                    rule.conditions.push(is(field, each.collect(), negated));
                }
                None => {
                    while words.next_if(|word| !word.starts_with('-') && word != "!").is_some() {}
                    rule.conditions.push(Condition::Unknown);
                }
            },
        }
        negated = false;
    }
    rule
}

fn is(field: Field, wanted: Vec<Wanted>, negated: bool) -> Condition {
    Condition::Is { field, wanted, negated }
}

const fn number(number: u32) -> Wanted {
    Wanted::Within(number, number)
}

fn action(target: String) -> Action {
    match target.as_str() {
        name if ACCEPTS.contains(&name) => Action::Accept,
        "DROP" | "REJECT" => Action::Drop,
        "RETURN" => Action::Return,
        name if GOES_ON.contains(&name) => Action::Continue,
        name if ELSEWHERE.contains(&name) => Action::Unknown,
        // A chain, or a target that is not known: then there is no such chain, and so its outcome is not known.
        _ => Action::Jump(target),
    }
}

fn field(option: &str) -> Option<Field> {
    Some(match option {
        "-i" => Field::In,
        "-o" => Field::Out,
        "-p" => Field::Protocol,
        "-s" => Field::Source,
        "-d" => Field::Destination,
        "--sport" | "--sports" => Field::SourcePort,
        "--dport" | "--dports" => Field::DestinationPort,
        "--ctstate" | "--state" => Field::State,
        "--physdev-in" => Field::PhysIn,
        "--physdev-out" => Field::PhysOut,
        "--dst-type" => Field::DestinationType,
        "--pkt-type" => Field::PacketType,
        _ => return None,
    })
}

fn wanted(field: Field, value: &str) -> Wanted {
    /// A number that no packet of ours has.
    const OTHER: Wanted = number(u32::MAX);
    match (field, value) {
        (Field::In | Field::Out | Field::PhysIn | Field::PhysOut, name) => {
            Wanted::Named(match name.strip_suffix('+') {
                Some(begin) => format!("{begin}*"),
                None => name.to_owned(),
            })
        }
        (Field::Protocol, "udp") => number(packet::UDP),
        (Field::Protocol, "tcp") => number(packet::TCP),
        (Field::Protocol, "all") => Wanted::Within(0, 255),
        (Field::Protocol, other) => other.parse().map_or(OTHER, number),
        (Field::Source | Field::Destination, net) => {
            let net = net.parse::<Ipv4Net>().or_else(|_| net.parse().map(packet::only));
            net.map_or(Wanted::Unknown, |net| {
                let (from, to) = numbers(&net);
                Wanted::Within(from, to)
            })
        }
        (Field::SourcePort | Field::DestinationPort, ports) => {
            let (from, to) = ports.split_once(':').unwrap_or((ports, ports));
            let to = if to.is_empty() { "65535" } else { to };
            let from = if from.is_empty() { "0" } else { from };
            from.parse().and_then(|from| Ok(Wanted::Within(from, to.parse()?))).unwrap_or(Wanted::Unknown)
        }
        (Field::State, "NEW") => number(state::NEW),
        (Field::State, "ESTABLISHED") => number(state::ESTABLISHED),
        (Field::State, "RELATED") => number(state::RELATED),
        (Field::State, "INVALID") => number(state::INVALID),
        (Field::State, _) => OTHER,
        (Field::DestinationType, "LOCAL") => number(destination_type::LOCAL),
        (Field::DestinationType, "BROADCAST") => number(destination_type::BROADCAST),
        (Field::DestinationType, "UNICAST") => number(destination_type::UNICAST),
        (Field::DestinationType, _) => OTHER,
        (Field::PacketType, "unicast") => number(0),
        (Field::PacketType, "broadcast") => number(1),
        (Field::PacketType, _) => OTHER,
        _ => Wanted::Unknown,
    }
}
