//! Many TFTP transfers at once, by few threads.
//!
//! Each client has an address of its own: a server limits what one address may have.  quinn-udp reads many datagrams by
//! one call, also those that the sender's kernel kept together (UDP GRO).

mod transfer;

use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use quinn_udp::{RecvMeta, UdpSockRef, UdpSocketState};

use crate::Host;
use crate::load::Fetched;
use transfer::{Step, Transfer};

/// Where a server listens (RFC 1350 §4).
const PORT: u16 = 69;
/// How long a client waits before it says again what it said last.
const TIMEOUT: Duration = Duration::from_secs(1);
/// How often it does so for nothing: a server that answers one request after a block for everybody else needs a while for
/// a thousand.
const TRIES: u32 = 30;
/// How often is looked for clients that have waited too long.
const GLANCE: Duration = Duration::from_millis(100);
/// How soon a transfer begins that is given to a thread later than others.
const ARRIVAL: Duration = Duration::from_millis(2);
/// Datagrams, or trains of them, that are read by one call.
const BATCH: usize = 16;
/// The longest train.
const TRAIN_BYTES: usize = 1 << 16;
/// Room for a window while the client does something else.
const RECEIVE_BUFFER_BYTES: usize = 1 << 20;

/// What all clients of one load ask for.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The server's address.
    pub server: Ipv4Addr,
    /// The name.
    pub file: &'a str,
    /// Option blksize (RFC 2348), in bytes.
    pub blksize: u16,
    /// Option windowsize (RFC 7440), in blocks; not asked for if 1.
    pub windowsize: u16,
    /// What the file has to hold, where that is looked at.
    pub expected: Option<&'a [u8]>,
}

/// One transfer for each of these addresses of a host, all at once; an error if any of them fails.
///
/// # Errors
/// What the server said or failed to say to the first client that gave up.
pub fn fetch(host: &Host, clients: &[Ipv4Addr], request: &Request<'_>, threads: usize) -> Result<Fetched> {
    let open =
        || clients.iter().map(|address| Client::open(*address, request, request.expected)).collect::<Result<Vec<_>>>();
    let mut clients = host.enter(open)??;
    let began = Instant::now();
    let share = clients.len().div_ceil(threads.max(1)).max(1);
    let ended: Result<Vec<Ended>> = thread::scope(|scope| {
        let mut workers = Vec::new();
        while !clients.is_empty() {
            let (sender, incoming) = mpsc::channel();
            clients
                .drain(..share.min(clients.len()))
                .for_each(|client| sender.send(client).expect("it is received below"));
            workers.push(scope.spawn(move || run(&incoming)));
        }
        workers.into_iter().map(|worker| worker.join().expect("a worker does not panic")).collect()
    });
    let elapsed = began.elapsed();
    let mut bytes = 0;
    for ended in ended? {
        ended.failed.into_iter().next().map_or(Ok(()), Err)?;
        bytes += ended.bytes;
    }
    Ok(Fetched { bytes, elapsed })
}

/// Addresses of a host for as many clients, from `first` on; they are all in the last two bytes of it.
///
/// # Errors
/// If the host refuses the route by which it takes them for its own.
pub fn addresses(host: &Host, first: Ipv4Addr, count: u16) -> Result<Vec<Ipv4Addr>> {
    // A local route makes the kernel accept, and answer ARP for, each address of a network.
    let last = u32::from(first) + u32::from(count) - 1;
    let prefix = (u32::from(first) ^ last).leading_zeros();
    let network = Ipv4Addr::from(u32::from(first) & u32::MAX.checked_shl(32 - prefix).unwrap_or(0));
    host.ip(&format!("route replace local {network}/{prefix} dev lo\n"))?;
    Ok((u32::from(first)..=last).map(Ipv4Addr::from).collect())
}

/// One transfer and its socket.
pub(super) struct Client<'a> {
    socket: UdpSocket,
    receiver: UdpSocketState,
    server: SocketAddrV4,
    transfer: Transfer<'a>,
    is_connected: bool,
    /// What was said last.
    last: Vec<u8>,
    said_at: Instant,
    tries: u32,
}

impl<'a> Client<'a> {
    /// Binds the address, which is one of the host in whose namespace this is called.
    pub(super) fn open(address: Ipv4Addr, request: &Request<'_>, expected: Option<&'a [u8]>) -> Result<Self> {
        let socket = UdpSocket::bind((address, 0)).with_context(|| format!("cannot bind {address}"))?;
        let receiver = UdpSocketState::new(UdpSockRef::from(&socket)).context("cannot prepare a socket")?;
        receiver.set_recv_buffer_size(UdpSockRef::from(&socket), RECEIVE_BUFFER_BYTES)?;
        let transfer = Transfer::new(request.windowsize, expected);
        Ok(Self {
            socket,
            receiver,
            server: SocketAddrV4::new(request.server, PORT),
            transfer,
            is_connected: false,
            last: transfer::read_request(request.file, request.blksize, request.windowsize),
            said_at: Instant::now(),
            tries: 0,
        })
    }

