//! What is guarded, compared with what should be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use aya_log::EbpfLogger;
use pxeguard_common::net::Ifindex;
use pxeguard_common::trust::Mode;
use tokio::sync::watch;

use super::floods::Floods;
use super::kept::Kept;
use super::tell::Teller;
use crate::alerts::{Alerts, Hooks, Silences};
use crate::capture::Recorder;
use crate::clients::Clients;
use crate::config::Config;
use crate::dataplane::{DataPlane, DataPlaneError, Events, Guarded, VlanUse};
use crate::guests::{Found, GuestName, Guests, Meant, Who};
use crate::networks::Networks;
use crate::ports::{Device, Problem, Snapshot, Target, Watch};
use crate::report::{History, mode_name};
use crate::state::{State, StateError, StateFile};
use crate::time::Timestamp;
use crate::trust::{Compiled, MacAddress, PortName, TrustPlace, Trusts, compile};

/// Where the BPF file system is.
const BPFFS: &str = "/sys/fs/bpf";
/// How long a start waits for the names of guests.
const GUESTS_WITHIN: Duration = Duration::from_secs(2);

/// A port, and how it is guarded, if it is.
#[derive(Clone, Debug)]
pub(super) struct PortState {
    pub(super) target: Target,
    /// What was behind it when its hook was chosen.
    pub(super) device: Device,
    /// Why VLANs mattered then.
    pub(super) vlan_use: Option<VlanUse>,
    pub(super) guarded: Result<Guarded, String>,
}

/// The guard: the policy, the kernel's side and the ports.
pub(super) struct Guard {
    pub(super) config: Config,
    pub(super) trusts: Trusts,
    pub(super) state: State,
    pub(super) state_file: StateFile,
    pub(super) plane: DataPlane,
    pub(super) compiled: Compiled,
    pub(super) mode: Mode,
    pub(super) ports: BTreeMap<Ifindex, PortState>,
    pub(super) problems: Vec<Problem>,
    /// Where the clients of the boot services are.
    pub(super) networks: watch::Sender<Arc<Networks>>,
    /// Names of ports that are gone, for the servers that were seen there.
    pub(super) gone: BTreeMap<Ifindex, String>,
    /// The machines that boot, and what servers say to them.
    pub(super) clients: Arc<Clients>,
    /// What became of them before.
    pub(super) kept: Kept,
    pub(super) alerts: Alerts,
    pub(super) silences: Silences,
    /// When a reply was told last.
    pub(super) heard_reply: Option<Instant>,
    /// Who is told of alerts.
    pub(super) hooks: Option<Hooks>,
    /// The last frames.
    pub(super) recorder: Arc<Recorder>,
    pub(super) teller: Teller,
    pub(super) floods: Floods,
    pub(super) history: History,
    pub(super) since: Timestamp,
    names: BTreeMap<String, Ifindex>,
    /// Who is behind the host's ports.
    pub(super) guests: Guests,
    /// As they were when the policy was put in force.
    known_guests: Arc<Found>,
    mode_warning: Option<&'static str>,
}

impl Guard {
    /// Checks the interfaces, reads the state and loads the kernel programs; nothing is attached or replaced yet.
    pub(super) async fn open(config: Config, watch: &Watch) -> anyhow::Result<Self> {
        let snapshot = watch.snapshot().await?;
        let targets = snapshot.targets(&iface_names(&config)).await;
        let networks = networks(&snapshot, &config);
        if let Some(problem) = targets.problems.iter().find(|problem| !problem.is_guarded_all_the_same()) {
            bail!("{problem}");
        }
        let (state_file, mut state, damage) = StateFile::open(&config.state)?;
        if let Some(damage) = damage {
            log::warn!("{damage}");
        }
        let trusts = Trusts::new(config.trusts.clone(), &state.trusts);
        state.prune(&trusts);
        let (mode, mode_warning) = config.mode(&trusts);
        let compiled = compile(trusts.iter(), mode, |_| Vec::new(), &BTreeMap::new());
        let mut plane = DataPlane::open(Path::new(BPFFS))?;
        let kept = Kept::open(&config.state);
        let alerts = Alerts::new(config.alerts.close_after);
        let guests = Guests::follow("/").context("cannot start the thread that looks for guests")?;
        plane.responds = config.boot.as_ref().is_some_and(|boot| boot.fast_path);
        Ok(Self {
            config,
            trusts,
            state,
            state_file,
            plane,
            compiled,
            mode,
            ports: BTreeMap::new(),
            problems: Vec::new(),
            networks: watch::Sender::new(Arc::new(networks)),
            gone: BTreeMap::new(),
            clients: Arc::default(),
            kept,
            alerts,
            silences: Silences::default(),
            heard_reply: None,
            hooks: None,
            recorder: Arc::default(),
            teller: Teller::default(),
            floods: Floods::default(),
            history: History::default(),
            since: Timestamp::now(),
            names: BTreeMap::new(),
            known_guests: guests.known(),
            guests,
            mode_warning,
        })
    }

