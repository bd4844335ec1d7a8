//! The JSON that scripts rely on: exactly these fields, of these types.

use std::collections::BTreeSet;

use pxeguard_lab::{BRIDGE, Client, Lab, Pool, Server, skip_unless, until};
use serde_json::Value;

use crate::SOON;
use crate::booting::{Firmware, MEMTEST, Scene, UNDIONLY};
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
    ("guest", Text, true),
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
    ("client_messages", Object, false),
    ("servers", Count, false),
    ("driver", Text, true),
    ("xdp_features", List, true),
    ("guest", Text, true),
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
    ("client_messages", Object, false),
    ("events_lost", Count, false),
    ("boot_answers", Object, true),
    ("problems", List, false),
];

const BOOT_ANSWERS: &[Field] = &[("daemon", Count, false), ("kernel", Object, true)];

const KERNEL_ANSWERS: &[Field] =
    &[("offers", Count, false), ("boot_server", Count, false), ("failed", Count, false), ("untold", Count, false)];

const TRUST: &[Field] = &[("trust", Text, false), ("source", Text, false), ("bound", Text, true), ("note", Text, true)];

const CLIENT: &[Field] = &[
    ("mac", Text, true),
    ("ip", Text, true),
    ("arch", Text, true),
    ("kind", Text, true),
    ("iface", Text, true),
    ("vlan", Count, true),
    ("state", Text, false),
    ("explanation", Text, false),
    ("strategy", Text, true),
    ("file", Text, true),
    ("bytes", Count, true),
    ("len", Count, true),
    ("rate", Count, true),
    ("resent", Count, false),
    ("first_seen", Time, false),
    ("last_seen", Time, false),
    ("attempts", List, false),
];

const ATTEMPT: &[Field] = &[
    ("began", Time, false),
    ("asked", Count, false),
    ("asked_4011", Count, false),
    ("answered", Count, false),
    ("strategy", Text, true),
    ("offered", Text, true),
    ("refused", Text, true),
    ("files", List, false),
];

const FILE: &[Field] = &[
    ("file", Text, false),
    ("via", Text, false),
    ("bytes", Count, false),
    ("len", Count, true),
    ("rate", Count, true),
    ("resent", Count, false),
    ("result", Text, false),
    ("why", Text, true),
    ("began", Time, false),
    ("took_ms", Count, false),
];

const BOOT_LIST: &[Field] =
    &[("entries", List, false), ("programs", List, false), ("clients", List, false), ("warnings", List, false)];

const CLIENT_MESSAGES: &[Field] = &[("passed", Count, false), ("cut", Count, false), ("would_cut", Count, false)];

const ENTRY: &[Field] =
    &[("name", Text, false), ("title", Text, false), ("file", Text, false), ("platforms", List, false)];

const PROGRAM: &[Field] = &[
    ("file", Text, false),
    ("platform", Text, false),
    ("loader", Text, false),
    ("package", Text, true),
    ("is_offered", Truth, false),
    ("unusable", Text, true),
];

const CHOICE: &[Field] = &[
    ("mac", Text, false),
    ("entry", Text, false),
    ("once", Truth, false),
    ("source", Text, false),
    ("note", Text, true),
];

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
    fields(&status["client_messages"], CLIENT_MESSAGES);
    ports.as_array().unwrap().iter().for_each(|port| fields(&port["client_messages"], CLIENT_MESSAGES));
    assert_eq!((&status["mode"], &status["ports"], &status["servers"]), (&"enforce".into(), &3.into(), &2.into()));
    let trusts = guard.json("trust list").unwrap();
    assert_eq!(all(&trusts, TRUST), 2, "{trusts}");
    assert_eq!(trusts[1]["note"], "its port is not there");
}

#[test]
fn reports_of_booting_have_their_fields_and_their_types() {
    skip_unless!("curl", MEMTEST, UNDIONLY);
    let scene = Scene::new(&[MEMTEST, UNDIONLY]);
    let guard = scene.guard("");
    assert_eq!(guard.json("clients").unwrap(), serde_json::json!([]));
    scene.is_offered(Firmware::Bios, "undionly.kpxe");
    for (file, code) in [("undionly.kpxe", "200"), ("nothing", "404")] {
        let url = format!("http://10.77.0.1:8067/{file}");
        let argv = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", &url];
        assert_eq!(scene.client.run(argv).unwrap(), code, "{file}");
    }
    let answers = guard.json("status").unwrap()["boot_answers"].clone();
    fields(&answers, BOOT_ANSWERS);
    fields(&answers["kernel"], KERNEL_ANSWERS);
    let client = || guard.json("clients").unwrap()[0].clone();
    let files = |client: &Value| client["attempts"][0]["files"].clone();
    until(SOON, "both files are known", || files(&client()).as_array().is_some_and(|files| files.len() == 2)).unwrap();
    let clients = guard.json("clients").unwrap();
    assert_eq!(all(&clients, CLIENT), 1, "{clients}");
    assert_eq!(all(&clients[0]["attempts"], ATTEMPT), 1, "{clients}");
    let files = files(&clients[0]);
    assert_eq!(all(&files, FILE), 2);
    let told = |at: usize| [&files[at]["file"], &files[at]["via"], &files[at]["result"]].map(|it| it.as_str().unwrap());
    assert_eq!((told(0), told(1)), (["undionly.kpxe", "http", "done"], ["/nothing", "http", "denied"]));
    let client = &clients[0];
    assert_eq!((&client["mac"], &client["ip"]), (&scene.mac().into(), &"10.77.0.9".into()));
    assert_eq!((&client["arch"], &client["kind"]), (&"bios".into(), &"PXEClient".into()));
    assert_eq!((&client["iface"], &client["vlan"]), (&BRIDGE.into(), &Value::Null));

    guard.run(["boot", "set", &scene.mac(), "local"]).unwrap();
    let list = guard.json("boot list").unwrap();
    fields(&list, BOOT_LIST);
    let [entries, programs, choices] = ["entries", "programs", "clients"].map(|name| &list[name]);
    assert_eq!((all(entries, ENTRY), all(choices, CHOICE)), (1, 1), "{list}");
    assert!(all(programs, PROGRAM) >= 1, "{list}");
    assert_eq!((&entries[0]["file"], &entries[0]["platforms"][0]), (&"memtest86+x64.bin".into(), &"bios".into()));
    assert_eq!((&choices[0]["entry"], &choices[0]["once"]), (&"local".into(), &false.into()));
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
