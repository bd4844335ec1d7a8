//! Asks the network who answers DHCP and PXE clients, and says what is wrong with it.
//!
//! Read in this order: `question` is what is asked, `reply` what a server says, `wire` what carries both; `guest_port` makes
//! the client a guest of the bridge, with `links`; `client` talks, `heard` is who has answered, `guardian` what the running
//! pxeguard drops meanwhile; `judge` says what follows; `boot` goes on as a machine that boots.
//!
//! No lease is left behind: only `boot` takes one, and gives it back.

mod boot;
mod client;
mod guardian;
mod guest_port;
mod heard;
mod judge;
mod links;
mod question;
mod reply;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::panic;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use pxeguard_common::net::{Ifindex, Mac};

use crate::cli::ProbeArgs;
use crate::ports::{Kind, Link, PortsError, Snapshot, Watch};
use crate::report::{BootTrial, Finding, ProbeReport, Responder, Severity};
use crate::trust::MacAddress;

use client::Client;
use guardian::Guardian;
use guest_port::{Behind, GuestPort};
use heard::{Heard, responders, way};
use judge::{Seen, judge, verdict};
use question::{Asker, random_mac};
use wire::Wire;

pub use question::is_probe;
pub use wire::Checksum;

/// VLANs that are asked in one after another unless they are named.
const MAX_VLANS: usize = 16;

/// Asks, and says who answered.
pub fn probe(args: &ProbeArgs) -> anyhow::Result<ProbeReport> {
    let host = Host::look()?;
    let iface = args.iface.as_str();
    let link = host.links.link_named(iface).with_context(|| format!("{iface}: no such interface"))?;
    if !link.is_ethernet || !link.up {
        bail!("{iface}: {}", if link.up { "no Ethernet interface" } else { "it is down: ip link set it up first" });
    }
    if args.boot && link.kind != Kind::Bridge {
        bail!(
            "{iface}: --boot takes a guest of a bridge, and this is none; run it on a machine that has a bridge there"
        );
    }
    if args.boot && args.vlan.iter().any(|vlan| *vlan != 0) {
        bail!("--boot plays in the untagged network only: leave --vlan out, or --boot");
    }
    let plan = Plan {
        args,
        link: link.clone(),
        vlans: vlans(&args.vlan, link, &host.links),
        askers: askers(args),
        chaddr: random_mac(),
    };
    // A daemon of another version is no reason not to ask the network.
    let (guardian, silent) = match Guardian::find(&args.control.control, iface) {
        Ok(guardian) => (guardian, None),
        Err(error) => (None, Some(format!("{:#}", anyhow::Error::from(error)))),
    };
    let mut asked = on_own_thread(|| plan.ask(guardian))?;
    host.place(&mut asked.responders)?;
    Ok(plan.report(asked, silent.as_deref()))
}

/// How long boot servers are asked in all: each that is silent takes up to four seconds.
const BOOT_SERVERS_LIMIT: Duration = Duration::from_secs(30);

/// What is asked, and how.
struct Plan<'a> {
    args: &'a ProbeArgs,
    link: Link,
    vlans: Vec<u16>,
    askers: Vec<Asker>,
    chaddr: Mac,
}

/// What came of it.
struct Asked {
    port: Option<String>,
    forwarding_after: Option<Duration>,
    guardian: Option<Guardian>,
    responders: Vec<Responder>,
    boot: Option<(BootTrial, Option<Finding>)>,
}

