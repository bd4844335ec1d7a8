//! The network of the demonstration: a bridge, two DHCP servers, a few clients.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use pxeguard_lab::{BRIDGE, Client, Guest, Host, Lab, Lease, Pool, Process, Server};

use super::screen::{heading, row, say};

/// How long the own server's frames take to the bridge: a stranger beside the clients is faster, also on a busy machine.
const WIRE: Duration = Duration::from_millis(150);

const CLIENTS: [&str; 3] = ["pc1", "pc2", "pc3"];

/// The hypervisor's bridge, and who is behind its ports.
pub struct Network {
    pub lab: Lab,
    /// The network's own DHCP server.
    pub own: Guest,
    /// Somebody else's.
    pub stranger: Guest,
    clients: Vec<Guest>,
    _servers: [Process; 2],
}

/// Whose DHCP server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    Network,
    Stranger,
}

impl Owner {
    fn pool(self) -> Pool {
        match self {
            Self::Network => Pool::TRUSTED,
            Self::Stranger => Pool::ROGUE,
        }
    }

    fn of(lease: &Lease) -> Option<Self> {
        let owners = [Self::Network, Self::Stranger].into_iter();
        owners.filter(|owner| owner.pool().server == lease.server_id).find(|owner| owner.pool().contains(lease.address))
    }

    fn words(self) -> &'static str {
        match self {
            Self::Network => "the network's own server",
            Self::Stranger => "a stranger",
        }
    }
}

impl Network {
    pub fn new() -> Result<Self> {
        let lab = Lab::new()?;
        let own = lab.attach_slow("dhcp", WIRE)?;
        let stranger = lab.attach("stranger")?;
        let clients = CLIENTS.iter().map(|name| lab.attach(name)).collect::<Result<_>>()?;
        let server = |host: &Host, owner: Owner| Server::Dnsmasq.start(host, &owner.pool());
        let servers = [server(&own, Owner::Network)?, server(&stranger, Owner::Stranger)?];
        Ok(Self { lab, own, stranger, clients, _servers: servers })
    }

    pub fn hypervisor(&self) -> &Host {
        self.lab.hypervisor()
    }

    /// Says who is there.
    pub fn introduce(&self) {
        heading("The network: a bridge on a hypervisor, in namespaces of its own");
        row([BRIDGE, "the bridge", "", ""]);
        let server = |guest: &Guest, owner: Owner, what| {
            let (mac, address) = (guest.mac().to_string().to_lowercase(), owner.pool().server.to_string());
            row([guest.port(), &mac, &address, what]);
        };
        server(&self.own, Owner::Network, "DHCP server of the network (dnsmasq), 150 ms away");
        server(&self.stranger, Owner::Stranger, "DHCP server of a stranger (dnsmasq), near");
        for client in &self.clients {
            row([client.port(), &client.mac().to_string().to_lowercase(), "", "DHCP client (busybox udhcpc)"]);
        }
    }

    /// Lets all clients ask at once, and shows what each was given; an error if one is not `owner`'s.
    pub fn expect_leases_from(&self, owner: Owner) -> Result<()> {
        let leases: Vec<Result<Lease>> = thread::scope(|scope| {
            let asking: Vec<_> =
                self.clients.iter().map(|client| scope.spawn(|| Client::Udhcpc.lease(client))).collect();
            asking.into_iter().map(|client| client.join().expect("it does not panic")).collect()
        });
        say("");
        row(["CLIENT", "ADDRESS", "GIVEN BY", "WHO IS"]);
        let mut all_as_expected = true;
        for (client, lease) in self.clients.iter().zip(leases) {
            let lease = lease.context("a client has no address at all")?;
            let giver = Owner::of(&lease);
            let who = giver.map_or("nobody of this network", Owner::words);
            row([client.name(), &lease.address.to_string(), &lease.server_id.to_string(), who]);
            all_as_expected &= giver == Some(owner);
        }
        ensure!(all_as_expected, "this is not as it should be: not all addresses are from {}", owner.words());
        Ok(())
    }
    /// Lets one client ask, so that both servers answer; what it is given is not looked at.
    pub fn ask_again(&self) -> Result<()> {
        Client::Udhcpc.lease(&self.clients[0]).map(drop)
    }
}
