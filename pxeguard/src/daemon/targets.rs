//! Making what is guarded equal to what is meant.

use std::collections::BTreeSet;

use pxeguard_common::net::Ifindex;

use super::guard::{Guard, PortState};
use crate::dataplane::{Expedited, Port};
use crate::hook::HookChoice;
use crate::ports::{Problem, Snapshot, Target};

impl Guard {
    pub(super) fn set_targets(&mut self, snapshot: &Snapshot, targets: Vec<Target>, problems: Vec<Problem>) {
        let routed = snapshot.host_routed(&targets).map(|link| link.index).collect();
        if let Err(error) = self.plane.maps.set_routed(&routed) {
            log::error!("{:#}", anyhow::Error::from(error));
        }
        let wanted: BTreeSet<Ifindex> = targets.iter().map(|target| target.link.index).collect();
        let left: Vec<Ifindex> = self.ports.keys().copied().filter(|index| !wanted.contains(index)).collect();
        // Releasing waits as attaching does.
        let _expedited = (self.changes(&targets) || !left.is_empty()).then(Expedited::begin);
        for index in left {
            self.release(index);
        }
        for target in targets {
            self.guard(target);
        }
        self.set_limits();
        self.guard_egress();
        for problem in problems.iter().filter(|problem| !self.problems.contains(problem)) {
            log::error!("{problem}");
        }
        self.problems = problems;
    }

    /// Whether any of these is not guarded as it should be.
    fn changes(&self, targets: &[Target]) -> bool {
        targets.iter().any(|target| self.as_it_is(target).is_none())
    }

    /// A port, if it is guarded as it should be.
    fn as_it_is(&self, target: &Target) -> Option<&PortState> {
        self.ports.get(&target.link.index).filter(|known| {
            known.guarded.is_ok()
                && known.target.is_bridge_port == target.is_bridge_port
                && known.target.only_xdp == target.only_xdp
        })
    }

    pub(super) fn guard(&mut self, target: Target) {
        let link = &target.link;
        if let Some(known) = self.as_it_is(&target) {
            let guarded = known.guarded.clone();
            self.ports.insert(link.index, PortState { target, guarded });
            return;
        }
        let port = port(&target, self.config.hook);
        let guarded = self.plane.guard(&port).map_err(|error| format!("{:#}", anyhow::Error::from(error)));
        let before = self.ports.get(&link.index).map(|known| &known.guarded);
        match &guarded {
            Ok(how) => log::info!("{}: guarded by {} ({})", link.name, how.hook, how.reason),
            Err(why) if before != Some(&guarded) => log::error!("{}: not guarded: {why}", link.name),
            Err(_) => {}
        }
        self.ports.insert(link.index, PortState { target, guarded });
    }

    /// Guards the egress of all guarded ports that lack it.  Attaching takes some milliseconds each time: done last, it
    /// does not delay what is dropped at ingress already.
    pub(super) fn guard_egress(&mut self) {
        for state in self.ports.values_mut().filter(|state| state.guarded.is_ok()) {
            if let Err(error) = self.plane.guard_egress(&port(&state.target, self.config.hook)) {
                let why = format!("{:#}", anyhow::Error::from(error));
                log::error!("{}: not guarded at egress: {why}", state.target.link.name);
                state.guarded = Err(why);
            }
        }
    }

    /// Puts the limits in force that hold for the ports as they are called now.
    fn set_limits(&mut self) {
        for (index, state) in self.ports.iter().filter(|(_, state)| state.guarded.is_ok()) {
            let name = &state.target.link.name;
            if let Err(error) = self.plane.maps.set_limit(*index, self.config.limits.of(name).into()) {
                log::error!("{name}: no limit for clients' messages: {:#}", anyhow::Error::from(error));
            }
        }
    }

    pub(super) fn release(&mut self, index: Ifindex) {
        let Some(port) = self.ports.remove(&index) else { return };
        let name = port.target.link.name;
        match self.plane.release(index) {
            Ok(()) => log::info!("{name}: has left, and is not guarded any more"),
            Err(error) => log::error!("{name}: has left, but: {:#}", anyhow::Error::from(error)),
        }
        self.floods.forget(index);
        self.gone.insert(index, name);
    }
}

/// What the kernel's side has to know about a port.
fn port(target: &Target, choice: HookChoice) -> Port<'_> {
    let link = &target.link;
    Port {
        index: link.index,
        name: &link.name,
        kind: link.kind.name(),
        physical: link.physical,
        bridge_port: target.is_bridge_port,
        only_xdp: target.only_xdp,
        choice,
        xdp_program: link.xdp.map(|xdp| xdp.prog_id),
    }
}
