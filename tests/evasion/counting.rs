//! Replies by several servers behind several ports, sent on all processors at once: each is counted once.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Barrier;
use std::thread;

use macaddr::MacAddr6;
use pxeguard_lab::frames::{Message, code, kind};
use pxeguard_lab::{BRIDGE, Guard, Guest, Lab, Raw, skip_unless, until};
use serde_json::Value;

use crate::cpus;
use crate::crossing::SOON;

/// Replies of each type that each processor sends by each server, one half through a ring.
const REPLIES: usize = 100;
/// Servers behind each port.
const SERVERS: u8 = 5;
/// Columns of `servers --json`, and the types of message that they count.
const COLUMNS: [(&str, u8); 4] =
    [("offers", kind::OFFER), ("acks", kind::ACK), ("naks", kind::NAK), ("other", kind::FORCE_RENEW)];

#[test]
fn replies_on_all_processors_at_once_are_counted_exactly() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let guests = ["trusted", "rogue-a", "rogue-b"].map(|name| lab.attach(name).unwrap());
    let guard = Guard::start(&lab, ["--iface", BRIDGE, "--trust-port", guests[0].port()]).unwrap();
    let processors = cpus::all();

    let start = Barrier::new(guests.len() * processors.len());
    thread::scope(|scope| {
        for (number, guest) in guests.iter().enumerate() {
            for processor in &processors {
                let start = &start;
                scope.spawn(move || {
                    cpus::stay_on(*processor);
                    let socket = guest.raw().unwrap();
                    start.wait();
                    send_all(&socket, number as u8);
                });
            }
        }
    });

    let of_type = (REPLIES * processors.len()) as u64;
    let of_port = of_type * COLUMNS.len() as u64 * u64::from(SERVERS);
    let sums = || {
        let totals = &guard.json("status").unwrap()["totals"];
        ["passed", "dropped", "would_drop"].map(|verdict| sum(&totals[verdict]))
    };
    let all = of_port * guests.len() as u64;
    until(SOON, "all replies are counted", || sums().iter().sum::<u64>() >= all).unwrap();
    assert_eq!(sums(), [of_port, 2 * of_port, 0]);
    let totals = &guard.json("status").unwrap()["totals"];
    assert_eq!([&totals["passed"]["trusted"], &totals["dropped"]["untrusted"]], [of_port, 2 * of_port]);
    for (number, guest) in guests.iter().enumerate() {
        let verdicts = if number == 0 { [of_port, 0] } else { [0, of_port] };
        assert_eq!(counts(&port(&guard, guest), ["passed", "dropped"]), verdicts, "{}", guest.port());
        assert_eq!(counts(&port(&guard, guest), ["unlisted", "servers"]), [0, SERVERS.into()]);
    }
    let servers = servers(&guard);
    assert_eq!(servers.len(), guests.len() * usize::from(SERVERS));
    for (number, guest) in guests.iter().enumerate() {
        for server in 0..SERVERS {
            let (mac, ip) = identity(number as u8, server);
            let row = &servers[&(guest.port().to_owned(), mac.to_string().to_lowercase())];
            assert_eq!([&row["ip"], &row["server_id"]], [&ip.to_string(), &ip.to_string()]);
            assert_eq!(counts(row, COLUMNS.map(|(column, _)| column)), [of_type; 4], "{row:#}");
            let all = of_type * COLUMNS.len() as u64;
            let verdicts = if number == 0 { [all, 0] } else { [0, all] };
            assert_eq!(counts(row, ["passed", "dropped"]), verdicts, "{row:#}");
        }
    }
}

fn identity(port: u8, server: u8) -> (MacAddr6, Ipv4Addr) {
    (MacAddr6::new(2, 0, 0, 0xc0, port, server), Ipv4Addr::new(10, 66, port, server + 1))
}

fn send_all(socket: &Raw, port: u8) {
    for server in 0..SERVERS {
        let (mac, ip) = identity(port, server);
        for (_, kind) in COLUMNS {
            let mut reply = Message::offer();
            (reply.source_mac, reply.ip.source) = (mac, ip);
            reply.bootp.set(code::MESSAGE_TYPE, [kind]).set(code::SERVER_ID, ip.octets());
            let frame = reply.frame();
            (0..REPLIES / 2).for_each(|_| socket.send(&frame).unwrap());
            socket.send_ring(&[frame.as_slice(); REPLIES / 2]).unwrap();
        }
    }
}

/// The rows of `servers --json`, by port and MAC.
fn servers(guard: &Guard<'_>) -> BTreeMap<(String, String), Value> {
    let Value::Array(rows) = guard.json("servers").unwrap() else { panic!("servers --json is no array") };
    let key = |row: &Value| {
        let [port, mac] = ["port", "mac"].map(|field| row[field].as_str().unwrap().to_owned());
        (port, mac)
    };
    rows.into_iter().map(|row| (key(&row), row)).collect()
}

fn port(guard: &Guard<'_>, guest: &Guest) -> Value {
    let ports = guard.json("ports").unwrap();
    ports.as_array().unwrap().iter().find(|port| port["name"] == guest.port()).unwrap().clone()
}

fn counts<const N: usize>(row: &Value, columns: [&str; N]) -> [u64; N] {
    columns.map(|column| row[column].as_u64().unwrap_or_else(|| panic!("no {column}: {row:#}")))
}

fn sum(by_reason: &Value) -> u64 {
    by_reason.as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
}
