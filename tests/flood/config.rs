//! Guards with limits, and what they count.

use std::time::Duration;

use pxeguard_lab::{Guard, Guest, Host, until};
use serde_json::Value;

use crate::scene::SOON;

pub const CONFIG: &str = "/etc/pxeguard/pxeguard.toml";

/// Writes the section `[limits]`.
pub fn limit(host: &Host, lines: &str) {
    host.write(CONFIG, format!("[limits]\n{lines}\n")).unwrap();
}

/// Messages of the clients behind a guest's port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Counted {
    pub passed: u64,
    pub cut: u64,
    pub would_cut: u64,
}

impl Counted {
    pub const fn all(&self) -> u64 {
        self.passed + self.cut + self.would_cut
    }

    fn of(report: &Value) -> Self {
        let count = |name: &str| report["client_messages"][name].as_u64().unwrap_or_else(|| panic!("{report:#}"));
        Self { passed: count("passed"), cut: count("cut"), would_cut: count("would_cut") }
    }
}

pub fn counted(guard: &Guard<'_>, guest: &Guest) -> Counted {
    let ports = guard.json("ports").unwrap();
    let port = ports.as_array().unwrap().iter().find(|port| port["name"] == guest.port());
    Counted::of(port.expect("the port is guarded"))
}

/// The same by all ports.
pub fn counted_in_all(guard: &Guard<'_>) -> Counted {
    Counted::of(&guard.json("status").unwrap())
}

/// Waits until so many messages were counted.
pub fn wait_counted(guard: &Guard<'_>, guest: &Guest, least: u64) -> Counted {
    until(SOON, "the messages are counted", || counted(guard, guest).all() >= least).unwrap();
    counted(guard, guest)
}

/// The most that a limit lets through in a time: the clock of the kernel programs may be a tick late.
pub fn most(per_s: u64, burst: u64, time: Duration) -> u64 {
    burst + (per_s as f64 * (time.as_secs_f64() + 0.02)).ceil() as u64
}
