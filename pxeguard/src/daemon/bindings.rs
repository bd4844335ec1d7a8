//! MAC addresses that are bound to the port where they are first seen.

use pxeguard_common::net::{Ifindex, Mac};

use super::guard::Guard;
use crate::dataplane::DataPlaneError;
use crate::ports::{Snapshot, Target, Watch};
use crate::trust::{InterfaceName, MacAddress, TrustPlace};

impl Guard {
    /// Takes over what the kernel has bound since the last time.  Returns whether there was any.
    pub(super) fn learn_bindings(&mut self, snapshot: &Snapshot) -> Result<bool, DataPlaneError> {
        let mut learned = false;
        for (mac, port) in self.plane.maps.bindings()? {
            // It may have gone again before anybody asked where the address is.
            let name = snapshot.name_of(port).map(str::to_owned).or_else(|| self.last_name_of(port));
            let Some(name) = name.and_then(|name| name.parse().ok()) else { continue };
            if self.awaits_binding(mac) {
                log::info!("{} is bound to {name}, where its first reply was seen", MacAddress(mac));
                self.state.bindings.insert(MacAddress(mac), name);
                learned = true;
            }
        }
        if learned {
            self.save();
        }
        Ok(learned)
    }

    /// Whether this MAC address is trusted where it is first seen, and that is not known yet.
    pub(super) fn awaits_binding(&self, mac: Mac) -> bool {
        self.trusts.iter().any(|trust| trust.place == TrustPlace::MacFirstSeen(mac))
            && !self.state.bindings.contains_key(&MacAddress(mac))
    }

    /// The name of a port that is guarded or was.
    pub(super) fn last_name_of(&self, port: Ifindex) -> Option<String> {
        let guarded = self.ports.get(&port).map(|port| &port.target.link.name);
        guarded.or_else(|| self.gone.get(&port)).cloned()
    }

    /// Binds MAC addresses to where the bridges' forwarding tables have them.
    pub(super) async fn find_unbound(&mut self, watch: &Watch, targets: &[Target]) {
        let within: Vec<Ifindex> = targets.iter().map(|target| target.link.index).collect();
        let unbound: Vec<_> = self
            .trusts
            .iter()
            .filter_map(|trust| match trust.place {
                TrustPlace::MacFirstSeen(mac) => Some(mac),
                _ => None,
            })
            .filter(|mac| !self.state.bindings.contains_key(&MacAddress(*mac)))
            .collect();
        for mac in unbound {
            let port = match watch.port_of(mac, &within).await {
                Ok(Some(port)) => port,
                Ok(None) => continue,
                Err(error) => {
                    log::warn!("{:#}", anyhow::Error::from(error));
                    return;
                }
            };
            let target = targets.iter().find(|target| target.link.index == port);
            if let Some(name) = target.and_then(|target| target.link.name.parse::<InterfaceName>().ok()) {
                log::info!("{} is bound to {name}, where the bridge's forwarding table has it", MacAddress(mac));
                self.state.bindings.insert(MacAddress(mac), name);
            }
        }
    }

    /// Lets bindings follow the ports that have got another name.
    pub(super) fn rename(&mut self, snapshot: &Snapshot) {
        let mut renamed = false;
        for (index, port) in &self.ports {
            let Some(new) = snapshot.name_of(*index).filter(|name| *name != port.target.link.name) else { continue };
            log::info!("{} is called {new} now", port.target.link.name);
            let Ok(new) = new.parse::<InterfaceName>() else { continue };
            for name in self.state.bindings.values_mut().filter(|name| name.as_str() == port.target.link.name) {
                *name = new.clone();
                renamed = true;
            }
        }
        if renamed {
            self.save();
        }
    }
}
