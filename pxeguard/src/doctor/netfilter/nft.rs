//! Rules as `nft -j list ruleset` tells them (libnftables-json(5)).

mod field;

use std::collections::HashMap;

use serde_json::Value as Json;

use super::packet::Field;
use super::rules::{Action, Base, Chain, Condition, Family, Hook, Place, Rule, Tool, Wanted};
use field::{NEVER, looked_at, named, prefix};

/// Reads the rules; `text` is `nft -a list ruleset`, in which each rule stands as people write it.
///
/// Chains of IPv6 and ARP are left out.  `None` where it is not what nft writes.
pub fn parse(json: &str, text: &str) -> Option<Vec<Chain>> {
    let json: Json = serde_json::from_str(json).ok()?;
    let objects = json.get("nftables")?.as_array()?;
    let mut reader = Reader { sets: HashMap::new(), texts: texts(text) };
    for object in objects {
        for set in [object.get("set"), object.get("map")].into_iter().flatten() {
            let key = (string(set, "family"), string(set, "table"), string(set, "name"));
            reader.sets.insert(key, set.get("elem").cloned().unwrap_or_else(|| Json::Array(Vec::new())));
        }
    }
    let mut chains: Vec<Chain> = objects.iter().filter_map(|object| chain(object.get("chain")?)).collect();
    // nft 1.0.6 names the devices of a chain only to people.
    let devices = devices(text);
    for chain in &mut chains {
        if let Some(base) = chain.base.as_mut().filter(|base| base.devices.is_none()) {
            base.devices = devices.get(&chain.place).cloned();
        }
    }
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

fn family(name: &str) -> Option<Family> {
    [Family::Ip, Family::Inet, Family::Bridge, Family::Netdev].into_iter().find(|family| family.name() == name)
}

fn place(object: &Json, name: &str) -> Option<Place> {
    let family = family(object.get("family")?.as_str()?)?;
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

/// Devices of chains: `type filter hook ingress devices = { p0, p1 } priority filter; policy accept;`, or
/// `... device "p0" priority ...`.
fn devices(listing: &str) -> HashMap<Place, Vec<String>> {
    let mut devices = HashMap::new();
    let mut place = None;
    let mut table = None;
    for line in listing.lines() {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["table", name, table_name, ..] => table = family(name).zip(Some(table_name.to_owned())),
            ["chain", chain, ..] => {
                place = table.clone().map(|(family, table)| {
                    let chain = chain.to_owned();
                    Place { tool: Tool::Nft, family, table, chain }
                });
            }
            ["type", _, "hook", _, "devices" | "device", ..] => {
                let names =
                    line.split(" priority ").next().unwrap_or_default().split(" device").nth(1).unwrap_or_default();
                let names = names.trim_start_matches('s').split([' ', ',', '=', '{', '}', '"']);
                let names = names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
                place.take().map(|place| devices.insert(place, names));
            }
            _ => {}
        }
    }
    devices
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
