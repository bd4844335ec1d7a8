//! A bridge with three hosts: what one of them sends, another one gets or not.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pxeguard_lab::frames::{Carried, Message};
use pxeguard_lab::{BRIDGE, Guard, Guest, Lab, Raw};

use crate::cpus;

/// For what arrives at once.
pub const SOON: Duration = Duration::from_secs(20);

/// Where on a port the guard can be.
pub const HOOKS: [&str; 4] = ["xdp", "xdp-generic", "tcx", "clsact"];

/// An EtherType for experiments (IEEE 802), of the frame that ends each batch.
const EXPERIMENT: u16 = 0x88b5;

/// The hosts of a bridge that does not learn, so that any of them can send by any name.
pub struct Crossing {
    pub lab: Lab,
    pub trusted: Guest,
    pub rogue: Guest,
    pub client: Guest,
}

/// How frames are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By send(2): short frames are linear in an skb.
    Send,
    /// Through a transmit ring: all but the first 14 bytes are in an skb's fragments.
    Ring,
}

impl Way {
    pub const ALL: [Self; 2] = [Self::Send, Self::Ring];
}

impl Crossing {
    pub fn new() -> Self {
        let lab = Lab::new().unwrap();
        let [trusted, rogue, client] = ["trusted", "rogue", "client"].map(|name| lab.attach(name).unwrap());
        let crossing = Self { lab, trusted, rogue, client };
        for guest in [&crossing.trusted, &crossing.rogue, &crossing.client] {
            crossing.do_not_learn(guest);
        }
        crossing
    }

    /// Makes the bridge flood what is for hosts behind this port.
    pub fn do_not_learn(&self, guest: &Guest) {
        let port = guest.port();
        self.lab.hypervisor().ip(&format!("link set {port} type bridge_slave learning off\n")).unwrap();
    }

    /// Starts a guard that trusts one port, and is at the hook that was asked for.
    pub fn guard(&self, hook: &str) -> Guard<'_> {
        let arguments = ["--iface", BRIDGE, "--trust-port", self.trusted.port(), "--hook", hook];
        let guard = Guard::start(&self.lab, arguments).unwrap();
        let ports = guard.json("ports").unwrap();
        let is_at = |port: &serde_json::Value| {
            let at = port["hook"].as_str().unwrap();
            // TCX came with Linux 6.6.
            at == hook || (hook, at) == ("tcx", "clsact")
        };
        assert!(ports.as_array().unwrap().iter().all(is_at), "{ports:#}");
        guard
    }
}

/// How many replies were dropped that came in by a guest's port.
pub fn dropped(guard: &Guard<'_>, guest: &Guest) -> u64 {
    let ports = guard.json("ports").unwrap();
    let port = ports.as_array().unwrap().iter().find(|port| port["name"] == guest.port());
    port.unwrap()["dropped"].as_u64().unwrap()
}

/// Sends frames from one socket; what of them arrives at the other one, in this order.
///
/// One more frame follows them, which nothing keeps; with it everything has come that will.
pub fn send(from: &Raw, to: &Raw, way: Way, frames: &[&[u8]]) -> Vec<Vec<u8>> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let last = Message::discover().framed(&Carried::new(EXPERIMENT, [&number[..], &[0x5a; 60]].concat()));
    let all: Vec<_> = frames.iter().copied().chain([last.as_slice()]).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            // What goes through the queues of two processors may come in another order.
            cpus::stay_on(cpus::all()[0]);
            match way {
                Way::Send => all.iter().for_each(|frame| from.send(frame).unwrap()),
                Way::Ring => from.send_ring(&all).unwrap(),
            }
        });
    });
    let deadline = Instant::now() + SOON;
    let mut arrived = Vec::new();
    loop {
        match to.receive(deadline).unwrap().expect("the last frame arrives") {
            frame if frame == last => return arrived,
            frame => arrived.push(frame),
        }
    }
}

/// Frames of the first list that the second one lacks, each as often as it does.
pub fn missing<'a>(sent: &[&'a [u8]], arrived: &[Vec<u8>]) -> Vec<&'a [u8]> {
    let mut counts: HashMap<&[u8], usize> = HashMap::new();
    for frame in arrived {
        *counts.entry(frame).or_default() += 1;
    }
    let mut sent = sent.to_vec();
    sent.retain(|frame| match counts.get_mut(frame) {
        Some(count @ 1..) => {
            *count -= 1;
            false
        }
        _ => true,
    });
    sent
}
