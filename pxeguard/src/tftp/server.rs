//! The server: it listens on port 69 of each address by which clients reach this host.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admission::{Admission, Admitted};
use super::conversation::{Conversation, Services};
use super::packet::{Request, printable};
use crate::boot::{Library, Via};
use crate::clients::{Observer, Step};
use crate::networks::Networks;
use crate::port_holder::{PortHolder, PortKind, in_words};

/// TFTP's port (RFC 1350 §4).
const PORT: u16 = 69;

/// Room for requests that come all at once, when a whole room is switched on: a thousand need 800 KiB.
const REQUEST_BUFFER_BYTES: usize = 4 << 20;

/// The longest request.  RFC 2347 §3 has 512 bytes for it.
const REQUEST_BYTES: usize = 1500;

/// Why TFTP cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TftpError {
    /// Another server is there.
    #[error("tftp: port 69 of {address} is held by {}; stop it or use --no-boot", in_words(.holder))]
    Taken {
        /// This host's address.
        address: Ipv4Addr,
        /// Who, where that can be found out.
        holder: Option<PortHolder>,
    },
    /// The system refused.
    #[error("tftp: cannot bind port 69 of {address}")]
    Bind {
        /// This host's address.
        address: Ipv4Addr,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// How many transfers there may be at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Of one client.
    pub per_client: usize,
    /// In all.
    pub in_all: usize,
}

/// What came to port 69 and was not answered.
#[derive(Debug, Default)]
pub struct Ignored {
    strangers: AtomicU64,
    malformed: AtomicU64,
}

impl Ignored {
    /// Requests from addresses that are not in a guarded network.
    pub fn strangers(&self) -> u64 {
        self.strangers.load(Ordering::Relaxed)
    }

    /// Datagrams of clients that are no requests.
    pub fn malformed(&self) -> u64 {
        self.malformed.load(Ordering::Relaxed)
    }
}

/// A server that has its port.
#[derive(Debug)]
pub struct TftpServer {
    sockets: BTreeMap<Ipv4Addr, UdpSocket>,
    ignored: Arc<Ignored>,
}

impl TftpServer {
    /// Takes port 69 of each address.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn bind(networks: &Networks) -> Result<Self, TftpError> {
        allow_many_files();
        let sockets = networks
            .addresses()
            .into_iter()
            .map(|address| Ok((address, listen(address)?)))
            .collect::<Result<_, _>>()?;
        Ok(Self { sockets, ignored: Arc::default() })
    }

    /// What is not answered, for as long as the server runs.
    pub fn ignored(&self) -> Arc<Ignored> {
        Arc::clone(&self.ignored)
    }

    /// Serves until it is stopped; follows addresses that come and go.
    pub async fn serve(
        mut self,
        mut networks: watch::Receiver<Arc<Networks>>,
        library: Arc<dyn Library>,
        observer: Arc<dyn Observer>,
        limits: Limits,
        stop: CancellationToken,
    ) {
        let tasks = TaskTracker::new();
        let port = Port {
            services: Arc::new(Services { library, observer, stop: stop.clone() }),
            admission: Admission::new(limits, stop.clone()),
            networks: networks.clone(),
            ignored: self.ignored,
            tasks: tasks.clone(),
        };
        let mut listening: BTreeMap<Ipv4Addr, CancellationToken> = BTreeMap::new();
        let mut failed: BTreeMap<Ipv4Addr, String> = BTreeMap::new();
        loop {
            let wanted = networks.borrow_and_update().addresses();
            listening.retain(|address, stop| {
                let stays = wanted.contains(address);
                if !stays {
                    stop.cancel();
                }
                stays
            });
            failed.retain(|address, _| wanted.contains(address));
            for address in wanted {
                if listening.contains_key(&address) {
                    continue;
                }
                let socket = self.sockets.remove(&address).map_or_else(|| listen(address), Ok);
                match socket {
                    Ok(socket) => {
                        failed.remove(&address);
                        let stop = stop.child_token();
                        listening.insert(address, stop.clone());
                        tasks.spawn(port.clone().listen(socket, address, stop));
                    }
                    Err(error) => tell_once(&mut failed, address, error),
                }
            }
            tokio::select! {
                () = stop.cancelled() => break,
                // Whoever tells of networks has gone: the process is about to stop.
                changed = networks.changed() => if changed.is_err() {
                    stop.cancelled().await;
                    break;
                },
            }
        }
        tasks.close();
        tasks.wait().await;
    }
}

