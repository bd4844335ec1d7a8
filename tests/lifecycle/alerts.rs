//! What somebody should look at opens by itself, is told, and closes by itself.

use std::time::{Duration, Instant};

use pxeguard_lab::frames::{Message, code, kind};
use pxeguard_lab::servers::dnsmasq;
use pxeguard_lab::{BRIDGE, Guard, Guest, Lab, Pool, Raw, skip_unless, until};
use serde_json::Value;

use crate::wire::SOON;

const CONFIG: &str = "/etc/pxeguard/pxeguard.toml";
/// A server is silent after twenty seconds.
const SILENT: Duration = Duration::from_secs(40);

/// The open alerts of a kind.
fn open(guard: &Guard<'_>, kind: &str) -> Vec<Value> {
    let Value::Array(mut alerts) = guard.json("alerts").unwrap() else { panic!("alerts --json is no array") };
    alerts.retain(|alert| alert["kind"] == kind && alert["closed"].is_null());
    alerts
}

/// Sends a frame again and again, until there is an alert.
fn opens(guard: &Guard<'_>, kind: &str, mut cause: impl FnMut()) -> Value {
    until(SOON, &format!("{kind} opens"), || {
        cause();
        !open(guard, kind).is_empty()
    })
    .unwrap_or_else(|why| panic!("{why}\n{}", guard.process().output()));
    open(guard, kind).remove(0)
}

fn of(guest: &Guest, mut message: Message) -> Vec<u8> {
    message.source_mac = guest.mac();
    message.frame()
}

fn sends<'a>(socket: &'a Raw, frame: &'a [u8]) -> impl FnMut() + 'a {
    move || socket.send(frame).unwrap()
}

#[test]
fn a_rogue_opens_an_alert_which_is_told_and_closes() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let [trusted, rogue] = ["trusted", "rogue"].map(|name| lab.attach(name).unwrap());
    let hypervisor = lab.hypervisor();
    hypervisor.write(CONFIG, "[alerts]\nclose_after_s = 2\nhook = \"/etc/pxeguard/hook\"\n").unwrap();
    hypervisor.write("/etc/pxeguard/hook", "#!/bin/sh\ncat >> /run/lab/told; echo >> /run/lab/told\n").unwrap();
    hypervisor.run(["chmod", "+x", "/etc/pxeguard/hook"]).unwrap();
    let guard = Guard::start(&lab, ["--iface", BRIDGE, "--trust-port", trusted.port()]).unwrap();
    assert_eq!(guard.json("alerts").unwrap(), Value::Array(Vec::new()));

    let (socket, frame) = (rogue.raw().unwrap(), of(&rogue, Message::offer()));
    let alert = opens(&guard, "untrusted_server", sends(&socket, &frame));
    assert_eq!((&alert["mac"], &alert["port"]), (&rogue.mac().to_string().to_lowercase().into(), &rogue.port().into()));
    assert!(alert["message"].as_str().unwrap().contains("offers 10.66.64.1"), "{alert:#}");
    assert!(alert["next"].as_str().unwrap().contains("pxeguard trust add"), "{alert:#}");
    until(SOON, "it closes", || open(&guard, "untrusted_server").is_empty()).unwrap();

    let told = || -> Vec<Value> {
        let text = hypervisor.read("/run/lab/told").unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    until(SOON, "the program is told twice", || told().len() == 2).unwrap();
    let [opened, closed] = &told()[..] else { unreachable!("there are two") };
    assert_eq!((&opened["event"], &closed["event"]), (&"opened".into(), &"closed".into()));
    assert_eq!((&opened["id"], &closed["id"]), (&alert["id"], &alert["id"]));
    let log = guard.process().output();
    assert!(log.contains("alert untrusted_server") && log.contains("is over"), "{log}");
}

#[test]
fn each_kind_is_told_from_the_others() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let [trusted, rogue] = ["trusted", "rogue"].map(|name| lab.attach(name).unwrap());
    lab.hypervisor().write(CONFIG, "[limits]\nclient_messages_per_s = 10\nclient_burst = 10\n").unwrap();
    let trust = format!("{}@{}", trusted.mac(), trusted.port());
    let guard = Guard::start(&lab, ["--iface", BRIDGE, "--trust", &trust]).unwrap();
    let (socket, other) = (rogue.raw().unwrap(), trusted.raw().unwrap());

    let pxe = of(&rogue, Message::proxy_offer());
    opens(&guard, "foreign_pxe_responder", sends(&socket, &pxe));
    let spoof = of(&trusted, Message::offer());
    let alert = opens(&guard, "spoof", sends(&socket, &spoof));
    assert_eq!(alert["port"], rogue.port());
    let nak = of(&trusted, Message::nak().with(|nak| _ = nak.bootp.set(code::MESSAGE_TYPE, [kind::NAK])));
    opens(&guard, "nak_storm", sends(&other, &nak));
    let discover = of(&rogue, Message::discover());
    let alert = opens(&guard, "flood", || (0..50).for_each(|_| socket.send(&discover).unwrap()));
    assert_eq!(alert["port"], rogue.port());
    until(SILENT, "the flood is over", || open(&guard, "flood").is_empty()).unwrap();
    assert!(open(&guard, "trusted_server_silent").is_empty() && open(&guard, "untrusted_server").is_empty());
}

#[test]
fn a_trusted_server_that_stops_is_missed() {
    skip_unless!("dnsmasq");
    let lab = Lab::new().unwrap();
    let [trusted, client] = ["trusted", "client"].map(|name| lab.attach(name).unwrap());
    let server = dnsmasq::start(&trusted, &Pool::TRUSTED, &[]).unwrap();
    let guard = Guard::start(&lab, ["--iface", BRIDGE, "--trust-port", trusted.port()]).unwrap();
    let (socket, discover) = (client.raw().unwrap(), of(&client, Message::discover()));
    let answers = || guard.json("servers").unwrap()[0]["offers"].as_u64().unwrap_or_default();
    until(SOON, "it answers", || {
        socket.send(&discover).unwrap();
        answers() > 0
    })
    .unwrap();
    server.stop(SOON).unwrap();
    // One a second, as clients do: what came just after its last reply counts as answered.
    let (began, mut asked) = (Instant::now(), 0);
    until(SILENT, "it is missed", || {
        if asked < 20 && began.elapsed().as_secs() >= asked {
            socket.send(&discover).unwrap();
            asked += 1;
        }
        !open(&guard, "trusted_server_silent").is_empty()
    })
    .unwrap();
    let _server = dnsmasq::start(&trusted, &Pool::TRUSTED, &[]).unwrap();
    until(SOON, "it is back", || {
        socket.send(&discover).unwrap();
        open(&guard, "trusted_server_silent").is_empty()
    })
    .unwrap();
}
