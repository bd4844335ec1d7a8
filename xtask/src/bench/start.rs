//! How soon eight ports are guarded after the start of the daemon.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use pxeguard_lab::frames::Message;
use pxeguard_lab::{BRIDGE, Guard, Guest, Lab, Raw, guard, until};

use super::Effort;
use super::figure::{Figure, Goal, Unit};
use super::samples::Samples;

/// Ports, each with a rogue server behind it.
const PORTS: usize = 8;
/// Each rogue sends a forged OFFER so often: how exact the figures are.
const PACE: Duration = Duration::from_millis(2);
/// How many ms from start to guarding are enough.
const GOAL: Goal = Goal::AtMost(200.0);

/// Both kinds of start, while every port is flooded.
pub fn measure(effort: Effort) -> Result<Vec<Figure>> {
    let lab = Lab::new()?;
    let rogues = attach_rogues(&lab)?;
    let bridge = Raw::open(lab.hypervisor(), BRIDGE)?;
    let arrivals = Arrivals::default();
    let mut starts = Vec::new();
    thread::scope(|scope| -> Result<()> {
        scope.spawn(|| arrivals.flood(&rogues));
        scope.spawn(|| arrivals.watch(&bridge));
        let measured = (0..effort.choose(9, 5)).try_for_each(|_| {
            starts.push(Start::measure(&lab, &arrivals)?);
            Ok(())
        });
        arrivals.over.store(true, Ordering::Relaxed);
        measured
    })?;
    let figure = |name: &str, unit, value: fn(&Start) -> f64, goal| Figure {
        name: format!("daemon: {name}"),
        unit,
        pxeguard: starts.iter().map(value).collect::<Samples>(),
        peer: None,
        goal,
    };
    Ok(vec![
        figure("start until 8 ports enforce", Unit::Ms, |start| start.enforcing_ms, Some(GOAL)),
        figure("start until READY=1", Unit::Ms, |start| start.ready_ms, None),
        figure("restart until READY=1", Unit::Ms, |start| start.again_ms, Some(GOAL)),
        figure("OFFERs let through in a restart", Unit::Count, |start| start.let_through, Some(Goal::AtMost(0.0))),
    ])
}

/// Rogue servers behind the bridge's ports.
pub fn attach_rogues(lab: &Lab) -> Result<Vec<Guest>> {
    (0..PORTS).map(|number| lab.attach(&format!("rogue{number}"))).collect()
}

/// A guard that trusts somebody who is not there, at the first rogue's port.
pub fn trusting_one(lab: &Lab) -> Result<Guard<'_>> {
    Guard::start(lab, ["--iface", BRIDGE, "--trust", "52:54:00:12:34:56@p-rogue0"])
}

/// What was measured of one start from nothing, and of one after it that finds everything in place.
struct Start {
    enforcing_ms: f64,
    ready_ms: f64,
    again_ms: f64,
    let_through: f64,
}

impl Start {
    fn measure(lab: &Lab, arrivals: &Arrivals) -> Result<Self> {
        let forgotten = Instant::now();
        let everywhere = || arrivals.since(forgotten).iter().all(|count| *count > 0);
        until(Duration::from_secs(5), "the OFFERs of all rogues arrive", everywhere)?;

        let began = Instant::now();
        let guard = trusting_one(lab)?;
        let ready = Instant::now();
        // Some more rounds of OFFERs, which would arrive if a port were open still.
        thread::sleep(20 * PACE);
        let enforcing = arrivals.last();
        ensure!(enforcing < ready + 10 * PACE, "a port is open though the guard is ready");

        guard.stop()?;
        let began_again = Instant::now();
        let guard = trusting_one(lab)?;
        let again_ms = ms(began_again.elapsed());
        thread::sleep(20 * PACE);
        let let_through = arrivals.since(ready + 10 * PACE).iter().sum::<usize>() as f64;
        guard.stop()?;
        guard::run(lab.hypervisor(), ["detach"])?;
        Ok(Self { enforcing_ms: ms(enforcing - began), ready_ms: ms(ready - began), again_ms, let_through })
    }
}

/// When forged OFFERs came through to the bridge itself, by rogue.  A client behind one of its ports sees no more: there
/// the program at its port's egress judges as well.
#[derive(Default)]
struct Arrivals {
    seen: Mutex<Vec<(Instant, usize)>>,
    over: AtomicBool,
}

impl Arrivals {
    /// Sends as every rogue by turns, until it is over.
    fn flood(&self, rogues: &[Guest]) -> Result<()> {
        let frame = |number: usize| Message::offer().with(|offer| offer.bootp.xid = number as u32).frame();
        let senders: Result<Vec<_>> = rogues.iter().map(Guest::raw).collect();
        let senders: Vec<_> = senders?.into_iter().enumerate().map(|(number, raw)| (raw, frame(number))).collect();
        while !self.over.load(Ordering::Relaxed) {
            for (raw, frame) in &senders {
                raw.send(frame)?;
            }
            thread::sleep(PACE);
        }
        Ok(())
    }

    /// Notes what arrives, until it is over.
    fn watch(&self, bridge: &Raw) -> Result<()> {
        /// Where the transaction id is: behind Ethernet, IPv4, UDP and four bytes of BOOTP.
        const XID: std::ops::Range<usize> = 46..50;
        while !self.over.load(Ordering::Relaxed) {
            let frame = bridge.receive(Instant::now() + Duration::from_millis(100))?;
            let xid = frame.as_deref().and_then(|frame| frame.get(XID)?.try_into().ok()).map(u32::from_be_bytes);
            if let Some(xid) = xid.filter(|xid| (*xid as usize) < PORTS) {
                self.lock().push((Instant::now(), xid as usize));
            }
        }
        Ok(())
    }

    /// How many arrived from each rogue.
    fn since(&self, begin: Instant) -> [usize; PORTS] {
        let mut counts = [0; PORTS];
        for (_, rogue) in self.lock().iter().filter(|(when, _)| *when >= begin) {
            counts[*rogue] += 1;
        }
        counts
    }

    /// When the last one arrived.
    fn last(&self) -> Instant {
        self.lock().last().expect("it was waited for the first ones").0
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Instant, usize)>> {
        self.seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
