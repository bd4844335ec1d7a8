//! Every real rogue against every real client: 51 leases for each client, 17 beside each rogue.

use std::thread;
use std::time::Duration;

use pxeguard_lab::{BRIDGE, Client, Guard, Guest, Lab, Lease, Pool, Server, skip_unless};

use crate::scene::place;

/// By how much the rogue is quicker.
const HEAD_START: Duration = Duration::from_millis(30);
/// Leases of each client beside each rogue.
const LEASES: usize = 17;
/// Leases of each client while nobody guards.
const UNGUARDED: usize = 5;

#[test]
fn leases_come_from_the_trusted_server_beside_a_quicker_dnsmasq() {
    skip_unless!("dnsmasq", "ethtool", "busybox", "dhclient", "dhcpcd");
    trusted_server_wins_against(Server::Dnsmasq);
}

#[test]
fn leases_come_from_the_trusted_server_beside_a_quicker_kea() {
    skip_unless!("dnsmasq", "kea-dhcp4", "ethtool", "busybox", "dhclient", "dhcpcd");
    trusted_server_wins_against(Server::Kea);
}

#[test]
fn leases_come_from_the_trusted_server_beside_a_quicker_udhcpd() {
    skip_unless!("dnsmasq", "ethtool", "busybox", "dhclient", "dhcpcd");
    trusted_server_wins_against(Server::Udhcpd);
}

fn trusted_server_wins_against(rogue_server: Server) {
    let lab = Lab::new().unwrap();
    let (trusted, rogue) = (lab.attach_slow("trusted", HEAD_START).unwrap(), lab.attach("rogue").unwrap());
    let clients = Client::ALL.map(|client| (client, lab.attach(client.program()).unwrap()));
    let _trusted = Server::Dnsmasq.start(&trusted, &Pool::TRUSTED).unwrap();
    let _rogue = rogue_server.start(&rogue, &Pool::ROGUE).unwrap();

    for (client, leases) in leases(&clients, UNGUARDED) {
        let lost = from(Pool::ROGUE, &leases);
        assert!(2 * lost > UNGUARDED, "{client:?} was not fooled while nobody guarded: {leases:?}");
    }
    let guard = Guard::start(&lab, ["--iface", BRIDGE, "--trust", &place(&trusted)]).unwrap();
    for (client, leases) in leases(&clients, LEASES) {
        assert_eq!(from(Pool::TRUSTED, &leases), LEASES, "{client:?}: {leases:?}");
    }
    assert!(guard.process().is_running());
}

/// Leases one after the other for each client, all clients at the same time.
fn leases(clients: &[(Client, Guest)], count: usize) -> Vec<(Client, Vec<Lease>)> {
    let of = |(client, host): &(Client, Guest)| (*client, (0..count).map(|_| client.lease(host).unwrap()).collect());
    thread::scope(|scope| {
        let running: Vec<_> = clients.iter().map(|client| scope.spawn(move || of(client))).collect();
        running.into_iter().map(|client| client.join().unwrap()).collect()
    })
}

/// How many of them are a server's.
fn from(pool: Pool, leases: &[Lease]) -> usize {
    leases.iter().filter(|lease| lease.server_id == pool.server && pool.contains(lease.address)).count()
}
