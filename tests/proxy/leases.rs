//! Clients get their address from the trusted server as ever, whoever tells them what to boot.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::sync::atomic::Ordering;
use std::time::Instant;

use pxeguard_lab::frames::{ClientRequest, kind};
use pxeguard_lab::load::perfdhcp::{self, Exchanges, PXE};
use pxeguard_lab::{Client, Guard, Pool, Server, skip_unless, until};

use crate::fast_path::wait_for_fast_path;
use crate::scene::{BRIDGE, SOON, Scene};

/// The network's own DHCP server, behind a port of its own.
const TRUSTED: Pool = Pool { server: Ipv4Addr::new(10, 77, 0, 2), ..Pool::TRUSTED };
const CLIENTS: u32 = 400;
const PER_S: u32 = 200;

#[test]
fn pxe_clients_that_the_kernel_answers_lease_from_the_trusted_server_without_a_loss() {
    skip_unless!("perfdhcp", "kea-dhcp4", "ethtool");
    let scene = Scene::new();
    let trusted = scene.attach("trusted");
    let at_server = trusted.raw().unwrap();
    // It keeps what it has offered for its client; dnsmasq may offer an address to two clients at once, and refuse it to one.
    let _dhcp = Server::Kea.start(&trusted, &TRUSTED).unwrap();
    let (clients, proxy_offers) = scene.lab.attach_as_clients("clients").unwrap();
    scene.lab.join(&clients, BRIDGE).unwrap();
    clients.add_address("10.77.0.60/16").unwrap();
    // Where the operator has chosen, a client that asks twice is the kernel's, too.
    let settings = "[boot.strategy]\nefi-x64 = \"direct\"\n";
    scene.lab.hypervisor().write("/etc/pxeguard/pxeguard.toml", settings).unwrap();
    let guard = scene.guard(&["--trust-port", trusted.port()]);
    wait_for_fast_path(&scene, &guard);
    let before = Answers::of(&guard);
    // The daemon has sent its own to everybody.
    let offered = || proxy_offers.load(Ordering::Relaxed);
    until(SOON, "the daemon's offers have come", || offered() == before.daemon).unwrap();
    at_server.drain().unwrap();

    let leases = perfdhcp::lease(&clients, CLIENTS, Some(PER_S), &PXE).unwrap();
    let all = Exchanges { sent: CLIENTS.into(), received: CLIENTS.into(), drops: 0, orphans: 0 };
    assert_eq!((leases.offers, leases.acks), (all, all), "{}", leases.output);
    // Each of their questions was answered in the kernel, and came to the server, once.
    let after = Answers::of(&guard);
    assert_eq!((after.kernel - before.kernel, after.daemon), (CLIENTS.into(), before.daemon));
    assert_eq!(offered() - before.daemon, u64::from(CLIENTS));
    let (mut asked, mut xids) = ([0; 2], HashSet::new());
    while let Some(frame) = at_server.receive(Instant::now()).unwrap() {
        let Some(request) = ClientRequest::read(&frame) else { continue };
        asked[usize::from(request.kind == kind::REQUEST)] += 1;
        xids.insert((request.kind, request.xid));
    }
    assert_eq!((asked, xids.len()), ([CLIENTS; 2], 2 * CLIENTS as usize));
}

#[test]
fn other_clients_lease_from_the_trusted_server_as_if_nobody_answered_in_the_kernel() {
    skip_unless!("perfdhcp", "kea-dhcp4", "busybox", "dhclient", "dhcpcd");
    let scene = Scene::new();
    let trusted = scene.attach("trusted");
    let dhcp = Server::Kea.start(&trusted, &TRUSTED).unwrap();
    let guard = scene.guard(&["--trust-port", trusted.port()]);
    let before = Answers::of(&guard);
    for client in Client::ALL {
        let lease = client.lease(&scene.client).unwrap();
        assert_eq!(lease.server_id, TRUSTED.server, "{client:?}");
        assert!(TRUSTED.contains(lease.address), "{client:?}");
    }
    scene.client.add_address("10.77.0.60/16").unwrap();
    let leases = perfdhcp::lease(&scene.client, CLIENTS, Some(PER_S), &[]).unwrap();
    let all = Exchanges { sent: CLIENTS.into(), received: CLIENTS.into(), drops: 0, orphans: 0 };
    assert_eq!((leases.offers, leases.acks), (all, all), "{}", leases.output);
    assert_eq!(Answers::of(&guard), before, "they are no PXE clients");
    assert!(dhcp.is_running());
}

/// How many were answered so far, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Answers {
    kernel: u64,
    daemon: u64,
}

impl Answers {
    fn of(guard: &Guard<'_>) -> Self {
        let answers = guard.json("status").unwrap()["boot_answers"].clone();
        Self {
            kernel: answers["kernel"]["offers"].as_u64().expect("the kernel answers"),
            daemon: answers["daemon"].as_u64().expect("so does the daemon"),
        }
    }
}
