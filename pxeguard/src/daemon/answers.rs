//! What the daemon answers to those who ask.

use std::process;

use pxeguard_common::net::Ifindex;
use pxeguard_common::port::PortStats;
use pxeguard_common::server::{ServerKey, ServerRow};
use pxeguard_common::trust::Standing;

use super::guard::Guard;
use crate::clients::BootCounts;
use crate::control::{Request, Response};
use crate::dataplane::DataPlaneError;
use crate::explain::Surroundings;
use crate::guests::Meant;
use crate::metrics::{self, AlertCount, ServerReplies};
use crate::ports::Watch;
use crate::report::{ClientMessages, Overview, Port, Server, Status, Totals, TrustEntry, mode_name};
use crate::time::{KernelClock, Timestamp};
use crate::trust::{MacAddress, PortName, Trust};

impl Guard {
    /// Answers a request of the control socket.
    pub(super) async fn answer(&mut self, request: Request, watch: &Watch) -> Response {
        let answer = match request {
            Request::Status => self.status().map(|status| Response::Status(Box::new(status))),
            Request::Servers => self.servers().map(Response::Servers),
            Request::Ports => self.port_reports().map(Response::Ports),
            Request::TrustList => Ok(Response::Trusts(self.trust_entries())),
            Request::Alerts => Ok(Response::Alerts(self.alerts.report())),
            Request::History => Ok(Response::History(self.history.samples())),
            Request::Overview => self.overview().map(|overview| Response::Overview(Box::new(overview))),
            Request::Explain { mac, screen } => {
                self.explain(mac, screen.as_deref()).map(|told| Response::Explained(Box::new(told)))
            }
            Request::Frames { after } => Ok(Response::Frames(self.recorder.after(after))),
            Request::TrustAdd(trust) => return self.add_trust(trust, watch).await,
            Request::TrustRemove(trust) => return self.remove_trust(&trust, watch).await,
            Request::Clients | Request::BootList | Request::BootSet { .. } | Request::BootUnset(_) => {
                return Response::Error("nothing is booted here: see --boot-root of pxeguard run".to_owned());
            }
        };
        answer.unwrap_or_else(|error| Response::Error(format!("{:#}", anyhow::Error::from(error))))
    }

    /// What a scrape shows.
    pub(super) fn metrics(&self, boot: Option<BootCounts>) -> Result<metrics::Snapshot, DataPlaneError> {
        let clock = KernelClock::read();
        let servers = self.plane.maps.servers()?.into_iter().map(|(key, row)| {
            let trusted = matches!(self.standing(&key), Standing::Trusted(_));
            ServerReplies::new(self.port_name(key.port), MacAddress(key.mac), trusted, &row, &clock)
        });
        Ok(metrics::Snapshot {
            mode: self.mode,
            totals: self.totals()?,
            ports: self.port_reports()?,
            servers: servers.collect(),
            events_lost: self.plane.maps.events_lost()?,
            alerts: self.alert_counts(),
            boot,
        })
    }

    /// All at once.
    fn overview(&mut self) -> Result<Overview, DataPlaneError> {
        let (at, status) = (Timestamp::now(), self.status()?);
        self.history.take(at, &status.totals);
        Ok(Overview {
            at,
            status,
            ports: self.port_reports()?,
            servers: self.servers()?,
            clients: self.clients.summaries(),
            alerts: self.alerts.report(),
        })
    }

    fn alert_counts(&self) -> Vec<AlertCount> {
        let count = |(kind, opened)| AlertCount { kind, open: self.alerts.open_of(kind).len() as u64, opened };
        self.alerts.opened().map(count).collect()
    }

    /// What is known beside a client, to explain what becomes of it.
    pub(super) fn surroundings(&self) -> Result<Surroundings, DataPlaneError> {
        Ok(Surroundings { mode: self.mode, boots: self.config.boot.is_some(), servers: self.servers()? })
    }

