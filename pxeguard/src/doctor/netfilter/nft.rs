//! Rules as `nft -j list ruleset` tells them (libnftables-json(5)).

use std::collections::HashMap;

use serde_json::Value as Json;

use super::packet::{self, Field, destination_type, numbers, state};
use super::rules::{Action, Base, Chain, Condition, Family, Hook, Place, Rule, Tool, Wanted};

/// A number that no packet of ours has, for values that are known to be something else.
const NEVER: u32 = u32::MAX;

/// Reads the rules; `text` is `nft -a list ruleset`, in which each rule stands as people write it.
///
/// Chains of IPv6 and ARP are left out.  `None` where it is not what nft writes.
pub fn parse(json: &str, text: &str) -> Option<Vec<Chain>> {
    let json: Json = serde_json::from_str(json).ok()?;
    let objects = json.get("nftables")?.as_array()?;
    let texts = texts(text);
    let mut reader = Reader { sets: HashMap::new(), texts };
    for object in objects {
        for set in [object.get("set"), object.get("map")].into_iter().flatten() {
            let key = (string(set, "family"), string(set, "table"), string(set, "name"));
            reader.sets.insert(key, set.get("elem").cloned().unwrap_or_else(|| Json::Array(Vec::new())));
        }
    }
    let mut chains: Vec<Chain> = objects.iter().filter_map(|object| chain(object.get("chain")?)).collect();
    for rule in objects.iter().filter_map(|object| object.get("rule")) {
        let Some(place) = place(rule, "chain") else { continue };
        if let Some(chain) = chains.iter_mut().find(|chain| chain.place == place) {
            chain.rules.extend(reader.rules(rule));
        }
    }
    Some(chains)
}

fn string(object: &Json, key: &str) -> String {
    object.get(key).and_then(Json::as_str).unwrap_or_default().to_owned()
}

fn place(object: &Json, name: &str) -> Option<Place> {
    let family = match object.get("family")?.as_str()? {
        "ip" => Family::Ip,
        "inet" => Family::Inet,
        "bridge" => Family::Bridge,
        "netdev" => Family::Netdev,
        _ => return None,
    };
    Some(Place { tool: Tool::Nft, family, table: string(object, "table"), chain: string(object, name) })
}

fn chain(object: &Json) -> Option<Chain> {
    let hook = match object.get("hook").and_then(Json::as_str) {
        Some("ingress") => Some(Hook::Ingress),
        Some("prerouting") => Some(Hook::Prerouting),
        Some("input") => Some(Hook::Input),
        Some("forward") => Some(Hook::Forward),
        Some("output") => Some(Hook::Output),
        Some("postrouting") => Some(Hook::Postrouting),
        Some("egress") => Some(Hook::Egress),
        _ => None,
    };
    let devices = object.get("dev").map(|dev| match dev {
        Json::Array(names) => names.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        name => name.as_str().map(str::to_owned).into_iter().collect(),
    });
    let drops = string(object, "policy") == "drop";
    let base = hook.map(|hook| Base { hook, drops, devices });
    Some(Chain { place: place(object, "name")?, base, rules: Vec::new() })
}

/// Family, table and handle, which is a rule's alone within its table, to the rule as people write it.
fn texts(listing: &str) -> HashMap<(String, String, u64), String> {
    let mut texts = HashMap::new();
    let mut table = (String::new(), String::new());
    for line in listing.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        if let ["table", family, name, ..] = words[..] {
            table = (family.to_owned(), name.to_owned());
        } else if let Some((rule, handle)) = line.rsplit_once("# handle ")
            && let Ok(handle) = handle.trim().parse()
        {
            texts.insert((table.0.clone(), table.1.clone(), handle), rule.trim().to_owned());
        }
    }
    texts
}

struct Reader {
    sets: HashMap<(String, String, String), Json>,
    texts: HashMap<(String, String, u64), String>,
}