    pub(super) fn take_events(&mut self) -> Option<Events> {
        self.plane.maps.take_events()
    }

    pub(super) fn kernel_log(&mut self) -> Option<EbpfLogger<&'static dyn log::Log>> {
        self.plane.kernel_log()
    }

    /// Puts the policy in force, takes over what an earlier daemon guards, and guards the rest.
    pub(super) async fn start(&mut self, watch: &Watch) -> anyhow::Result<()> {
        let began = Instant::now();
        let snapshot = watch.snapshot().await?;
        let targets = snapshot.targets(&iface_names(&self.config)).await;
        self.learn_bindings(&snapshot)?;
        self.find_unbound(watch, &targets.ports).await;
        self.names = names(&snapshot);
        self.know_guests().await;
        self.apply_policy()?;
        if let Some(warning) = self.mode_warning {
            log::warn!("{warning}");
        }
        let adopted: BTreeSet<Ifindex> = self.plane.adopt()?.into_iter().collect();
        let wanted: BTreeSet<Ifindex> = targets.ports.iter().map(|target| target.link.index).collect();
        for stray in self.plane.maps.guarded()?.into_iter().chain(adopted.iter().copied()) {
            if !wanted.contains(&stray) {
                self.plane.release(stray)?;
            }
        }
        self.set_targets(&snapshot, targets.ports, targets.problems);
        self.take_over_floods()?;
        if let Some((name, why)) = self.unguarded().next() {
            bail!("cannot guard {name}: {why}");
        }
        log::info!(
            "all ports are guarded since {} ms after the start; {} taken over",
            began.elapsed().as_millis(),
            adopted.len()
        );
        self.save();
        Ok(())
    }

    /// Makes what is guarded equal to what should be.  What fails is told, and tried again at the next occasion.
    pub(super) async fn reconcile(&mut self, watch: &Watch) {
        let snapshot = match watch.snapshot().await {
            Ok(snapshot) => snapshot,
            Err(error) => {
                log::error!("{:#}", anyhow::Error::from(error));
                return;
            }
        };
        let targets = snapshot.targets(&iface_names(&self.config)).await;
        self.follow_networks(&snapshot);
        self.rename(&snapshot);
        let learned = self.learn_bindings(&snapshot);
        let names = names(&snapshot);
        let known = self.guests.known();
        let renamed = names != self.names || !Arc::ptr_eq(&known, &self.known_guests);
        (self.names, self.known_guests) = (names, known);
        self.guests.look_at(&self.names);
        if let Err(error) = learned.and_then(|learned| if learned || renamed { self.apply_policy() } else { Ok(()) }) {
            log::error!("cannot put the policy in force: {:#}", anyhow::Error::from(error));
        }
        self.set_targets(&snapshot, targets.ports, targets.problems);
    }

    fn follow_networks(&self, snapshot: &Snapshot) {
        let networks = networks(snapshot, &self.config);
        self.networks.send_if_modified(|known| {
            let changed = **known != networks;
            *known = Arc::new(networks);
            changed
        });
    }

    /// Reads the configuration again; where it is wrong, everything stays as it is.
    pub(super) async fn reload(&mut self, watch: &Watch) {
        let (config, needs_restart) = match self.config.reload() {
            Ok(reloaded) => reloaded,
            Err(error) => {
                log::error!(
                    "the configuration is not reloaded, the old one stays in force: {:#}",
                    anyhow::Error::from(error)
                );
                return;
            }
        };
        for setting in needs_restart {
            log::warn!("{} has changed, which takes effect at the next start", setting.0);
        }
        self.trusts = Trusts::new(config.trusts.clone(), &self.state.trusts);
        self.config = config;
        self.alerts.set_close_after(self.config.alerts.close_after);
        if let Err(error) = self.change_policy(watch).await {
            log::error!("cannot put the policy in force: {error:#}");
        }
        self.reconcile(watch).await;
        log::info!("configuration reloaded: {}", self.summary());
    }

    /// Puts changed trusts in force.
    pub(super) async fn change_policy(&mut self, watch: &Watch) -> anyhow::Result<()> {
        self.state.prune(&self.trusts);
        let targets: Vec<Target> = self.ports.values().map(|port| port.target.clone()).collect();
        self.find_unbound(watch, &targets).await;
        let (mode, warning) = self.config.mode(&self.trusts);
        if mode != self.mode {
            log::info!("mode: {}", mode_name(mode));
        }
        if let (Some(warning), true) = (warning, warning != self.mode_warning) {
            log::warn!("{warning}");
        }
        (self.mode, self.mode_warning) = (mode, warning);
        self.apply_policy()?;
        self.keep()?;
        Ok(())
    }

    /// Writes the policy into the kernel's maps.
    fn apply_policy(&mut self) -> Result<(), DataPlaneError> {
        let ports = |name: &PortName| self.ports_meant(name);
        self.compiled = compile(self.trusts.iter(), self.mode, ports, &self.state.bindings);
        let names = &self.names;
        let maps = &mut self.plane.maps;
        for (mac, port) in &self.compiled.bound {
            maps.bind(*mac, *port)?;
        }
        for (mac, port) in maps.bindings()? {
            // One that the kernel has just bound is not stale: it is in no list yet.
            let is_new = self.trusts.iter().any(|trust| trust.place == TrustPlace::MacFirstSeen(mac))
                && !self.state.bindings.contains_key(&MacAddress(mac))
                && names.values().any(|index| *index == port);
            if !self.compiled.bound.contains_key(&mac) && !is_new {
                maps.unbind(mac)?;
            }
        }
        let entries: Vec<_> = self.compiled.entries.iter().map(|(place, grant)| (*place, *grant)).collect();
        maps.set_policy(self.mode, &entries)
    }

    /// The interfaces that a name means.
    fn ports_meant(&self, name: &PortName) -> Vec<Ifindex> {
        match name {
            PortName::Interface(name) => self.names.get(name.as_str()).copied().into_iter().collect(),
            PortName::Guest(guest) => match self.meant(guest) {
                Meant::Ports(ports) => ports,
                Meant::Several(_) => Vec::new(),
            },
        }
    }

    /// The interfaces of a guest.
    pub(super) fn meant(&self, guest: &GuestName) -> Meant<Ifindex> {
        self.guests.meant(guest, &self.names)
    }

    /// The guest behind a port, in words.
    pub(super) fn guest_of(&self, port: &str) -> Option<String> {
        self.guests.in_words(port)
    }

    /// Waits for the names of guests, if somebody is trusted by one, but not for ever: what is trusted by number does not
    /// need them.
    async fn know_guests(&mut self) {
        self.guests.look_at(&self.names);
        let by_name = self
            .trusts
            .iter()
            .any(|trust| matches!(trust.place.port(), Some(PortName::Guest(GuestName { who: Who::Name(_), .. }))));
        if by_name && !self.guests.wait(GUESTS_WITHIN).await {
            log::warn!("the names of guests are not known yet: /etc/pve or /run/libvirt does not answer");
        }
    }

    /// Keeps what has to outlive the daemon.
    fn keep(&mut self) -> Result<(), StateError> {
        self.state.trusts = self.trusts.added();
        self.state_file.save(&self.state)
    }

    pub(super) fn save(&mut self) {
        if let Err(error) = self.keep() {
            log::error!("{:#}", anyhow::Error::from(error));
        }
    }

    /// Ports that should be guarded and are not, with the reason.
    pub(super) fn unguarded(&self) -> impl Iterator<Item = (&str, &str)> {
        self.ports
            .values()
            .filter_map(|port| Some((port.target.link.name.as_str(), port.guarded.as_ref().err()?.as_str())))
    }

    /// What is done, in a line.
    pub(super) fn summary(&self) -> String {
        let doing = match self.mode {
            Mode::Enforce => "enforcing on",
            Mode::Observe => "observing",
        };
        format!(
            "{doing} {}; trusted: {}",
            self.ports_in_words(),
            match self.trusts.iter().len() {
                0 => "nobody".to_owned(),
                count => count.to_string(),
            }
        )
    }

    pub(super) fn ports_in_words(&self) -> String {
        match self.ports.values().filter(|port| port.guarded.is_ok()).count() {
            1 => "1 port".to_owned(),
            count => format!("{count} ports"),
        }
    }
}

fn iface_names(config: &Config) -> Vec<String> {
    config.ifaces.iter().map(|name| name.as_str().to_owned()).collect()
}

fn networks(snapshot: &Snapshot, config: &Config) -> Networks {
    let beyond = config.boot.as_ref().map_or(&[][..], |boot| &boot.networks);
    Networks::of(snapshot, &iface_names(config), beyond)
}

fn names(snapshot: &Snapshot) -> BTreeMap<String, Ifindex> {
    snapshot.links().map(|link| (link.name.clone(), link.index)).collect()
}
