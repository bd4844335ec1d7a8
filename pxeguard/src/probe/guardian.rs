//! The pxeguard that runs here: whom it trusts, and whose replies it drops while the probe asks.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::control::{AskError, Request, Response, ask};
use crate::oui;
use crate::report::{Blocked, Port, ProbeGuard, Responder, Server, Status};

/// How long a new port may stay unguarded before the probe asks all the same: milliseconds are usual.
const GUARDED_LIMIT: Duration = Duration::from_secs(3);
/// Between two looks at whether it is.
const GLANCE: Duration = Duration::from_millis(20);

/// A running daemon that guards where the probe asks.
#[derive(Debug)]
pub struct Guardian {
    control: PathBuf,
    status: Status,
    /// As they were before anything was asked.
    before: Vec<Server>,
}

impl Guardian {
    /// The daemon at this socket; `None` if none runs, or it guards other interfaces only.
    pub fn find(control: &Path, iface: &str) -> Result<Option<Self>, AskError> {
        let status = match ask(control, &Request::Status) {
            Ok(Response::Status(status)) => *status,
            Ok(_) | Err(AskError::NotRunning(_) | AskError::Gone(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let guardian = Self { control: control.to_owned(), status, before: Vec::new() };
        let guards = |port: &Port| port.name == iface || port.bridge.as_deref() == Some(iface);
        match guardian.ports()?.iter().any(guards) || guardian.status.ifaces.iter().any(|name| name.as_str() == iface) {
            true => Ok(Some(guardian)),
            false => Ok(None),
        }
    }

    /// Waits until it guards a new port, so that the port's client sees what any other would.
    pub fn wait_guarded(&self, port: &str) -> Result<(), AskError> {
        let deadline = Instant::now() + GUARDED_LIMIT;
        let is_guarded = |all: &[Port]| all.iter().any(|one| one.name == port && one.hook.is_some());
        while !is_guarded(&self.ports()?) && Instant::now() < deadline {
            thread::sleep(GLANCE);
        }
        Ok(())
    }

    /// Remembers how much each server has been dropped so far.
    pub fn remember(&mut self) -> Result<(), AskError> {
        self.before = self.servers()?;
        Ok(())
    }

    /// Whose replies it has dropped since, and how those who got through are trusted.
    pub fn compare(&self, responders: &mut [Responder]) -> Result<Vec<Blocked>, AskError> {
        let after = self.servers()?;
        for responder in responders {
            let is_it = |server: &&Server| {
                server.mac == responder.mac && server.ip == responder.ip && server.vlan.unwrap_or(0) == responder.vlan
            };
            responder.trust = match after.iter().find(is_it) {
                Some(server) => Some(server.class.clone().unwrap_or_else(|| "no".to_owned())),
                None if responder.is_host => Some("host".to_owned()),
                None => None,
            };
        }
        Ok(dropped_since(&self.before, &after))
    }

    /// What there is to know about it.
    pub fn report(&self) -> ProbeGuard {
        ProbeGuard { mode: self.status.mode.clone(), boots: self.status.boot_answers.is_some() }
    }

    fn servers(&self) -> Result<Vec<Server>, AskError> {
        match ask(&self.control, &Request::Servers)? {
            Response::Servers(servers) => Ok(servers),
            _ => Ok(Vec::new()),
        }
    }

    fn ports(&self) -> Result<Vec<Port>, AskError> {
        match ask(&self.control, &Request::Ports)? {
            Response::Ports(ports) => Ok(ports),
            _ => Ok(Vec::new()),
        }
    }
}

/// Those of whom more was dropped than before.
fn dropped_since(before: &[Server], after: &[Server]) -> Vec<Blocked> {
    let is_same = |a: &Server, b: &Server| {
        (a.mac, a.ip, a.server_id, a.vlan, &a.port) == (b.mac, b.ip, b.server_id, b.vlan, &b.port)
    };
    let blocked = after.iter().filter_map(|server| {
        let earlier = before.iter().find(|earlier| is_same(earlier, server)).map_or(0, |earlier| earlier.dropped);
        let dropped = server.dropped.saturating_sub(earlier);
        (dropped > 0).then(|| Blocked {
            port: server.port.clone(),
            mac: server.mac,
            vendor: oui::vendor(server.mac.0).map(|name| name.into_owned()),
            ip: server.ip,
            server_id: server.server_id,
            vlan: server.vlan.unwrap_or(0),
            dropped,
            reason: server.reason.clone(),
        })
    });
    blocked.collect()
}