impl Reader {
    /// One rule; several, where what it does is looked up in a map.
    fn rules(&self, object: &Json) -> Vec<Rule> {
        let table = (string(object, "family"), string(object, "table"));
        let handle = object.get("handle").and_then(Json::as_u64).unwrap_or_default();
        let text = self.texts.get(&(table.0.clone(), table.1.clone(), handle)).cloned();
        let text = text.unwrap_or_else(|| format!("handle {handle}"));
        let mut rule = Rule { conditions: Vec::new(), action: Action::Continue, text };
        let empty = Vec::new();
        for statement in object.get("expr").and_then(Json::as_array).unwrap_or(&empty) {
            let Some((kind, about)) = statement.as_object().and_then(|object| object.iter().next()) else {
                rule.conditions.push(Condition::Unknown);
                continue;
            };
            match kind.as_str() {
                "match" => rule.conditions.extend(self.condition(&table, about)),
                "vmap" => return self.looked_up(&table, about, &rule),
                "counter" | "log" | "comment" | "mangle" | "notrack" | "set" | "ct helper" | "ct timeout" | "meta"
                | "secmark" | "flow" => {}
                _ => match verdict(kind, about) {
                    Some(action) => {
                        rule.action = action;
                        break;
                    }
                    None => rule.conditions.push(Condition::Unknown),
                },
            }
        }
        vec![rule]
    }

    fn looked_up(&self, table: &(String, String), map: &Json, rule: &Rule) -> Vec<Rule> {
        let unknown = || vec![Rule { action: Action::Unknown, ..rule.clone() }];
        let (Some(key), Some(data)) = (map.get("key"), map.get("data")) else { return unknown() };
        let data = match data.as_str().and_then(|name| name.strip_prefix('@')) {
            Some(name) => self.set(table, name),
            None => data.get("set").cloned(),
        };
        let Some(Json::Array(elements)) = data else { return unknown() };
        let each = elements.iter().map(|element| {
            let (wanted, done) = (element.get(0).unwrap_or(&Json::Null), element.get(1).unwrap_or(&Json::Null));
            let action = done.as_object().and_then(|done| done.iter().next());
            let action = action.and_then(|(kind, about)| verdict(kind, about)).unwrap_or(Action::Unknown);
            let mut conditions = rule.conditions.clone();
            conditions.extend(self.compared(table, key, "==", wanted));
            Rule { conditions, action, text: rule.text.clone() }
        });
        each.collect()
    }

    fn set(&self, (family, table): &(String, String), name: &str) -> Option<Json> {
        self.sets.get(&(family.clone(), table.clone(), name.to_owned())).cloned()
    }

    fn condition(&self, table: &(String, String), about: &Json) -> Vec<Condition> {
        let nothing = Json::Null;
        let op = about.get("op").and_then(Json::as_str).unwrap_or("==");
        self.compared(table, about.get("left").unwrap_or(&nothing), op, about.get("right").unwrap_or(&nothing))
    }

    fn compared(&self, table: &(String, String), left: &Json, op: &str, right: &Json) -> Vec<Condition> {
        if let Some(parts) = left.get("concat").and_then(Json::as_array) {
            return vec![self.concatenated(table, parts, op, right)];
        }
        let (mut conditions, field) = looked_at(left);
        let Some(field) = field else {
            conditions.push(Condition::Unknown);
            return conditions;
        };
        let wanted = self.wanted(table, field, right);
        let wanted = match (op, &wanted[..]) {
            ("==" | "!=" | "in", _) => wanted,
            ("<", [Wanted::Within(from, _)]) => vec![Wanted::Within(0, from.saturating_sub(1))],
            ("<=", [Wanted::Within(from, _)]) => vec![Wanted::Within(0, *from)],
            (">", [Wanted::Within(from, _)]) => vec![Wanted::Within(from.saturating_add(1), NEVER)],
            (">=", [Wanted::Within(from, _)]) => vec![Wanted::Within(*from, NEVER)],
            _ => vec![Wanted::Unknown],
        };
        conditions.push(Condition::Is { field, wanted, negated: op == "!=" });
        conditions
    }

