//! Fields and values as nft names them.

use serde_json::Value as Json;

use super::string;
use crate::doctor::netfilter::packet::{self, Field, destination_type, numbers, state};
use crate::doctor::netfilter::rules::{Condition, Wanted};

/// A number that no packet of ours has, for values that are known to be something else.
pub const NEVER: u32 = u32::MAX;

/// The field that an expression yields, if it is known, and what has to hold for there to be one.
pub fn looked_at(left: &Json) -> (Vec<Condition>, Option<Field>) {
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

/// A value by its name.
pub fn named(field: Field, name: &str) -> Wanted {
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

/// A network: `{"addr": "10.0.0.0", "len": 8}`.
pub fn prefix(about: &Json) -> Wanted {
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
