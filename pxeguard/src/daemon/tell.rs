//! What the operator reads: a line for each new server, and for each new kind of drop.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aya::Pod;
use log::Level;
use pxeguard_common::dhcp::MessageType;
use pxeguard_common::event::{Event, EventHead, Excess};
use pxeguard_common::frame::Bytes;
use pxeguard_common::net::{Ifindex, Mac};
use pxeguard_common::reply::ServerReply;
use pxeguard_common::verdict::{Judgement, Reason, Verdict};

use super::guard::Guard;
use crate::capture::Frame;
use crate::clients::{Observer, Reply, Step};
use crate::dataplane::Events;
use crate::report::printable;
use crate::time::KernelClock;
use crate::trust::{MacAddress, Trust};

/// The same is told again after this time.
const AGAIN: Duration = Duration::from_secs(60);
/// Lines about one port in that time; who forges sources writes no more of them.
const LINES_PER_PORT: u32 = 20;

/// What was told lately.
#[derive(Debug)]
pub(super) struct Teller {
    since: Instant,
    told: HashSet<(u32, Mac, u16, u32)>,
    lines: HashMap<u32, u32>,
}

impl Default for Teller {
    fn default() -> Self {
        Self { since: Instant::now(), told: HashSet::new(), lines: HashMap::new() }
    }
}

/// Whether an event becomes a line.
enum Line {
    Write,
    WriteAsLast,
    Skip,
}

impl Teller {
    /// Begins anew, when the time has come.
    pub(super) fn forget(&mut self) {
        if self.since.elapsed() >= AGAIN {
            *self = Self::default();
        }
    }

    fn line(&mut self, head: &EventHead, reason: Reason) -> Line {
        // A trusted server is told once, when it is new.
        if reason.passes() && head.flags & Event::FIRST == 0 {
            return Line::Skip;
        }
        let lines = self.lines.entry(head.server.port).or_default();
        if *lines > LINES_PER_PORT
            || !self.told.insert((head.server.port, head.server.mac, head.server.vlan, head.judgement))
        {
            return Line::Skip;
        }
        *lines += 1;
        if *lines > LINES_PER_PORT { Line::WriteAsLast } else { Line::Write }
    }
}

impl Guard {
    /// Reads the ring until it is empty, and writes what is new.  Returns whether the kernel may have bound somebody.
    pub(super) fn tell(&mut self, events: &mut Events) -> bool {
        self.teller.forget();
        let mut may_be_bound = false;
        let clock = KernelClock::read();
        while let Some(bytes) = events.next() {
            if let Some(excess) = read::<Excess>(&bytes) {
                drop(bytes);
                self.tell_flood(Ifindex(excess.port as u32));
                continue;
            }
            let Some(event) = read::<Event>(&bytes) else { continue };
            drop(bytes);
            self.tell_event(&event, &clock);
            may_be_bound |= event.head.flags & Event::FIRST != 0 && self.awaits_binding(event.head.server.mac);
        }
        may_be_bound
    }

    fn tell_event(&mut self, event: &Event, clock: &KernelClock) {
        let head = &event.head;
        let Some(judgement) = Judgement::at(head.judgement) else { return };
        let port = self.port_name(head.server.port);
        let captured = (head.captured as usize).min(event.frame.len());
        let reply = Reply::read(&event.frame[..captured], &head.server, &port, judgement).map(Arc::new);
        if let Some(reply) = &reply {
            self.clients.tell(Step::Replied(reply.clone()));
        }
        self.see_reply(head, judgement, &port, reply.as_deref());
        self.recorder.record(Frame::reply(event, judgement, &port, self.guest_of(&port), clock.timestamp(head.at_ns)));
        match self.teller.line(head, judgement.reason) {
            Line::Skip => {}
            Line::WriteAsLast => log::warn!(
                "{}: more servers than are told in a minute; someone may forge them (pxeguard servers shows the rest)",
                self.place(&port)
            ),
            Line::Write => {
                let level = if judgement.reason.passes() { Level::Info } else { Level::Warn };
                log::log!(level, "{}", self.sentence(event, judgement, &port));
            }
        }
    }

    fn sentence(&self, event: &Event, judgement: Judgement, port: &str) -> String {
        let head = &event.head;
        let server = &head.server;
        let mut line = String::new();
        let who = if head.flags & Event::FIRST != 0 { "new server" } else { "server" };
        let _ = write!(line, "{who} {} ip={}", MacAddress(server.mac), Ipv4Addr::from(server.source));
        if server.server_id != [0; 4] && server.server_id != server.source {
            let _ = write!(line, " server_id={}", Ipv4Addr::from(server.server_id));
        }
        if server.vlan != 0 {
            let _ = write!(line, " vlan={}", server.vlan);
        }
        let _ = write!(line, " {}: {}", self.place(port), what(event));
        let verdict = match judgement.verdict {
            Verdict::Pass => "passed",
            Verdict::Drop => "dropped",
            Verdict::WouldDrop => "would be dropped",
        };
        let _ = write!(line, " {verdict}: {}", judgement.reason.explanation());
        if head.flags & Event::AT_EGRESS != 0 {
            line += " (at egress: its port is not guarded yet)";
        }
        if head.untold != 0 {
            let _ = write!(line, "; and {} more like it", head.untold);
        }
        let could_be_trusted = judgement.reason == Reason::Untrusted && head.flags & Event::AT_EGRESS == 0;
        let trust = could_be_trusted.then(|| Trust::for_server(server.mac, port, server.vlan)).flatten();
        if let Some(trust) = trust {
            let _ = write!(line, "; if it is yours: {}", trust.to_option());
        }
        line
    }

    /// A port and the guest behind it, as lines have them.
    pub(super) fn place(&self, port: &str) -> String {
        let guest = self.guest_of(port).map(|guest| format!(" guest=\"{}\"", printable(&guest)));
        format!("port={port}{}", guest.unwrap_or_default())
    }

    /// The name of an interface that is not guarded.
    pub(super) fn name_of(&self, index: Ifindex) -> Option<String> {
        nix::net::if_::if_indextoname(index.0).ok()?.into_string().ok()
    }
}

/// The message in words: its type, and what it gives.
fn what(event: &Event) -> String {
    let captured = (event.head.captured as usize).min(event.frame.len());
    let kind = match MessageType::of(event.head.type_code as u8) {
        MessageType::Other => format!("message of type {}", event.head.type_code),
        known => known.name().to_owned(),
    };
    match ServerReply::parse(&Bytes::new(&event.frame[..captured])) {
        Ok(reply) if reply.yiaddr != [0; 4] => format!("{kind} of {}", Ipv4Addr::from(reply.yiaddr)),
        Ok(reply) if reply.is_pxe() => format!("{kind} for a PXE client"),
        _ => kind,
    }
}

/// An entry as the kernel wrote it; `None` where it is of another kind.
fn read<T: Pod>(bytes: &[u8]) -> Option<T> {
    if bytes.len() != size_of::<T>() {
        return None;
    }
    // SAFETY: the entry is as long as a `T`, all of whose bit patterns are valid.
    Some(unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}
