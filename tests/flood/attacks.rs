//! The tools of the trade flood from one port, while others behind the same bridge get their addresses and boot.

use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use pxeguard_lab::{Client, Guard, Guest, Pool, Process, Server, TftpClient, skip_unless, until};

use crate::attacker::{Attacker, DHCPSTARV, YERSINIA};
use crate::config::{CONFIG, counted, limit, most};
use crate::scene::{PROGRAM, SERVER, SOON, Scene};

/// The network's own DHCP server, behind a port of its own.
const TRUSTED: Pool = Pool { server: Ipv4Addr::new(10, 77, 0, 2), ..Pool::TRUSTED };

#[test]
fn others_lease_and_boot_during_a_trafgen_flood() {
    skip_unless!("trafgen", "dnsmasq", "busybox", "atftp");
    others_are_served(Attacker::Trafgen);
}

#[test]
fn others_lease_and_boot_during_a_yersinia_flood() {
    skip_unless!(YERSINIA, "dnsmasq", "busybox", "atftp");
    others_are_served(Attacker::Yersinia);
}

/// A bridge with a trusted DHCP server, a flooder, and two who want to be served.
struct Site {
    scene: Scene,
    flooder: Guest,
    leaser: Guest,
    trusted: Guest,
    dhcp: Process,
}

impl Site {
    fn new() -> Self {
        let scene = Scene::new();
        let [flooder, leaser, trusted] = ["flooder", "leaser", "trusted"].map(|name| scene.attach(name));
        let dhcp = Server::Dnsmasq.start(&trusted, &TRUSTED).unwrap();
        scene.client.add_address("10.77.0.50/16").unwrap();
        Self { scene, flooder, leaser, trusted, dhcp }
    }

    fn guard(&self, more: &[&str]) -> Guard<'_> {
        self.scene.guard(&[&["--trust-port", self.trusted.port()], more].concat())
    }

    /// How long a lease takes, and an offer of ours with the file that it names.
    fn serve(&self, xid: u32) -> [Duration; 2] {
        let began = Instant::now();
        let lease = Client::Udhcpc.lease(&self.leaser).unwrap();
        let leased = began.elapsed();
        assert_eq!(lease.server_id, TRUSTED.server);
        // What has passed of the flood is broadcast, and waits at the client's packet socket before any answer.
        self.scene.at_client.drain().unwrap();
        let began = Instant::now();
        let offer = self.scene.ask(&self.scene.discover(xid));
        assert_eq!(offer.file, PROGRAM);
        TftpClient::Atftp.fetch(&self.scene.client, SERVER, PROGRAM, &[]).unwrap();
        [leased, began.elapsed()]
    }

    /// Frames that the bridge has sent to the trusted server.
    fn to_server(&self) -> u64 {
        let count = format!("/sys/class/net/{}/statistics/tx_packets", self.trusted.port());
        self.scene.lab.hypervisor().read(count).unwrap().trim().parse().unwrap()
    }
}

/// A flood takes a CPU.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn others_are_served(attacker: Attacker) {
    let _turn = ONE_AT_A_TIME.lock();
    let site = Site::new();
    // By default 2000 a second and 10000 at once.
    let guard = site.guard(&[]);
    let alone = site.serve(1);
    let before = site.to_server();
    let began = Instant::now();
    let flooding = attacker.start(&site.flooder).unwrap();
    let sent = |guard: &Guard<'_>| counted(guard, &site.flooder);
    until(SOON, "the flood is cut", || sent(&guard).cut > 20_000).unwrap();
    let times = [2, 3, 4].map(|xid| site.serve(xid));
    assert!(times.iter().all(|took| in_time(took, &alone)), "{times:?}, alone {alone:?}");
    let (now, lasted) = (sent(&guard), began.elapsed());
    let reached = site.to_server() - before;
    assert!(flooding.is_running() && now.cut > now.passed, "{now:?}");
    assert!(now.passed <= most(2000, 10_000, lasted) + 8, "{now:?} in {lasted:?}");
    assert!(reached <= most(2000, 10_000, began.elapsed()) + 200, "{reached} frames in {lasted:?}");
    guard.process().wait_line(|line| line.contains("port=p-flooder: a flood of DHCP clients'"), SOON).unwrap();
    eprintln!("{attacker:?}: alone {alone:?}, under attack {times:?}; {now:?} in {lasted:?}");
    drop(flooding);
    assert!(site.dhcp.is_running() && guard.process().is_running());

    // Control: without a limit all of it arrives at the server, and nothing more is cut.
    guard.stop().unwrap();
    let guard = site.guard(&["--client-messages-per-s", "0"]);
    let (cut, before) = (sent(&guard).cut, site.to_server());
    let _flooding = attacker.start(&site.flooder).unwrap();
    until(SOON, "the flood reaches the server", || site.to_server() > before + 40_000).unwrap();
    assert_eq!(sent(&guard).cut, cut);
}

/// edk2 asks again after four seconds (mPxeDhcpTimeout); on a machine that has more to do, all takes longer.
fn in_time(took: &[Duration; 2], alone: &[Duration; 2]) -> bool {
    (0..2).all(|what| took[what] < Duration::from_secs(3) + 20 * alone[what])
}

#[test]
fn a_tool_that_takes_every_address_gets_no_more_than_its_port_may() {
    skip_unless!(DHCPSTARV, "dnsmasq", "busybox", "atftp");
    let site = Site::new();
    let port = format!("[limits.ports.{}]\nclient_messages_per_s = 4\nclient_burst = 20", site.flooder.port());
    limit(site.scene.lab.hypervisor(), &port);
    let taken = || {
        let leases = site.trusted.read("/run/lab/dnsmasq.leases").unwrap_or_default();
        leases.lines().count() as u64
    };
    let guard = site.guard(&["--config", CONFIG]);
    let alone = site.serve(1);
    let (before, began) = (taken(), Instant::now());
    let flooding = Attacker::Dhcpstarv.start(&site.flooder).unwrap();
    until(SOON, "the tool is cut", || counted(&guard, &site.flooder).cut > 2).unwrap();
    let under_attack = site.serve(2);
    assert!(in_time(&under_attack, &alone), "{under_attack:?}, alone {alone:?}");
    let (leases, lasted) = (taken() - before, began.elapsed());
    // A DISCOVER and a REQUEST each.
    assert!(leases <= most(4, 20, lasted) / 2 + 1, "{leases} leases in {lasted:?}");
    guard.process().wait_line(|line| line.contains("port=p-flooder: a flood of DHCP clients'"), SOON).unwrap();
    eprintln!("dhcpstarv: {leases} leases in {lasted:?}; alone {alone:?}, under attack {under_attack:?}");
    drop(flooding);

    // Control: without a limit it takes many times as many.
    guard.stop().unwrap();
    let before = taken();
    limit(site.scene.lab.hypervisor(), "client_messages_per_s = 0");
    let _guard = site.guard(&["--config", CONFIG]);
    let _flooding = Attacker::Dhcpstarv.start(&site.flooder).unwrap();
    until(SOON, "the tool takes addresses", || taken() > before + 10 * leases).unwrap();
}
