//! A cable between a host and the hypervisor that does not carry frames as it should: the kernel's netem, where there is
//! none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Result;
use macaddr::MacAddr6;

use crate::Host;
use crate::packet_socket::Raw;

/// Longest time until a relay thread notices that the wire is gone, or that no further frame comes.
const GLANCE: Duration = Duration::from_millis(50);

/// What a wire does in one direction: the frames to pass on, now that one has come, or none for a while.
pub(crate) type Manner = Box<dyn FnMut(Option<Vec<u8>>) -> Vec<Vec<u8>> + Send>;

/// A relay between two cables; ends when dropped.
#[derive(Debug)]
pub(crate) struct Wire {
    stop: Arc<AtomicBool>,
    relays: Vec<JoinHandle<()>>,
    _middle: Host,
}

impl Wire {
    /// Joins `eth0` of `host` and `port` of the hypervisor; `manners` are those from the host and to it.
    pub(crate) fn new(
        name: &str,
        host: &Host,
        mac: MacAddr6,
        (hypervisor, port): (&Host, &str),
        manners: [Manner; 2],
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
        for ((from, to), manner) in [("near", "far"), ("far", "near")].into_iter().zip(manners) {
            let (from, to) = (Raw::open(&middle, from)?, Raw::open(&middle, to)?);
            let stop = Arc::clone(&stop);
            relays.push(thread::spawn(move || relay(&from, &to, manner, &stop)));
        }
        Ok(Self { stop, relays, _middle: middle })
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for relay in self.relays.drain(..) {
            let _ = relay.join();
        }
    }
}

fn relay(from: &Raw, to: &Raw, mut manner: Manner, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        if let Ok(frame) = from.receive(Instant::now() + GLANCE) {
            for frame in manner(frame) {
                let _ = to.send(&frame);
            }
        }
    }
}
