//! The listening sockets.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::{Connection, Desk};
use crate::boot::Library;
use crate::clients::Observer;
use crate::networks::Networks;
use crate::places::Places;
use crate::port_holder::{PortHolder, PortKind, in_words};

/// Why HTTP cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Another server is there.
    #[error("http: port {} of {} is held by {}; stop it or set another http_port in [boot]",
        address.port(), address.ip(), in_words(.holder))]
    Taken {
        /// Where.
        address: SocketAddrV4,
        /// Who, where that can be found out.
        holder: Option<PortHolder>,
    },
    /// The system refused.
    #[error("http: cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddrV4,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Connections of one client: more than any boot program opens, and than a person's test with a hundred streams.
const PER_CLIENT: usize = 256;
/// Connections in all: a room of machines that boot at once, each with one or two.
const IN_ALL: usize = 4096;
/// Pause after a failed accept, which may be for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A server that listens.
#[derive(Debug)]
pub struct HttpServer {
    port: u16,
    listeners: BTreeMap<Ipv4Addr, TcpListener>,
}

impl HttpServer {
    /// Listens on a port of each address.
    ///
    /// # Panics
    /// Outside a tokio runtime that drives I/O.
    pub fn bind(networks: &Networks, port: u16) -> Result<Self, HttpError> {
        let listeners = networks.addresses().into_iter().map(|address| Ok((address, listen(address, port)?)));
        Ok(Self { port, listeners: listeners.collect::<Result<_, _>>()? })
    }

    /// The port that it was given, where 0 was asked for; from now on of all addresses.
    #[cfg(test)]
    pub(super) fn take_port(&mut self) -> u16 {
        let listener = self.listeners.values().next().expect("it has an address");
        self.port = listener.local_addr().expect("it listens").port();
        self.port
    }

    /// Serves until it is stopped; follows addresses that come and go.
    pub async fn serve(
        mut self,
        mut networks: watch::Receiver<Arc<Networks>>,
        library: Arc<dyn Library>,
        observer: Arc<dyn Observer>,
        stop: CancellationToken,
    ) {
        let desk = Arc::new(Desk { library, observer, stop: stop.clone() });
        let places = Arc::new(Places::new(PER_CLIENT, IN_ALL));
        let connections = TaskTracker::new();
        let mut failed = BTreeMap::new();
        networks.mark_changed();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Ok(()) = networks.changed() => {
                    let wanted = networks.borrow_and_update().addresses();
                    self.follow(&wanted, &mut failed);
                }
                accepted = self.accept() => match accepted {
                    Ok((stream, client)) => {
                        let is_served = is_served(&networks.borrow(), *client.ip());
                        if !is_served {
                            desk.tell_stranger(*client.ip());
                        }
                        let place = is_served.then(|| places.take((*client.ip()).into())).flatten();
                        let (Some(place), Some(server)) = (place, local_address(&stream)) else {
                            log::debug!("http: a connection of {client} is not served");
                            continue;
                        };
                        let connection =
                            Connection { desk: Arc::clone(&desk), stream, client: *client.ip(), server };
                        connections.spawn(async move {
                            if let Err(error) = connection.serve().await {
                                log::debug!("http: {client}: {error}");
                            }
                            drop(place);
                        });
                    }
                    Err(error) => {
                        log::warn!("http: cannot accept a connection: {error}");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
        connections.close();
        connections.wait().await;
    }

    /// Listens on these addresses and no others; says once why one cannot be had.
    fn follow(&mut self, wanted: &BTreeSet<Ipv4Addr>, failed: &mut BTreeMap<Ipv4Addr, String>) {
        self.listeners.retain(|address, _| wanted.contains(address));
        failed.retain(|address, _| wanted.contains(address));
        for &address in wanted {
            if self.listeners.contains_key(&address) {
                continue;
            }
            match listen(address, self.port) {
                Ok(listener) => {
                    failed.remove(&address);
                    self.listeners.insert(address, listener);
                }
                Err(error) => {
                    let why = format!("{:#}", anyhow::Error::from(error));
                    if failed.get(&address) != Some(&why) {
                        log::warn!("{why}");
                        failed.insert(address, why);
                    }
                }
            }
        }
    }

    /// The next connection to any of the addresses.
    async fn accept(&self) -> io::Result<(TcpStream, SocketAddrV4)> {
        let (stream, peer) = poll_fn(|context| {
            let mut listeners = self.listeners.values();
            let ready = listeners.find_map(|listener| match listener.poll_accept(context) {
                Poll::Ready(accepted) => Some(accepted),
                Poll::Pending => None,
            });
            ready.map_or(Poll::Pending, Poll::Ready)
        })
        .await?;
        match peer {
            SocketAddr::V4(peer) => Ok((stream, peer)),
            SocketAddr::V6(_) => Err(io::Error::other("it comes by IPv6")),
        }
    }
}

/// Whether somebody is answered: clients, and this host by its own addresses.
fn is_served(networks: &Networks, client: Ipv4Addr) -> bool {
    networks.has_client(client) || networks.addresses().contains(&client)
}

fn local_address(stream: &TcpStream) -> Option<Ipv4Addr> {
    match stream.local_addr().ok()? {
        SocketAddr::V4(address) => Some(*address.ip()),
        SocketAddr::V6(_) => None,
    }
}

fn listen(address: Ipv4Addr, port: u16) -> Result<TcpListener, HttpError> {
    let address = SocketAddrV4::new(address, port);
    let bind = || {
        // With SO_REUSEADDR, and as many waiting connections as the system allows.
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    };
    bind().map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => HttpError::Taken { address, holder: PortHolder::find(PortKind::Tcp, address) },
        _ => HttpError::Listen { address, source },
    })
}