impl Plan<'_> {
    /// Asks, on a thread that may change its network namespace.
    fn ask(&self, mut guardian: Option<Guardian>) -> anyhow::Result<Asked> {
        let mut guest = self.guest()?;
        let mut forwarding_after = None;
        if let Some(guest) = &mut guest {
            forwarding_after = Some(guest.wait_forwarding()?);
            if let Some(guardian) = &guardian {
                guardian.wait_guarded(&guest.name)?;
            }
        }
        if let Some(guardian) = &mut guardian {
            guardian.remember()?;
        }
        let mut client = self.client(guest.as_ref()).context("cannot ask by a packet socket (it takes CAP_NET_RAW)")?;
        let failed = || format!("cannot ask on {}", self.link.name);
        let all = [&[Asker::Plain], &self.askers[..]].concat();
        client.discover(&all, &self.vlans, self.args.patience()).with_context(failed)?;
        client.inform(&self.vlans).with_context(failed)?;
        let mut responders = responders(&client.heard);
        ask_boot_servers(&mut client, &mut responders).with_context(failed)?;
        let boot = match &mut guest {
            Some(guest) if self.args.boot => Some(boot::boot(&mut client, guest, self.booting()).with_context(failed)?),
            _ => None,
        };
        let port = guest.map(|guest| guest.name.clone());
        Ok(Asked { port, forwarding_after, guardian, responders, boot })
    }

    fn guest(&self) -> anyhow::Result<Option<GuestPort>> {
        if self.link.kind != Kind::Bridge {
            return Ok(None);
        }
        let tagged: Vec<_> = self.vlans.iter().copied().filter(|vlan| *vlan != 0 && self.link.filters_vlans).collect();
        let behind = Behind { bridge: self.link.index, mtu: self.link.mtu, vlans: &tagged };
        Ok(Some(GuestPort::new(&behind, self.chaddr)?))
    }

    fn client(&self, guest: Option<&GuestPort>) -> std::io::Result<Client> {
        let wire = match (guest, self.link.mac) {
            (Some(guest), _) => Wire::open(guest.card, self.chaddr, false)?,
            (None, mac) => Wire::open(self.link.index, mac.unwrap_or(self.chaddr), true)?,
        };
        Ok(Client::new(wire, self.chaddr))
    }

    /// As whom a whole client boots.
    fn booting(&self) -> Asker {
        match self.args.arch.first() {
            Some(arch) => Asker::of(*arch),
            None => Asker::USUAL[1],
        }
    }

    fn report(&self, asked: Asked, silent: Option<&str>) -> ProbeReport {
        let Asked { port, forwarding_after, guardian, mut responders, boot } = asked;
        let compared = guardian.as_ref().map(|guardian| guardian.compare(&mut responders)).transpose();
        let (blocked, gone) = match compared {
            Ok(blocked) => (blocked.unwrap_or_default(), None),
            Err(error) => (Vec::new(), Some(format!("{:#}", anyhow::Error::from(error)))),
        };
        let guard = guardian.as_ref().map(Guardian::report);
        let seen = Seen {
            responders: &responders,
            blocked: &blocked,
            guard: guard.as_ref(),
            forwarding_after,
            asked_as_firmware: !self.askers.is_empty(),
            guard_silent: silent.or(gone.as_deref()),
        };
        let mut findings = judge(&seen);
        let (boot, failure) = boot.map_or((None, None), |(trial, failure)| (Some(trial), failure));
        // What is wrong with the network comes first: it is why.
        let worst = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        findings.splice(worst..worst, failure);
        let verdict = verdict(&seen, &findings);
        ProbeReport {
            iface: self.link.name.clone(),
            port,
            mac: MacAddress(self.chaddr),
            vlans: self.vlans.clone(),
            asked_as: [Asker::Plain].iter().chain(&self.askers).map(ToString::to_string).collect(),
            forwarding_after_ms: forwarding_after.map(|after| after.as_millis() as u64),
            guard,
            blocked,
            findings,
            boot,
            verdict,
            responders,
        }
    }
}

/// Asks port 4011 of everybody who says that it is a PXE server, once for each way in which its clients take its offers.
fn ask_boot_servers(client: &mut Client, responders: &mut [Responder]) -> std::io::Result<()> {
    let began = Instant::now();
    for responder in responders {
        let is_its = |heard: &&Heard| {
            let key = (heard.vlan, heard.mac, heard.ip, heard.reply.server_id);
            key == (responder.vlan, responder.mac.0, responder.ip, responder.server_id) && heard.reply.is_pxe()
        };
        let offers = client.heard.iter().filter(is_its).filter_map(|heard| Some((way(heard)?, heard.clone())));
        // Of each the first.
        let ways: BTreeMap<_, _> = offers.rev().collect();
        for offer in ways.values() {
            // Whoever forges sixty of them keeps nobody for minutes.
            if began.elapsed() > BOOT_SERVERS_LIMIT {
                return Ok(());
            }
            responder.port_4011.extend(client.ask_boot_server(offer)?);
        }
    }
    Ok(())
}

fn askers(args: &ProbeArgs) -> Vec<Asker> {
    if args.arch.is_empty() {
        return Asker::USUAL.to_vec();
    }
    let all: BTreeSet<_> = args.arch.iter().map(|arch| Asker::of(*arch)).collect();
    all.into_iter().collect()
}

/// The VLANs that are named; else the untagged network, and on a bridge that filters VLANs those that this host is in.
fn vlans(named: &[u16], link: &Link, links: &Snapshot) -> Vec<u16> {
    if !named.is_empty() {
        return named.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    }
    let on_it = |other: &Link| other.vlan_of.filter(|of| link.filters_vlans && of.trunk == link.index);
    let mut all: BTreeSet<_> = links.links().filter_map(|other| on_it(other).map(|of| of.vlan)).collect();
    all.insert(0);
    all.into_iter().take(MAX_VLANS).collect()
}

/// The host's interfaces, and what its bridges have learnt.
struct Host {
    runtime: tokio::runtime::Runtime,
    watch: Watch,
    links: Snapshot,
}

impl Host {
    fn look() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.context("cannot start")?;
        let (watch, links) = runtime.block_on(async {
            let watch = Watch::open()?;
            let links = watch.snapshot().await?;
            Ok::<_, PortsError>((watch, links))
        })?;
        Ok(Self { runtime, watch, links })
    }

    /// Says where each responder is.
    fn place(&self, responders: &mut [Responder]) -> anyhow::Result<()> {
        let bridges: Vec<Ifindex> =
            self.links.links().filter(|link| link.kind == Kind::Bridge).map(|link| link.index).collect();
        let own: BTreeSet<_> = self.links.links().filter_map(|link| link.mac).collect();
        for responder in responders {
            responder.is_host = own.contains(&responder.mac.0);
            let port = self.runtime.block_on(self.watch.port_of(responder.mac.0, &bridges))?;
            responder.port = port.and_then(|port| self.links.name_of(port)).map(str::to_owned);
        }
        Ok(())
    }
}

/// Runs `act` where it may change its network namespace without harm to other threads.
fn on_own_thread<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(act).join()).unwrap_or_else(|why| panic::resume_unwind(why))
}
