//! The maps, typed.  No map's name and no raw key beyond this file.

use std::collections::{BTreeSet, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

use aya::maps::{Array, HashMap, MapData, MapError, PerCpuArray, RingBuf};
use aya::{Ebpf, Pod};
use nix::libc;
use pxeguard_common::limit::ClientLimit;
use pxeguard_common::net::{Ifindex, Mac};
use pxeguard_common::port::{PortPolicy, PortStats, Slot};
use pxeguard_common::server::{ServerKey, ServerRow, Share};
use pxeguard_common::trust::{Bound, Config, Grant, Mode, Place, Shapes};
use pxeguard_common::verdict::Judgement;

use super::DataPlaneError;

/// The ring of events.
pub type Events = RingBuf<MapData>;

/// What daemon and kernel programs share.
pub struct Maps {
    config: Array<MapData, Config>,
    trust: HashMap<MapData, Place, Grant>,
    bindings: HashMap<MapData, Bound, u32>,
    port_slots: HashMap<MapData, u32, u32>,
    ports: Array<MapData, PortPolicy>,
    routed: HashMap<MapData, u32, u32>,
    port_stats: Array<MapData, PortStats>,
    servers: HashMap<MapData, ServerKey, ServerRow>,
    totals: PerCpuArray<MapData, u64>,
    events_lost: PerCpuArray<MapData, u64>,
    events: Option<Events>,
}

/// `flags` of an update: whether the entry exists or not.
pub(super) const ANY: u64 = 0;
/// `flags` of an update: only where there is no such entry.
const NO_EXIST: u64 = 1;

impl Maps {
    /// Takes them out of the loaded object.
    pub(super) fn take(programs: &mut Ebpf) -> Result<Self, DataPlaneError> {
        Ok(Self {
            config: take(programs, "CONFIG")?,
            trust: take(programs, "TRUST")?,
            bindings: take(programs, "BINDINGS")?,
            port_slots: take(programs, "PORT_SLOTS")?,
            ports: take(programs, "PORTS")?,
            routed: take(programs, "ROUTED")?,
            port_stats: take(programs, "PORT_STATS")?,
            servers: take(programs, "SERVERS")?,
            totals: take(programs, "TOTALS")?,
            events_lost: take(programs, "EVENTS_LOST")?,
            events: Some(take(programs, "EVENTS")?),
        })
    }

    /// The ring of events, for its one reader.
    pub fn take_events(&mut self) -> Option<Events> {
        self.events.take()
    }

    /// Puts a policy in force.  What was trusted and still is, is trusted all the while.
    pub fn set_policy(&mut self, mode: Mode, trusted: &[(Place, Grant)]) -> Result<(), DataPlaneError> {
        let shapes = trusted.iter().fold(Shapes::NONE, |shapes, (place, _)| shapes.with(place.shape()));
        for (place, grant) in trusted {
            self.trust.insert(place, grant, ANY).map_err(error("write", "TRUST"))?;
        }
        self.config.set(0, Config::new(mode, shapes), ANY).map_err(error("write", "CONFIG"))?;
        let wanted: HashSet<Place> = trusted.iter().map(|(place, _)| *place).collect();
        for place in keys(&self.trust, "TRUST")? {
            if !wanted.contains(&place) {
                remove(&mut self.trust, &place, "TRUST")?;
            }
        }
        Ok(())
    }

    /// Which MAC address is bound to which port.
    pub fn bindings(&self) -> Result<Vec<(Mac, Ifindex)>, DataPlaneError> {
        let bindings = entries(&self.bindings, "BINDINGS")?;
        Ok(bindings.into_iter().map(|(bound, port)| (bound.mac, Ifindex(port))).collect())
    }

    /// Binds a MAC address to a port.
    pub fn bind(&mut self, mac: Mac, port: Ifindex) -> Result<(), DataPlaneError> {
        self.bindings.insert(Bound::new(mac), port.0, ANY).map_err(error("write", "BINDINGS"))
    }

    /// Forgets to which port a MAC address is bound.
    pub fn unbind(&mut self, mac: Mac) -> Result<(), DataPlaneError> {
        remove(&mut self.bindings, &Bound::new(mac), "BINDINGS")
    }

    /// Says by which interfaces comes in what the host itself routes.
    pub fn set_routed(&mut self, wanted: &BTreeSet<Ifindex>) -> Result<(), DataPlaneError> {
        let found: BTreeSet<Ifindex> = keys(&self.routed, "ROUTED")?.into_iter().map(Ifindex).collect();
        for gone in found.difference(wanted) {
            remove(&mut self.routed, &gone.0, "ROUTED")?;
        }
        for new in wanted.difference(&found) {
            self.routed.insert(new.0, 1, ANY).map_err(error("write", "ROUTED"))?;
        }
        Ok(())
    }

    /// Gives a port a slot, unless it has one.
    pub(super) fn add_slot(&mut self, port: Ifindex) -> Result<(), DataPlaneError> {
        let slots = self.slots()?;
        if slots.iter().any(|(known, _)| *known == port) {
            return Ok(());
        }
        let taken: HashSet<Slot> = slots.into_iter().map(|(_, slot)| slot).collect();
        let free = Slot::for_port(port).find(|slot| !taken.contains(slot));
        // Where none is free, the map of slots is full, too, and says so.
        let slot = free.unwrap_or(Slot::SHARED);
        if slot != Slot::SHARED {
            self.set_policy_at(slot, PortPolicy::UNGUARDED)?;
            self.set_stats_at(slot, PortStats::of(port))?;
        }
        self.port_slots.insert(port.0, slot.0, NO_EXIST).map_err(error("write", "PORT_SLOTS"))
    }

    /// Says that a port with a slot is guarded.  Returns since when, in nanoseconds of `CLOCK_REALTIME`.
    pub(super) fn add_port(&mut self, port: Ifindex) -> Result<u64, DataPlaneError> {
        let slot = Slot(self.port_slots.get(&port.0, 0).map_err(error("read", "PORT_SLOTS"))?);
        let mut policy = self.policy_at(slot)?;
        if policy.guarded_since_ns == 0 {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
            policy.guarded_since_ns = now.max(1);
            self.set_policy_at(slot, policy)?;
        }
        Ok(policy.guarded_since_ns)
    }

    /// Says how many messages of clients may come in by a port that has a slot.
    pub fn set_limit(&mut self, port: Ifindex, clients: ClientLimit) -> Result<(), DataPlaneError> {
        let slot = Slot(self.port_slots.get(&port.0, 0).map_err(error("read", "PORT_SLOTS"))?);
        let policy = self.policy_at(slot)?;
        if policy.clients == clients {
            return Ok(());
        }
        self.set_policy_at(slot, PortPolicy { clients, ..policy })
    }

    /// Says that a port is not guarded any more, and forgets its counters.
    pub(super) fn remove_port(&mut self, port: Ifindex) -> Result<(), DataPlaneError> {
        let Ok(slot) = self.port_slots.get(&port.0, 0) else { return Ok(()) };
        // In this order, so that a crash in between leaves nothing that a later daemon does not find.
        self.set_stats_at(Slot(slot), PortStats::default())?;
        remove(&mut self.port_slots, &port.0, "PORT_SLOTS")
    }

    /// The ports that are guarded.
    pub fn guarded(&self) -> Result<Vec<Ifindex>, DataPlaneError> {
        let mut guarded = Vec::new();
        for (port, slot) in self.slots()? {
            if self.policy_at(slot)?.guarded_since_ns != 0 {
                guarded.push(port);
            }
        }
        Ok(guarded)
    }

    /// What came in by each port that has a slot of its own; port 0 stands for all others.
    pub fn port_stats(&self) -> Result<Vec<(Ifindex, PortStats)>, DataPlaneError> {
        let slots = self.slots()?.into_iter().chain([(Ifindex(0), Slot::SHARED)]);
        let read = |(port, slot): (_, Slot)| Ok((port, self.port_stats.get(&slot.0, 0)?));
        slots.map(read).collect::<Result<_, _>>().map_err(error("read", "PORT_STATS"))
    }

    fn slots(&self) -> Result<Vec<(Ifindex, Slot)>, DataPlaneError> {
        let slots = entries(&self.port_slots, "PORT_SLOTS")?;
        Ok(slots.into_iter().map(|(port, slot)| (Ifindex(port), Slot(slot))).collect())
    }

    fn policy_at(&self, slot: Slot) -> Result<PortPolicy, DataPlaneError> {
        self.ports.get(&slot.0, 0).map_err(error("read", "PORTS"))
    }

    fn set_policy_at(&mut self, slot: Slot, policy: PortPolicy) -> Result<(), DataPlaneError> {
        self.ports.set(slot.0, policy, ANY).map_err(error("write", "PORTS"))
    }

    fn set_stats_at(&mut self, slot: Slot, stats: PortStats) -> Result<(), DataPlaneError> {
        self.port_stats.set(slot.0, stats, ANY).map_err(error("write", "PORT_STATS"))
    }

    /// What each server said.
    pub fn servers(&self) -> Result<Vec<(ServerKey, ServerRow)>, DataPlaneError> {
        entries(&self.servers, "SERVERS")
    }

    /// Removes servers' rows, and lets their ports have as many new ones.
    pub fn remove_servers(&mut self, rows: &[(ServerKey, ServerRow)]) -> Result<(), DataPlaneError> {
        for (key, row) in rows {
            remove(&mut self.servers, key, "SERVERS")?;
            if let Ok(slot) = self.port_slots.get(&key.port, 0) {
                let mut policy = self.policy_at(Slot(slot))?;
                policy.rows_allowed[(row.share as usize).min(Share::COUNT - 1)] += 1;
                self.set_policy_at(Slot(slot), policy)?;
            }
        }
        Ok(())
    }

    /// All replies, by judgement.
    pub fn totals(&self) -> Result<Vec<(Judgement, u64)>, DataPlaneError> {
        Judgement::all().map(|judgement| Ok((judgement, sum(&self.totals, judgement.index(), "TOTALS")?))).collect()
    }

    /// Events that found no room in the ring.
    pub fn events_lost(&self) -> Result<u64, DataPlaneError> {
        sum(&self.events_lost, 0, "EVENTS_LOST")
    }
}

pub(super) fn take<T: TryFrom<aya::maps::Map, Error = MapError>>(
    programs: &mut Ebpf,
    name: &'static str,
) -> Result<T, DataPlaneError> {
    let map = programs.take_map(name).expect("the object has it: it is built with this crate");
    T::try_from(map).map_err(error("open", name))
}

pub(super) fn error(what: &'static str, map: &'static str) -> impl Fn(MapError) -> DataPlaneError {
    move |source| DataPlaneError::Map { what, map, source }
}

pub(super) fn keys<K: Pod, V: Pod>(map: &HashMap<MapData, K, V>, name: &'static str) -> Result<Vec<K>, DataPlaneError> {
    map.keys().collect::<Result<_, _>>().map_err(error("read", name))
}

pub(super) fn entries<K: Pod, V: Pod>(
    map: &HashMap<MapData, K, V>,
    name: &'static str,
) -> Result<Vec<(K, V)>, DataPlaneError> {
    map.iter().collect::<Result<_, _>>().map_err(error("read", name))
}

/// Removes an entry, if it is there.
pub(super) fn remove<K: Pod, V: Pod>(
    map: &mut HashMap<MapData, K, V>,
    key: &K,
    name: &'static str,
) -> Result<(), DataPlaneError> {
    match map.remove(key) {
        Err(MapError::KeyNotFound) => Ok(()),
        Err(MapError::SyscallError(error)) if error.io_error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        other => other.map_err(error("write", name)),
    }
}

fn sum(map: &PerCpuArray<MapData, u64>, index: u32, name: &'static str) -> Result<u64, DataPlaneError> {
    Ok(map.get(&index, 0).map_err(error("read", name))?.iter().sum())
}
