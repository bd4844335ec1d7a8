//! The service: a packet socket for each guarded interface that has an address.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use pxeguard_common::net::Ifindex;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::boot_server_port::BootServerPort;
use super::counts::Counts;
use super::fast_path::Doubts;
use super::learning::Learning;
use super::record::Film;
use super::responder::{Knowledge, Responder};
use super::socket::{Batch, PacketSocket, Received};
use crate::boot::{Offers, Settings};
use crate::capture::Recorder;
use crate::clients::{Observer, Step};
use crate::networks::Networks;

/// Why PXE clients cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The system refused.
    #[error("{iface}: cannot open a packet socket for PXE requests")]
    Open {
        /// The interface.
        iface: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// proxyDHCP, its sockets open.
#[derive(Debug)]
pub struct Proxy {
    sockets: BTreeMap<Ifindex, PacketSocket>,
    boot_server_port: BootServerPort,
    counts: Arc<Counts>,
}

/// What the service needs of others.
#[derive(Clone)]
pub struct Parts {
    /// Where clients are; changes are followed.
    pub networks: watch::Receiver<Arc<Networks>>,
    /// What there is to boot.
    pub offers: Arc<dyn Offers>,
    /// Who is told what happens.
    pub observer: Arc<dyn Observer>,
    /// What the operator says; changes are followed.
    pub settings: watch::Receiver<Arc<Settings>>,
    /// What is known of each client.  It is locked for the time of a batch, and not while the observer is told.
    pub learning: Arc<Mutex<Learning>>,
    /// Who has to know of clients that are told something now.
    pub doubts: Option<Doubts>,
    /// Who keeps the frames.
    pub recorder: Arc<Recorder>,
}

impl Parts {
    /// Says who was offered something.
    fn doubt(&self, steps: &[Step]) {
        let Some(doubts) = &self.doubts else { return };
        for step in steps {
            if let Step::Answered { mac, message: "offer", .. } = step {
                // Nobody asks any more where the process is about to stop.
                let _ = doubts.send(*mac);
            }
        }
    }
}

impl Proxy {
    /// Opens a socket on each interface.
    pub fn open(networks: &Networks) -> Result<Self, ProxyError> {
        let mut proxy =
            Self { sockets: BTreeMap::new(), boot_server_port: BootServerPort::default(), counts: Arc::default() };
        for (iface, name) in ifaces(networks) {
            let socket = PacketSocket::open(iface);
            proxy.sockets.insert(iface, socket.map_err(|source| ProxyError::Open { iface: name.to_owned(), source })?);
        }
        proxy.boot_server_port.follow(networks);
        Ok(proxy)
    }

    /// What it will have counted.
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// Answers until it is stopped.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O.
    pub async fn serve(self, mut parts: Parts, stop: CancellationToken) {
        let Self { mut sockets, mut boot_server_port, counts } = self;
        let mut interfaces = Interfaces::default();
        loop {
            let networks = Arc::clone(&parts.networks.borrow_and_update());
            boot_server_port.follow(&networks);
            interfaces.leave_all_but(&networks);
            for (iface, name) in ifaces(&networks) {
                if interfaces.running.contains_key(&iface) {
                    continue;
                }
                match sockets.remove(&iface).map_or_else(|| PacketSocket::open(iface), Ok) {
                    Ok(socket) => interfaces.start(iface, name, socket, &parts, &counts, &stop),
                    Err(why) => log::warn!("{name}: cannot open a packet socket for PXE requests: {why}"),
                }
            }
            tokio::select! {
                () = stop.cancelled() => break,
                changed = parts.networks.changed() => if changed.is_err() {
                    // Nobody can change them any more: those that there are go on.
                    stop.cancelled().await;
                    break;
                },
            }
        }
        interfaces.tasks.join_all().await;
    }
}

/// Each interface once, and its name.
fn ifaces(networks: &Networks) -> BTreeMap<Ifindex, &str> {
    networks.own.iter().map(|network| (network.iface, network.name.as_str())).collect()
}

/// Interfaces on which clients are answered.
#[derive(Default)]
struct Interfaces {
    running: BTreeMap<Ifindex, CancellationToken>,
    tasks: JoinSet<()>,
}

impl Interfaces {
    fn start(
        &mut self,
        iface: Ifindex,
        name: &str,
        socket: PacketSocket,
        parts: &Parts,
        counts: &Arc<Counts>,
        stop: &CancellationToken,
    ) {
        let stop = stop.child_token();
        self.running.insert(iface, stop.clone());
        let responder = Responder::new(iface, Arc::clone(counts));
        let (name, parts, counts) = (name.to_owned(), parts.clone(), Arc::clone(counts));
        self.tasks.spawn(async move {
            if let Err(why) = answer_all(socket, &name, responder, parts, counts, stop).await {
                log::warn!("{name}: PXE clients are not answered any more: {why}");
            }
        });
    }

    fn leave_all_but(&mut self, networks: &Networks) {
        let ifaces = ifaces(networks);
        for (_, stop) in self.running.extract_if(.., |iface, _| !ifaces.contains_key(iface)) {
            stop.cancel();
        }
        // Those that have ended.
        while self.tasks.try_join_next().is_some() {}
    }
}

/// Answers what comes by one interface.
async fn answer_all(
    socket: PacketSocket,
    iface: &str,
    mut responder: Responder,
    parts: Parts,
    counts: Arc<Counts>,
    stop: CancellationToken,
) -> io::Result<()> {
    // SAFETY: the socket owns its descriptor, and keeps it for as long as it lives.
    let mut socket = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE)? };
    let (mut batch, mut steps, mut film) = (Batch::default(), Vec::new(), Film::default());
    loop {
        let mut ready = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            ready = socket.readable_mut() => ready?,
        };
        let answered = ready.try_io(|socket| {
            let (networks, settings) = (parts.networks.borrow(), parts.settings.borrow());
            let mut learning = parts.learning.lock().unwrap_or_else(PoisonError::into_inner);
            let mut knows = Knowledge {
                networks: &networks,
                settings: &settings,
                offers: &*parts.offers,
                learning: &mut learning,
                now: Instant::now(),
                steps: &mut steps,
            };
            let answer = |received: Received<'_>, out: &mut [u8]| {
                let before = knows.steps.len();
                let len = responder.respond(received.frame, received.tag, &mut knows, out);
                film.take_question(iface, &received, &knows.steps[before..], knows.now);
                if let Some(len) = len {
                    film.take_answer(iface, &out[..len], knows.now);
                }
                len
            };
            batch.answer(socket.get_mut(), answer)
        });
        if let Ok(answered) = answered {
            answered?;
            counts.count_unsent(batch.send(socket.get_ref()));
            film.hand_over(&parts.recorder);
            parts.doubt(&steps);
            parts.observer.tell_all(&mut steps);
        }
    }
}
