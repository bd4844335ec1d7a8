//! The JSON that scripts rely on: exactly these fields, of these types.

use std::collections::BTreeSet;

use pxeguard_lab::{BRIDGE, Client, Lab, Pool, Server, skip_unless, until};
use serde_json::Value;

use crate::SOON;
use crate::ended::guard;

/// A kind of value.
#[derive(Clone, Copy, Debug)]
enum Type {
    Text,
    Count,
    Truth,
    /// RFC 3339, in UTC.
    Time,
    List,
    Object,
}

use Type::{Count, List, Object, Text, Time, Truth};

/// Name, type and whether it can be null.
type Field = (&'static str, Type, bool);

const SERVER: &[Field] = &[
    ("mac", Text, false),
    ("ip", Text, false),
    ("server_id", Text, true),
    ("vlan", Count, true),
    ("port", Text, false),
    ("trusted", Truth, false),
    ("class", Text, true),
    ("offers", Count, false),
    ("acks", Count, false),
    ("naks", Count, false),
    ("other", Count, false),
    ("passed", Count, false),
    ("dropped", Count, false),
    ("would_drop", Count, false),
    ("reason", Text, false),
    ("first_seen", Time, false),
    ("last_seen", Time, false),
    ("relayed", Count, false),
    ("pxe", Count, false),
];

const PORT: &[Field] = &[
    ("name", Text, false),
    ("ifindex", Count, false),
    ("kind", Text, false),
    ("hook", Text, true),
    ("reason", Text, false),
    ("guarded_since", Time, true),
    ("passed", Count, false),
    ("dropped", Count, false),
    ("bridge", Text, true),
    ("would_drop", Count, false),
    ("unlisted", Count, false),
    ("servers", Count, false),
];

const STATUS: &[Field] = &[
    ("version", Text, false),
    ("pid", Count, false),
    ("mode", Text, false),
    ("since", Time, false),
    ("ifaces", List, false),
    ("ports", Count, false),
    ("servers", Count, false),
    ("totals", Object, false),
    ("events_lost", Count, false),
    ("problems", List, false),
];

const TRUST: &[Field] = &[("trust", Text, false), ("source", Text, false), ("bound", Text, true), ("note", Text, true)];

#[test]
fn every_report_has_its_fields_and_their_types() {
    skip_unless!("dnsmasq", "busybox");
    let lab = Lab::new().unwrap();
    let (trusted, rogue) = (lab.attach("trusted").unwrap(), lab.attach("rogue").unwrap());
    let client = lab.attach("client").unwrap();
    let _trusted = Server::Dnsmasq.start(&trusted, &Pool::TRUSTED).unwrap();
    let _rogue = Server::Dnsmasq.start(&rogue, &Pool::ROGUE).unwrap();
    let trust = format!("{}@p-trusted", trusted.mac());
    let guard = guard(&lab, &format!("--iface {BRIDGE} --trust {trust} --trust-port eno9,vlan=5,pxe"));
    assert_eq!(Client::Udhcpc.lease(&client).unwrap().server_id, Pool::TRUSTED.server);

    let servers = || guard.json("servers").unwrap();
    until(SOON, "both servers have answered", || servers().as_array().is_some_and(|servers| servers.len() == 2))
        .unwrap();
    let servers = servers();
    assert_eq!(all(&servers, SERVER), 2, "{servers}");
    let of = |port: &str| servers.as_array().unwrap().iter().find(|server| server["port"] == port).unwrap();
    let (good, bad) = (of("p-trusted"), of("p-rogue"));
    assert_eq!((&good["mac"], &good["trusted"]), (&trusted.mac().to_string().to_lowercase().into(), &true.into()));
    assert_eq!(
        (&good["class"], &good["server_id"], &good["vlan"]),
        (&"dhcp".into(), &"10.77.0.1".into(), &Value::Null)
    );
    assert_eq!((&good["dropped"], &good["acks"]), (&0.into(), &1.into()), "{good}");
    assert_eq!((&bad["class"], &bad["passed"], &bad["trusted"]), (&Value::Null, &0.into(), &false.into()), "{bad}");
    assert!(bad["dropped"].as_u64() > Some(0), "{bad}");
    for server in [good, bad] {
        let count = |name: &str| server[name].as_u64().unwrap();
        let sum = count("offers") + count("acks") + count("naks") + count("other");
        assert_eq!(sum, count("passed") + count("dropped") + count("would_drop"), "{server}");
        assert!(server["first_seen"].as_str() <= server["last_seen"].as_str(), "{server}");
    }

    let ports = guard.json("ports").unwrap();
    assert_eq!(all(&ports, PORT), 3, "{ports}");
    let status = guard.json("status").unwrap();
    fields(&status, STATUS);
    assert_eq!((&status["mode"], &status["ports"], &status["servers"]), (&"enforce".into(), &3.into(), &2.into()));
    let trusts = guard.json("trust list").unwrap();
    assert_eq!(all(&trusts, TRUST), 2, "{trusts}");
    assert_eq!(trusts[1]["note"], "its port is not there");
}

#[test]
fn nothing_is_an_empty_array() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let guard = guard(&lab, &format!("--iface {BRIDGE}"));
    for what in ["servers", "ports", "trust list"] {
        assert_eq!(guard.json(what).unwrap(), serde_json::json!([]), "{what}");
    }
    fields(&guard.json("status").unwrap(), STATUS);
}

/// Checks every element; how many they are.
#[track_caller]
fn all(array: &Value, expected: &[Field]) -> usize {
    let elements = array.as_array().expect("an array");
    for element in elements {
        fields(element, expected);
    }
    elements.len()
}

#[track_caller]
fn fields(object: &Value, expected: &[Field]) {
    let names: BTreeSet<&str> = object.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(names, expected.iter().map(|(name, ..)| *name).collect(), "{object}");
    for (name, kind, nullable) in expected {
        let value = &object[name];
        let fits = match kind {
            Text => value.is_string(),
            Count => value.is_u64(),
            Truth => value.is_boolean(),
            Time => value.as_str().is_some_and(is_rfc3339),
            List => value.is_array(),
            Object => value.is_object(),
        };
        assert!(fits || (*nullable && value.is_null()), "{name} is no {kind:?}: {object}");
    }
}

/// `2026-01-31T23:59:59.123Z`.
fn is_rfc3339(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00.000Z" && text.starts_with("20")
}
