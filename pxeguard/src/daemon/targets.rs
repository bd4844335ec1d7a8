//! Making what is guarded equal to what is meant.

use std::collections::BTreeSet;

use pxeguard_common::net::Ifindex;

use super::guard::{Guard, PortState};
use crate::dataplane::{Expedited, Port, VlanUse};
use crate::guests::Guest;
use crate::hook::HookChoice;
use crate::ports::{Problem, Snapshot, Target};
use crate::trust::{PortName, Trusts};

impl Guard {
    pub(super) fn set_targets(&mut self, snapshot: &Snapshot, targets: Vec<Target>, problems: Vec<Problem>) {
        let routed = snapshot.host_routed(&targets).map(|link| link.index).collect();
        if let Err(error) = self.plane.maps.set_routed(&routed) {
            log::error!("{:#}", anyhow::Error::from(error));
        }
        let wanted: BTreeSet<Ifindex> = targets.iter().map(|target| target.link.index).collect();
        let left: Vec<Ifindex> = self.ports.keys().copied().filter(|index| !wanted.contains(index)).collect();
        let targets: Vec<_> = targets
            .into_iter()
            .map(|target| {
                let guest = self.guests.of(&target.link.name);
                let vlan_use = vlan_use(snapshot, &target, guest.as_ref(), &self.trusts);
                (target, vlan_use)
            })
            .collect();
        let changes = targets.iter().any(|(target, vlan_use)| self.as_it_is(target, *vlan_use).is_none());
        // Releasing waits as attaching does.
        let _expedited = (changes || !left.is_empty()).then(Expedited::begin);
        for index in left {
            self.release(index);
        }
        for (target, vlan_use) in targets {
            self.guard(target, vlan_use);
        }
        self.set_limits();
        self.guard_egress();
        for problem in problems.iter().filter(|problem| !self.problems.contains(problem)) {
            log::error!("{problem}");
        }
        self.problems = problems;
    }

    /// A port, if it is guarded as it should be.  That VLANs do not matter any more is no reason to change it: XDP would
    /// reset the card for it.
    fn as_it_is(&self, target: &Target, vlan_use: Option<VlanUse>) -> Option<&PortState> {
        self.ports.get(&target.link.index).filter(|known| {
            known.guarded.is_ok()
                && known.target.is_bridge_port == target.is_bridge_port
                && known.target.only_xdp == target.only_xdp
                && (known.vlan_use.is_some() || vlan_use.is_none())
        })
    }

    /// Guards a port, or decides anew how: where it became another one, or VLANs came to matter.
    fn guard(&mut self, target: Target, vlan_use: Option<VlanUse>) {
        let link = &target.link;
        if let Some(known) = self.as_it_is(&target, vlan_use) {
            let known = PortState { target, ..known.clone() };
            self.ports.insert(known.target.link.index, known);
            return;
        }
        let device = link.device();
        let mut state = PortState { target: target.clone(), device, vlan_use, guarded: Err(String::new()) };
        let guarded = self.plane.guard(&port(&state, self.config.hook));
        let guarded = guarded.map_err(|error| format!("{:#}", anyhow::Error::from(error)));
        let before = self.ports.get(&link.index).map(|known| &known.guarded);
        match &guarded {
            Ok(_) if before == Some(&guarded) => {}
            Ok(how) => log::info!("{}: guarded by {} ({})", link.name, how.hook, how.reason),
            Err(why) if before != Some(&guarded) => log::error!("{}: not guarded: {why}", link.name),
            Err(_) => {}
        }
        state.guarded = guarded;
        self.ports.insert(link.index, state);
    }

    /// Guards the egress of all guarded ports that lack it.  Attaching takes some milliseconds each time: done last, it
    /// does not delay what is dropped at ingress already.
    pub(super) fn guard_egress(&mut self) {
        for state in self.ports.values_mut().filter(|state| state.guarded.is_ok()) {
            if let Err(error) = self.plane.guard_egress(&port(state, self.config.hook)) {
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
fn port(state: &PortState, choice: HookChoice) -> Port<'_> {
    let link = &state.target.link;
    Port {
        index: link.index,
        name: &link.name,
        kind: link.kind.name(),
        physical: link.physical,
        bridge_port: state.target.is_bridge_port,
        only_xdp: state.target.only_xdp,
        choice,
        xdp_program: link.xdp.map(|xdp| xdp.prog_id),
        mtu: link.mtu,
        device: &state.device,
        vlan_use: state.vlan_use,
    }
}

/// Why it matters in which VLAN a frame comes in by a port, if it does.
pub(crate) fn vlan_use(
    snapshot: &Snapshot,
    target: &Target,
    guest: Option<&Guest>,
    trusts: &Trusts,
) -> Option<VlanUse> {
    let link = &target.link;
    let bridge = snapshot.bridge_of(link);
    let is_here = |port: Option<&PortName>| port.is_none_or(|port| port.is(&link.name, guest));
    let is_trunk = |index| index == link.index || bridge.is_some_and(|bridge| bridge.index == index);
    if trusts.iter().any(|trust| trust.vlan.is_some() && is_here(trust.place.port())) {
        Some(VlanUse::Trust)
    } else if bridge.is_some_and(|bridge| bridge.filters_vlans) {
        Some(VlanUse::Bridge)
    } else if snapshot.links().any(|other| other.vlan_of.is_some_and(|vlan| is_trunk(vlan.trunk))) {
        Some(VlanUse::Device)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::{Kind, Link, VlanOf};
    use crate::trust::{Source, Trust};

    /// Why VLANs matter at `eno1`, a port of `vmbr0`, where a VLAN device is on the interface with the number `trunk`.
    fn used(trusts: &[&str], vmbr0_filters: bool, trunk: u32) -> Option<VlanUse> {
        let eno1 = Link { master: Some(Ifindex(2)), ..Link::plain(1, "eno1", Kind::Physical) };
        let vmbr0 = Link { filters_vlans: vmbr0_filters, ..Link::plain(2, "vmbr0", Kind::Bridge) };
        let vlan_of = Some(VlanOf { trunk: Ifindex(trunk), vlan: 5 });
        let vlan = Link { vlan_of, ..Link::plain(3, "vlan5", Kind::Vlan) };
        let target = Target { link: eno1.clone(), bridge: None, is_bridge_port: true, only_xdp: false };
        let trusts = trusts.iter().map(|trust| (trust.parse::<Trust>().expect("a trust"), Source::Flag));
        vlan_use(&Snapshot::of(vec![eno1, vmbr0, vlan]), &target, None, &Trusts::new(trusts, &[]))
    }

    #[test]
    fn vlans_matter_where_a_trust_the_bridge_or_a_device_names_one() {
        assert_eq!(used(&["52:54:00:00:00:01", "*@eno1"], false, 9), None);
        assert_eq!(used(&["52:54:00:00:00:01,vlan=5"], false, 9), Some(VlanUse::Trust));
        assert_eq!(used(&["*@eno1,vlan=0"], true, 1), Some(VlanUse::Trust));
        assert_eq!(used(&["*@eno2,vlan=5"], false, 9), None, "elsewhere");
        assert_eq!(used(&["*@eno2,vlan=5"], true, 1), Some(VlanUse::Bridge));
        assert_eq!(used(&[], false, 1), Some(VlanUse::Device));
        assert_eq!(used(&[], false, 2), Some(VlanUse::Device));
    }
}