    /// `iifname . udp dport { "vmbr0" . 69, ... }`
    fn concatenated(&self, table: &(String, String), parts: &[Json], op: &str, right: &Json) -> Condition {
        let elements = match right.as_str().and_then(|name| name.strip_prefix('@')) {
            Some(name) => self.set(table, name),
            None => right.get("set").cloned().or_else(|| Some(Json::Array(vec![right.clone()]))),
        };
        let (Some(Json::Array(elements)), "==" | "in") = (elements, op) else { return Condition::Unknown };
        let ways = elements.iter().map(|element| match element.get("concat").and_then(Json::as_array) {
            Some(values) if values.len() == parts.len() => {
                parts.iter().zip(values).flat_map(|(part, value)| self.compared(table, part, "==", value)).collect()
            }
            _ => vec![Condition::Unknown],
        });
        Condition::Any(ways.collect())
    }

    fn wanted(&self, table: &(String, String), field: Field, right: &Json) -> Vec<Wanted> {
        let all = |list: &[Json]| list.iter().flat_map(|one| self.wanted(table, field, one)).collect();
        match right {
            Json::Array(list) => all(list),
            Json::Number(number) => match number.as_u64().and_then(|number| u32::try_from(number).ok()) {
                Some(number) => vec![Wanted::Within(number, number)],
                None => vec![Wanted::Unknown],
            },
            Json::String(name) => match name.strip_prefix('@') {
                Some(name) => match self.set(table, name) {
                    Some(Json::Array(list)) => all(&list),
                    _ => vec![Wanted::Unknown],
                },
                None => vec![named(field, name)],
            },
            Json::Object(object) => match object.iter().next() {
                Some((kind, Json::Array(list))) if kind == "set" => all(list),
                Some((kind, Json::Array(ends))) if kind == "range" => match &all(ends)[..] {
                    [Wanted::Within(from, _), Wanted::Within(_, to)] => vec![Wanted::Within(*from, *to)],
                    _ => vec![Wanted::Unknown],
                },
                Some((kind, about)) if kind == "prefix" => vec![prefix(about)],
                Some((kind, about)) if kind == "elem" => match about.get("val") {
                    Some(value) => self.wanted(table, field, value),
                    None => vec![Wanted::Unknown],
                },
                _ => vec![Wanted::Unknown],
            },
            _ => vec![Wanted::Unknown],
        }
    }
}

/// What a statement does with a packet; `None` for anything but a verdict.
fn verdict(kind: &str, about: &Json) -> Option<Action> {
    let target = || string(about, "target");
    Some(match kind {
        // Rewriting the source ends the walk as well (nft(8), NAT STATEMENTS).
        "accept" | "snat" | "masquerade" => Action::Accept,
        "drop" | "reject" => Action::Drop,
        "jump" => Action::Jump(target()),
        "goto" => Action::Goto(target()),
        "return" => Action::Return,
        "continue" => Action::Continue,
        "queue" | "dnat" | "redirect" | "tproxy" | "synproxy" | "fwd" | "dup" => Action::Unknown,
        "xt" if string(about, "type") == "target" => match string(about, "name").as_str() {
            "REJECT" => Action::Drop,
            "LOG" | "NFLOG" | "MARK" | "CONNMARK" | "CHECKSUM" | "TCPMSS" | "CT" => Action::Continue,
            _ => Action::Unknown,
        },
        _ => return None,
    })
}

