//! The maps, typed.  No map's name and no raw key beyond this file.

use std::collections::{BTreeSet, HashSet};
use std::time::{SystemTime, UNIX_EPOCH};

use aya::maps::{Array, HashMap, MapData, MapError, PerCpuArray, RingBuf};
use aya::{Ebpf, Pod};
use nix::libc;
use pxeguard_common::net::{Ifindex, Mac};
use pxeguard_common::port::{PortPolicy, PortStats};
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
    ports: HashMap<MapData, u32, PortPolicy>,
    routed: HashMap<MapData, u32, u32>,
    port_stats: HashMap<MapData, u32, PortStats>,
    servers: HashMap<MapData, ServerKey, ServerRow>,
    totals: PerCpuArray<MapData, u64>,
    events_lost: PerCpuArray<MapData, u64>,
    events: Option<Events>,
}

/// `flags` of an update: whether the entry exists or not.
const ANY: u64 = 0;
/// `flags` of an update: only where there is no such entry.
const NO_EXIST: u64 = 1;

impl Maps {
    /// Takes them out of the loaded object.
    pub(super) fn take(programs: &mut Ebpf) -> Result<Self, DataPlaneError> {
        Ok(Self {
            config: take(programs, "CONFIG")?,
            trust: take(programs, "TRUST")?,
            bindings: take(programs, "BINDINGS")?,
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

    /// Makes room for a port's counters.  Port 0 stands for those that nobody guards yet.
    pub(super) fn add_port_stats(&mut self, port: Ifindex) -> Result<(), DataPlaneError> {
        for port in [0, port.0] {
            add(&mut self.port_stats, port, PortStats::default(), "PORT_STATS")?;
        }
        Ok(())
    }

    /// Says that a port is guarded.  Returns since when, in nanoseconds of `CLOCK_REALTIME`.
    pub(super) fn add_port(&mut self, port: Ifindex) -> Result<u64, DataPlaneError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
        add(&mut self.ports, port.0, PortPolicy::new(now), "PORTS")?;
        let policy = self.ports.get(&port.0, 0).map_err(error("read", "PORTS"))?;
        Ok(policy.guarded_since_ns)
    }

    /// Says that a port is not guarded any more, and forgets its counters.
    pub(super) fn remove_port(&mut self, port: Ifindex) -> Result<(), DataPlaneError> {
        remove(&mut self.ports, &port.0, "PORTS")?;
        remove(&mut self.port_stats, &port.0, "PORT_STATS")
    }

    /// The ports that are guarded.
    pub fn guarded(&self) -> Result<Vec<Ifindex>, DataPlaneError> {
        Ok(keys(&self.ports, "PORTS")?.into_iter().map(Ifindex).collect())
    }

    /// What came in by each port.
    pub fn port_stats(&self) -> Result<Vec<(Ifindex, PortStats)>, DataPlaneError> {
        let stats = entries(&self.port_stats, "PORT_STATS")?;
        Ok(stats.into_iter().map(|(port, stats)| (Ifindex(port), stats)).collect())
    }

    /// What each server said.
    pub fn servers(&self) -> Result<Vec<(ServerKey, ServerRow)>, DataPlaneError> {
        entries(&self.servers, "SERVERS")
    }

    /// Removes servers' rows, and lets their ports have as many new ones.
    pub fn remove_servers(&mut self, rows: &[(ServerKey, ServerRow)]) -> Result<(), DataPlaneError> {
        for (key, row) in rows {
            remove(&mut self.servers, key, "SERVERS")?;
            if let Ok(mut policy) = self.ports.get(&key.port, 0) {
                policy.rows_allowed[(row.share as usize).min(Share::COUNT - 1)] += 1;
                self.ports.insert(key.port, policy, ANY).map_err(error("write", "PORTS"))?;
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

fn take<T: TryFrom<aya::maps::Map, Error = MapError>>(
    programs: &mut Ebpf,
    name: &'static str,
) -> Result<T, DataPlaneError> {
    let map = programs.take_map(name).expect("the object has it: it is built with this crate");
    T::try_from(map).map_err(error("open", name))
}

fn error(what: &'static str, map: &'static str) -> impl Fn(MapError) -> DataPlaneError {
    move |source| DataPlaneError::Map { what, map, source }
}

fn keys<K: Pod, V: Pod>(map: &HashMap<MapData, K, V>, name: &'static str) -> Result<Vec<K>, DataPlaneError> {
    map.keys().collect::<Result<_, _>>().map_err(error("read", name))
}

fn entries<K: Pod, V: Pod>(map: &HashMap<MapData, K, V>, name: &'static str) -> Result<Vec<(K, V)>, DataPlaneError> {
    map.iter().collect::<Result<_, _>>().map_err(error("read", name))
}

/// Adds an entry, unless there is one.
fn add<K: Pod, V: Pod>(
    map: &mut HashMap<MapData, K, V>,
    key: K,
    value: V,
    name: &'static str,
) -> Result<(), DataPlaneError> {
    match map.insert(key, value, NO_EXIST) {
        Err(MapError::SyscallError(error)) if error.io_error.raw_os_error() == Some(libc::EEXIST) => Ok(()),
        other => other.map_err(error("write", name)),
    }
}

/// Removes an entry, if it is there.
fn remove<K: Pod, V: Pod>(map: &mut HashMap<MapData, K, V>, key: &K, name: &'static str) -> Result<(), DataPlaneError> {
    match map.remove(key) {
        Err(MapError::KeyNotFound) => Ok(()),
        Err(MapError::SyscallError(error)) if error.io_error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        other => other.map_err(error("write", name)),
    }
}

fn sum(map: &PerCpuArray<MapData, u64>, index: u32, name: &'static str) -> Result<u64, DataPlaneError> {
    Ok(map.get(&index, 0).map_err(error("read", name))?.iter().sum())
}
