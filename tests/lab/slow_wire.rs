//! A cable that delays frames in one direction: the kernel's netem, where there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Result;
use macaddr::MacAddr6;

use crate::Host;
use crate::packet_socket::Raw;

/// Longest time until a relay thread notices that the wire is gone.
const GLANCE: Duration = Duration::from_millis(50);

/// A relay between two cables; ends when dropped.
#[derive(Debug)]
pub(crate) struct SlowWire {
    stop: Arc<AtomicBool>,
    relays: Vec<JoinHandle<()>>,
    _middle: Host,
}

impl SlowWire {
    /// Joins `eth0` of `host` and `port` of the hypervisor; frames of the host take `delay`.
    pub(crate) fn new(
        name: &str,
        host: &Host,
        mac: MacAddr6,
        (hypervisor, port): (&Host, &str),
        delay: Duration,
    ) -> Result<Self> {
        let middle = Host::new(&format!("wire-{name}"))?;
        middle.ip(&format!(
            "link add near type veth peer name eth0 address {mac} netns {}\n\
             link add far type veth peer name {port} netns {}\n\
             link set near up\nlink set far up\n",
            host.pid(),
            hypervisor.pid()
        ))?;
        host.ip("link set eth0 up\n")?;
        hypervisor.ip(&format!("link set {port} up\n"))?;
        // Checksums that the kernel leaves to the hardware would be relayed unfinished.
        host.run(["ethtool", "-K", "eth0", "tx", "off"])?;
        hypervisor.run(["ethtool", "-K", port, "tx", "off"])?;

        let stop = Arc::new(AtomicBool::new(false));
        let mut relays = Vec::new();
        for (from, to, delay) in [("near", "far", delay), ("far", "near", Duration::ZERO)] {
            let (from, to) = (Raw::open(&middle, from)?, Raw::open(&middle, to)?);
            let stop = Arc::clone(&stop);
            relays.push(thread::spawn(move || relay(&from, &to, delay, &stop)));
        }
        Ok(Self { stop, relays, _middle: middle })
    }
}

impl Drop for SlowWire {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for relay in self.relays.drain(..) {
            let _ = relay.join();
        }
    }
}

/// Passes frames on one after the other, none sooner than `delay` after it came.
fn relay(from: &Raw, to: &Raw, delay: Duration, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        if let Ok(Some(frame)) = from.receive(Instant::now() + GLANCE) {
            thread::sleep(delay);
            let _ = to.send(&frame);
        }
    }
}