    /// Says the last thing, for the first time or again.
    fn say(&mut self, now: Instant) -> Result<()> {
        self.said_at = now;
        let sent = match self.is_connected {
            true => self.socket.send(&self.last),
            false => self.socket.send_to(&self.last, self.server),
        };
        sent.map(drop).context("cannot send")
    }

    /// Reads what has come; whether the file is whole.
    fn receive(&mut self, buffers: &mut Buffers) -> Result<bool> {
        let mut meta = [RecvMeta::default(); BATCH];
        let mut slices = buffers.slices();
        let count = match self.receiver.recv(UdpSockRef::from(&self.socket), &mut slices, &mut meta) {
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            count => count.context("cannot receive")?,
        };
        for (meta, slice) in meta.iter().zip(&slices).take(count) {
            if !self.is_connected {
                // The server's port of this transfer (RFC 1350 §4).
                let SocketAddr::V4(_) = meta.addr else { bail!("{} is no IPv4 address", meta.addr) };
                self.socket.connect(meta.addr).context("cannot connect")?;
                self.is_connected = true;
            }
            for datagram in slice[..meta.len].chunks(meta.stride.max(1)) {
                match self.transfer.take(datagram)? {
                    Step::Wait => {}
                    Step::Acknowledge(block) => self.acknowledge(block)?,
                    Step::Finish(block) => {
                        self.acknowledge(block)?;
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    fn acknowledge(&mut self, block: u16) -> Result<()> {
        self.last = transfer::acknowledgement(block).to_vec();
        self.tries = 0;
        self.say(Instant::now())
    }

    /// Says the last thing again if nothing has come of it for too long.
    fn repeat(&mut self, now: Instant) -> Result<()> {
        if now - self.said_at < TIMEOUT {
            return Ok(());
        }
        if self.tries == TRIES {
            bail!("the server says nothing after {} bytes", self.transfer.received());
        }
        self.tries += 1;
        self.say(now)
    }
}

/// What came of the transfers of a thread.
#[derive(Default)]
pub(super) struct Ended {
    /// Bytes of the files that are whole.
    pub(super) bytes: u64,
    /// How many are.
    pub(super) whole: usize,
    /// Why the others are not.
    pub(super) failed: Vec<anyhow::Error>,
}

/// All transfers that a thread is given, until the last has ended and no other can come.
pub(super) fn run(incoming: &Receiver<Client<'_>>) -> Result<Ended> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let mut buffers = Buffers::new();
    let mut events = [EpollEvent::empty(); 64];
    let mut clients: Vec<Option<Client>> = Vec::new();
    let mut ended = Ended::default();
    let mut looked_at = Instant::now();
    let mut may_come = true;
    while may_come || ended.whole + ended.failed.len() < clients.len() {
        while may_come {
            match incoming.try_recv() {
                Ok(mut client) => {
                    epoll.add(&client.socket, EpollEvent::new(EpollFlags::EPOLLIN, clients.len() as u64))?;
                    client.say(Instant::now())?;
                    clients.push(Some(client));
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => may_come = false,
            }
        }
        let ready = epoll.wait(&mut events, EpollTimeout::try_from(if may_come { ARRIVAL } else { GLANCE })?)?;
        for event in &events[..ready] {
            let client = &mut clients[event.data() as usize];
            client.take_if(|client| ended.has(client.receive(&mut buffers), &client.transfer));
        }
        if looked_at.elapsed() >= GLANCE {
            looked_at = Instant::now();
            for client in &mut clients {
                client.take_if(|client| ended.has(client.repeat(looked_at).map(|()| false), &client.transfer));
            }
        }
    }
    Ok(ended)
}

impl Ended {
    /// Notes how a transfer ended, if it has.
    fn has(&mut self, is_whole: Result<bool>, transfer: &Transfer<'_>) -> bool {
        match is_whole {
            Ok(false) => return false,
            Ok(true) => {
                self.bytes += transfer.received();
                self.whole += 1;
            }
            Err(why) => self.failed.push(why),
        }
        true
    }
}

/// Where a thread reads to.
struct Buffers(Vec<u8>);

impl Buffers {
    fn new() -> Self {
        Self(vec![0; BATCH * TRAIN_BYTES])
    }

    fn slices(&mut self) -> [IoSliceMut<'_>; BATCH] {
        let mut trains = self.0.chunks_mut(TRAIN_BYTES);
        std::array::from_fn(|_| IoSliceMut::new(trains.next().expect("there is room for all of them")))
    }
}