/// Says why an address is not served, unless that was said before.
fn tell_once(failed: &mut BTreeMap<Ipv4Addr, String>, address: Ipv4Addr, error: TftpError) {
    let why = format!("{:#}", anyhow::Error::from(error));
    if failed.get(&address) != Some(&why) {
        log::warn!("{why}");
        failed.insert(address, why);
    }
}

fn listen(address: Ipv4Addr) -> Result<UdpSocket, TftpError> {
    let bind = || {
        let socket = std::net::UdpSocket::bind((address, PORT))?;
        // Without the right to it, what the system allows has to do.
        let _ = setsockopt(&socket, RcvBufForce, &REQUEST_BUFFER_BYTES);
        socket.set_nonblocking(true)?;
        UdpSocket::from_std(socket)
    };
    bind().map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => {
            let holder = PortHolder::find(PortKind::Udp, SocketAddrV4::new(address, PORT));
            TftpError::Taken { address, holder }
        }
        _ => TftpError::Bind { address, source },
    })
}

/// Raises the limit of open files as far as the system allows: each transfer has a socket.
fn allow_many_files() {
    let raised =
        getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        log::debug!("tftp: cannot raise the limit of open files: {error}");
    }
}

/// Port 69 of any address.
#[derive(Clone)]
struct Port {
    services: Arc<Services>,
    admission: Arc<Admission>,
    networks: watch::Receiver<Arc<Networks>>,
    ignored: Arc<Ignored>,
    tasks: TaskTracker,
}

impl Port {
    async fn listen(self, socket: UdpSocket, server: Ipv4Addr, stop: CancellationToken) {
        // One byte more than a request has: what fills it was longer.
        let mut datagram = [0; REQUEST_BYTES + 1];
        loop {
            let received = tokio::select! {
                () = stop.cancelled() => return,
                received = socket.recv_from(&mut datagram) => received,
            };
            match received {
                Ok((len, SocketAddr::V4(client))) => self.take(&datagram[..len], server, client),
                Ok((_, SocketAddr::V6(_))) => {}
                // Of an answer that was sent before, such as ICMP's; the socket stays.
                Err(error) => log::debug!("tftp: {server}: {error}"),
            }
        }
    }

    fn take(&self, datagram: &[u8], server: Ipv4Addr, client: SocketAddrV4) {
        if !self.networks.borrow().has_client(*client.ip()) {
            self.ignored.strangers.fetch_add(1, Ordering::Relaxed);
            return self.tell_stranger(datagram, *client.ip());
        }
        if datagram.len() > REQUEST_BYTES || Request::parse(datagram).is_none() {
            self.ignored.malformed.fetch_add(1, Ordering::Relaxed);
            return log::debug!("tftp: {client} sent something that is no request");
        }
        let conversation =
            Conversation { services: Arc::clone(&self.services), server, client, datagram: datagram.into() };
        match self.admission.admit(client, datagram, Instant::now()) {
            Admitted::Yes(place) => drop(self.tasks.spawn(conversation.serve(place))),
            Admitted::Twice => {}
            Admitted::No(why) => drop(self.tasks.spawn(async { conversation.turn_away(why) })),
        }
    }

    /// Tells the operator of a client that asked who can boot it, and is in no network that is served.  Others are for
    /// those who debug: anybody can invent addresses.
    fn tell_stranger(&self, datagram: &[u8], ip: Ipv4Addr) {
        let (why, observer) = (Networks::why_not(ip), &self.services.observer);
        match Request::parse(datagram) {
            Some(request) if observer.mac_of(ip).is_some() => {
                let (file, why) = (printable(request.file()).into(), why.into());
                observer.tell(Step::Denied { ip, via: Via::Tftp, file, why });
            }
            _ => log::debug!("tftp: {why}"),
        }
    }
}
