//! How the time of a start, of a restart and until a new port is guarded grows with the ports.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result};
use pxeguard_lab::{BRIDGE, Guard, guard, until};
use serde_json::Value;

use super::Effort;
use super::crowd::Crowd;
use super::daemon::memory_mib;
use super::figure::{Figure, Unit};
use super::samples::Samples;
use super::switch::enforcing;

/// Each number of ports by itself: what they cost is the kernel's time, and not shared.
pub fn measure(effort: Effort) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for ports in effort.choose(&[1, 8, 64, 256][..], &[1, 64]) {
        let crowd = Crowd::new(*ports)?;
        let spare = crowd.spare()?;
        let starts = (0..effort.choose(3, 1)).map(|_| Start::measure(&crowd, &spare)).collect::<Result<Vec<_>>>()?;
        let figure = |name: &str, unit, value: fn(&Start) -> f64| Figure {
            name: format!("growth: {name}, {ports} port{}", if *ports == 1 { "" } else { "s" }),
            unit,
            pxeguard: starts.iter().map(value).collect::<Samples>(),
            peer: None,
            goal: None,
        };
        figures.extend([
            figure("start until all enforce", Unit::Ms, |start| start.enforcing_ms),
            figure("start until READY=1", Unit::Ms, |start| start.ready_ms),
            figure("restart until READY=1", Unit::Ms, |start| start.again_ms),
            figure("until one more is guarded", Unit::Ms, |start| start.one_more_ms),
            figure("resident memory", Unit::Mib, |start| start.memory_mib),
        ]);
    }
    Ok(figures)
}

struct Start {
    enforcing_ms: f64,
    ready_ms: f64,
    again_ms: f64,
    one_more_ms: f64,
    memory_mib: f64,
}

impl Start {
    /// From nothing, once more with everything in place, and then a port that joins.
    fn measure(crowd: &Crowd, spare: &str) -> Result<Self> {
        let (began, began_at) = (Instant::now(), SystemTime::now());
        let guard = enforcing(&crowd.lab, "auto")?;
        let ready_ms = ms(began.elapsed());
        let ports = guard.json("ports")?;
        let guarded = ports.as_array().context("the ports are a list")?.iter().map(guarded_since);
        let last = guarded.collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max());
        let last = last.with_context(|| format!("a port is not guarded: {ports}"))?;
        guard.stop()?;

        let began = Instant::now();
        let guard = enforcing(&crowd.lab, "auto")?;
        let again_ms = ms(began.elapsed());
        let memory_mib = memory_mib(guard.process().pid(), "VmRSS")?;
        let one_more_ms = one_more(crowd, &guard, spare)?;
        guard.stop()?;
        guard::run(crowd.lab.hypervisor(), ["detach"])?;
        crowd.lab.hypervisor().ip(&format!("link set {spare} nomaster\n"))?;
        Ok(Self { enforcing_ms: ms(last.duration_since(began_at)?), ready_ms, again_ms, one_more_ms, memory_mib })
    }
}

/// How long a port waits that joins the bridge, `ip` included.
fn one_more(crowd: &Crowd, guard: &Guard<'_>, port: &str) -> Result<f64> {
    let joined = SystemTime::now();
    crowd.lab.hypervisor().ip(&format!("link set {port} master {BRIDGE}\n"))?;
    let mut since = None;
    until(Duration::from_secs(10), "one more port is guarded", || {
        let ports = guard.json("ports").unwrap_or_default();
        let mut ports = ports.as_array().into_iter().flatten();
        since = ports.find(|entry| entry["name"] == *port).and_then(guarded_since);
        since.is_some()
    })?;
    Ok(ms(since.context("it was waited for")?.duration_since(joined)?))
}

/// Whole milliseconds are told.
fn guarded_since(port: &Value) -> Option<SystemTime> {
    humantime::parse_rfc3339(port["guarded_since"].as_str()?).ok()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