/// The field that an expression yields, if it is known, and what has to hold for there to be one.
fn looked_at(left: &Json) -> (Vec<Condition>, Option<Field>) {
    let none = (Vec::new(), None);
    let Some((kind, about)) = left.as_object().and_then(|object| object.iter().next()) else { return none };
    let key = about.get("key").and_then(Json::as_str).unwrap_or_default();
    match (kind.as_str(), key) {
        ("meta", "iifname" | "iif") => (Vec::new(), Some(Field::In)),
        ("meta", "oifname" | "oif") => (Vec::new(), Some(Field::Out)),
        ("meta", "l4proto") => (Vec::new(), Some(Field::Protocol)),
        ("meta", "nfproto") => (Vec::new(), Some(Field::Nfproto)),
        ("meta", "protocol") => (Vec::new(), Some(Field::EtherType)),
        ("meta", "pkttype") => (Vec::new(), Some(Field::PacketType)),
        ("ct", "state") => (Vec::new(), Some(Field::State)),
        ("ct", "status") => (Vec::new(), Some(Field::Status)),
        ("fib", _) if string(about, "result") == "type" && about.get("flags") == Some(&Json::from(vec!["daddr"])) => {
            (Vec::new(), Some(Field::DestinationType))
        }
        ("payload", _) => payload(&string(about, "protocol"), &string(about, "field")),
        ("&" | "|" | "^" | "<<" | ">>", _) => (about.get(0).map(looked_at).unwrap_or_default().0, None),
        _ => none,
    }
}

fn payload(protocol: &str, field: &str) -> (Vec<Condition>, Option<Field>) {
    let is = Condition::number;
    let over = |number| vec![is(Field::Protocol, number)];
    let port = match field {
        "sport" => Some(Field::SourcePort),
        "dport" => Some(Field::DestinationPort),
        _ => None,
    };
    match (protocol, field) {
        ("udp", _) => (over(packet::UDP), port),
        ("tcp", _) => (over(packet::TCP), port),
        ("th", _) => (Vec::new(), port),
        ("ip", "saddr") => (Vec::new(), Some(Field::Source)),
        ("ip", "daddr") => (Vec::new(), Some(Field::Destination)),
        ("ip", "protocol") => (Vec::new(), Some(Field::Protocol)),
        ("ether", "type") => (Vec::new(), Some(Field::EtherType)),
        ("vlan", "id") => (Vec::new(), Some(Field::Vlan)),
        ("ip" | "ether", _) => (Vec::new(), None),
        ("vlan", _) => (vec![is(Field::Vlan, NEVER)], None),
        // Of another protocol, which our packets are not of.
        _ => (over(NEVER), None),
    }
}

fn named(field: Field, name: &str) -> Wanted {
    let number = match (field, name) {
        (Field::In | Field::Out, _) => return Wanted::Named(name.to_owned()),
        (Field::State, "new") => state::NEW,
        (Field::State, "established") => state::ESTABLISHED,
        (Field::State, "related") => state::RELATED,
        (Field::State, "invalid") => state::INVALID,
        (Field::State, "untracked") => state::UNTRACKED,
        (Field::Status, "dnat" | "snat") => packet::REDIRECTED,
        (Field::Protocol, "tcp") => packet::TCP,
        (Field::Protocol, "udp") => packet::UDP,
        (Field::Nfproto, "ipv4") => packet::NFPROTO_IPV4,
        (Field::EtherType, "ip") => packet::IPV4,
        (Field::PacketType, "host" | "unicast") => 0,
        (Field::PacketType, "broadcast") => 1,
        (Field::DestinationType, "unicast") => destination_type::UNICAST,
        (Field::DestinationType, "local") => destination_type::LOCAL,
        (Field::DestinationType, "broadcast") => destination_type::BROADCAST,
        (Field::DestinationType, "multicast") => destination_type::MULTICAST,
        (Field::Protocol | Field::Nfproto | Field::EtherType | Field::PacketType | Field::DestinationType, _) => NEVER,
        (Field::Source | Field::Destination, _) => match name.parse::<std::net::Ipv4Addr>() {
            Ok(address) => address.to_bits(),
            Err(_) => return Wanted::Unknown,
        },
        _ => return Wanted::Unknown,
    };
    Wanted::Within(number, number)
}

fn prefix(about: &Json) -> Wanted {
    let net = || -> Option<ipnet::Ipv4Net> {
        let address = about.get("addr")?.as_str()?.parse().ok()?;
        let len = about.get("len")?.as_u64()?.try_into().ok()?;
        ipnet::Ipv4Net::new(address, len).ok()
    };
    net().map_or(Wanted::Unknown, |net| {
        let (from, to) = numbers(&net);
        Wanted::Within(from, to)
    })
}
