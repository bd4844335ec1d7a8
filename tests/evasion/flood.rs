//! More servers than the table holds: whoever forges them fills what his own port may have, and pushes nobody out.

use pxeguard_common::server::ROWS_PER_PORT;
use pxeguard_lab::frames::{Message, code, kind};
use pxeguard_lab::{BRIDGE, Guard, Guest, Lab, skip_unless, until};
use serde_json::Value;

use crate::crossing::SOON;

/// Forged servers, each with one reply.
const FORGED: u64 = 60_000;
/// OFFERs of each genuine server, and as many ACKs.
const GENUINE: u64 = 20;
/// What the daemon may take more of memory for all of that.
const MEMORY_BYTES: u64 = 16 << 20;

#[test]
fn genuine_servers_are_listed_after_a_flood_of_forged_ones() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let [trusted, rogue, other] = ["trusted", "rogue", "other"].map(|name| lab.attach(name).unwrap());
    let guard = Guard::start(&lab, ["--iface", BRIDGE, "--trust-port", trusted.port()]).unwrap();
    for guest in [&trusted, &rogue, &other] {
        be_a_server(guest);
    }
    let dropped = |count| until(SOON, "all of them are dropped", || total(&guard, "dropped") >= count);
    dropped(4 * GENUINE).unwrap();
    let before = memory_bytes(&guard);

    send_forged(&rogue, 0);
    dropped(4 * GENUINE + FORGED).unwrap();
    assert_eq!([total(&guard, "passed"), total(&guard, "dropped")], [2 * GENUINE, 4 * GENUINE + FORGED]);
    let at_port = port(&guard, &rogue);
    assert_eq!(at_port["dropped"], 2 * GENUINE + FORGED);
    let listed = rows(&guard, &rogue).len() as u64;
    assert!((ROWS_PER_PORT / 2..=ROWS_PER_PORT).contains(&listed), "{listed} rows");
    // All others were counted as such, but for rows that were removed in between.
    let unlisted = at_port["unlisted"].as_u64().unwrap();
    assert!((FORGED - 3 * ROWS_PER_PORT..FORGED).contains(&unlisted), "{unlisted} unlisted");
    all_are_listed(&guard, [&trusted, &rogue, &other]);

    // Rows are removed by a slow timer; whom it keeps is what matters.
    until(SOON, "rows of forged servers are removed", || (rows(&guard, &rogue).len() as u64) < listed).unwrap();
    all_are_listed(&guard, [&trusted, &rogue, &other]);
    assert!(memory_bytes(&guard) < before + MEMORY_BYTES);

    // There is room for new ones again, and not for more than before.
    send_forged(&rogue, 1);
    dropped(4 * GENUINE + 2 * FORGED).unwrap();
    assert!(rows(&guard, &rogue).len() as u64 <= ROWS_PER_PORT);
    all_are_listed(&guard, [&trusted, &rogue, &other]);
    assert_eq!([total(&guard, "passed"), total(&guard, "dropped")], [2 * GENUINE, 4 * GENUINE + 2 * FORGED]);
}

fn be_a_server(guest: &Guest) {
    let socket = guest.raw().unwrap();
    for kind in [kind::OFFER, kind::ACK] {
        let mut reply = Message::offer();
        reply.source_mac = guest.mac();
        reply.bootp.set(code::MESSAGE_TYPE, [kind]);
        (0..GENUINE).for_each(|_| socket.send(&reply.frame()).unwrap());
    }
}

/// OFFERs, each by another MAC, IP address and server identifier.
fn send_forged(guest: &Guest, round: u8) {
    let socket = guest.raw().unwrap();
    let mut frame = Message::offer().frame();
    for number in 0..FORGED as u32 {
        let [_, a, b, c] = number.to_be_bytes();
        frame[6..12].copy_from_slice(&[2, 0xf0, round, a, b, c]);
        frame[26..30].copy_from_slice(&[10, a, b, c]);
        // Behind cookie and option 53.
        frame[14 + 28 + 243 + 2..][..4].copy_from_slice(&[10, a, b, c]);
        socket.send(&frame).unwrap();
    }
}

fn all_are_listed(guard: &Guard<'_>, guests: [&Guest; 3]) {
    for guest in guests {
        let mac = guest.mac().to_string().to_lowercase();
        let rows = rows(guard, guest);
        let row = rows.iter().find(|row| row["mac"] == mac).unwrap_or_else(|| panic!("no {mac} at {}", guest.port()));
        assert_eq!([&row["offers"], &row["acks"]], [GENUINE; 2], "{row:#}");
    }
}

/// What `servers --json` has of a guest's port.
fn rows(guard: &Guard<'_>, guest: &Guest) -> Vec<Value> {
    let Value::Array(mut rows) = guard.json("servers").unwrap() else { panic!("servers --json is no array") };
    rows.retain(|row| row["port"] == guest.port());
    rows
}

fn port(guard: &Guard<'_>, guest: &Guest) -> Value {
    let ports = guard.json("ports").unwrap();
    ports.as_array().unwrap().iter().find(|port| port["name"] == guest.port()).unwrap().clone()
}

fn total(guard: &Guard<'_>, verdict: &str) -> u64 {
    let status = guard.json("status").unwrap();
    status["totals"][verdict].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
}

fn memory_bytes(guard: &Guard<'_>) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", guard.process().pid())).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    resident.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