    fn status(&self) -> Result<Status, DataPlaneError> {
        let problems = self.problems.iter().map(ToString::to_string);
        let flooded = self.flooded().map(|name| format!("{name}: a flood of DHCP clients' messages comes in"));
        let unguarded = self.unguarded().map(|(name, why)| format!("{name}: not guarded: {why}"));
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: process::id(),
            mode: mode_name(self.mode).to_owned(),
            since: self.since,
            ifaces: self.config.ifaces.clone(),
            ports: self.ports.values().filter(|port| port.guarded.is_ok()).count(),
            servers: self.plane.maps.servers()?.len(),
            totals: self.totals()?,
            client_messages: self.client_messages()?,
            events_lost: self.plane.maps.events_lost()?,
            boot_answers: None,
            problems: problems.chain(flooded).chain(unguarded).collect(),
        })
    }

    pub(super) fn client_messages(&self) -> Result<ClientMessages, DataPlaneError> {
        let stats = self.plane.maps.port_stats()?;
        Ok(stats.iter().map(|(_, stats)| ClientMessages::of(stats)).sum())
    }

    pub(super) fn totals(&self) -> Result<Totals, DataPlaneError> {
        let totals = self.plane.maps.totals()?;
        Ok(Totals::new(|judgement| totals.get(judgement.index() as usize).map_or(0, |(_, count)| *count)))
    }

    fn servers(&self) -> Result<Vec<Server>, DataPlaneError> {
        let clock = KernelClock::read();
        let mut rows = self.plane.maps.servers()?;
        rows.sort_by_key(|(key, row)| (row.first_seen_ns, *key));
        Ok(rows.iter().map(|(key, row)| self.server(key, row, &clock)).collect())
    }

    /// What is reported of one server.
    pub(super) fn server(&self, key: &ServerKey, row: &ServerRow, clock: &KernelClock) -> Server {
        let port = self.port_name(key.port);
        Server { guest: self.guest_of(&port), ..Server::new(key, row, port, self.standing(key), clock) }
    }

    pub(super) fn standing(&self, key: &ServerKey) -> Standing {
        self.compiled.standing(Ifindex(key.port), key.mac, key.vlan)
    }

    /// A port's name, also of one that is gone.
    pub(super) fn port_name(&self, index: u32) -> String {
        let index = Ifindex(index);
        let known = self.ports.get(&index).map(|port| &port.target.link.name).or_else(|| self.gone.get(&index));
        known.cloned().or_else(|| self.name_of(index)).unwrap_or_else(|| format!("#{}", index.0))
    }

    fn port_reports(&self) -> Result<Vec<Port>, DataPlaneError> {
        let stats = self.plane.maps.port_stats()?;
        let servers = self.plane.maps.servers()?;
        let report = |(index, state): (&Ifindex, &super::guard::PortState)| {
            let guarded = state.guarded.as_ref();
            let mut port = Port {
                name: state.target.link.name.clone(),
                ifindex: index.0,
                kind: state.target.link.kind.name().to_owned(),
                hook: guarded.ok().map(|guarded| guarded.hook.name().to_owned()),
                reason: guarded.map_or_else(Clone::clone, |guarded| guarded.reason.clone()),
                guarded_since: guarded.ok().map(|guarded| Timestamp::from_realtime_ns(guarded.since_ns)),
                passed: 0,
                dropped: 0,
                bridge: state.target.bridge.clone(),
                would_drop: 0,
                unlisted: 0,
                servers: servers.iter().filter(|(key, _)| key.port == index.0).count(),
                client_messages: ClientMessages::default(),
                driver: state.device.driver.clone(),
                guest: self.guest_of(&state.target.link.name),
                xdp_features: state.device.xdp.map(|features| features.names().map(str::to_owned).collect()),
            };
            let stats = stats.iter().find(|(counted, _)| counted == index);
            port.count(&stats.map_or_else(PortStats::default, |(_, stats)| *stats));
            port
        };
        Ok(self.ports.iter().map(report).collect())
    }

    fn trust_entries(&self) -> Vec<TrustEntry> {
        let entry = |(index, (trust, source)): (usize, (&Trust, _))| {
            let bound = match trust.place {
                crate::trust::TrustPlace::MacFirstSeen(mac) => self.state.bindings.get(&MacAddress(mac)),
                _ => None,
            };
            let is_absent = self.compiled.absent.contains(&index);
            TrustEntry {
                trust: trust.clone(),
                source,
                bound: bound.map(|name| name.as_str().to_owned()),
                note: is_absent.then(|| self.why_absent(trust)),
            }
        };
        self.trusts.with_sources().enumerate().map(entry).collect()
    }

    /// Why nobody answers by a trust at the moment.
    fn why_absent(&self, trust: &Trust) -> String {
        let Some(PortName::Guest(name)) = trust.place.port() else { return "its port is not there".to_owned() };
        match self.meant(name) {
            Meant::Several(guests) => {
                format!("nobody: {} have the same name; say which by its number, such as vm:100", guests.join(" and "))
            }
            Meant::Ports(_) => {
                "no port of such a guest is there; it may be off, or libvirt's, whose files only root can read"
                    .to_owned()
            }
        }
    }

    async fn add_trust(&mut self, trust: Trust, watch: &Watch) -> Response {
        if let Err(refusal) = self.trusts.add(trust.clone()) {
            return Response::Error(format!("cannot trust {trust}: {refusal}"));
        }
        if let Err(error) = self.change_policy(watch).await {
            return Response::Error(format!("{trust} is trusted now, but: {error:#}"));
        }
        // It may name a VLAN, which a port by XDP may not see.
        self.reconcile(watch).await;
        log::info!("{trust} is trusted from now on");
        Response::Done(format!("{trust} is trusted from now on"))
    }

    async fn remove_trust(&mut self, trust: &Trust, watch: &Watch) -> Response {
        if let Err(refusal) = self.trusts.remove(trust, self.config.file.as_ref()) {
            return Response::Error(format!("cannot remove {trust}: {refusal}"));
        }
        if let Err(error) = self.change_policy(watch).await {
            return Response::Error(format!("{trust} is not trusted any more, but: {error:#}"));
        }
        log::info!("{trust} is not trusted any more");
        Response::Done(format!("{trust} is not trusted any more"))
    }
}
