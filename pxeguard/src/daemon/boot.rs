//! The boot services, on threads of their own: however many machines boot, the guard is not kept waiting.

use std::num::NonZero;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use pxeguard_common::net::Mac;
use pxeguard_common::responder::Answers;
use tokio::runtime::{self, Runtime};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::guard::Guard;
use crate::boot::catalogue::Packages;
use crate::boot::{Root, Settings, Shelf, Term};
use crate::capture::Recorder;
use crate::clients::{BootCounts, Clients, Fetched, KernelAnswers};
use crate::control::{Request, Response};
use crate::dataplane::{AnswerCounters, ResponderMaps};
use crate::http::HttpServer;
use crate::networks::Networks;
use crate::proxy::{self, Doubts, FastPath, Learning, Parts, Proxy};
use crate::report::BootAnswers;
use crate::state::State;
use crate::tftp::{Limits, TftpServer};
use crate::trust::MacAddress;

/// The threads of the boot services.
pub(super) struct Threads {
    /// TFTP and proxyDHCP: half as many as there are CPUs.  The kernel carries each datagram to the guest's port within
    /// the call that sends it; on the CPUs of those who receive, more threads only take turns with them.
    datagrams: Runtime,
    /// HTTP: as many as there are CPUs, because large files are copied by whoever sends them.
    streams: Runtime,
}

impl Threads {
    pub(super) fn start() -> anyhow::Result<Self> {
        let cpus = thread::available_parallelism().map_or(1, NonZero::get);
        Ok(Self { datagrams: runtime("boot-datagrams", cpus.div_ceil(2))?, streams: runtime("boot-http", cpus)? })
    }

    /// Ends them: what still reads from a disk that does not answer is left behind.
    pub(super) fn stop(self, within: Duration) {
        self.streams.shutdown_timeout(within);
        self.datagrams.shutdown_timeout(within);
    }
}

fn runtime(name: &str, threads: usize) -> anyhow::Result<Runtime> {
    let mut runtime = runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(threads).thread_name(name).enable_all().build();
    runtime.context("cannot start the threads of the boot services")
}

/// The boot services with their ports; they do not serve yet.
pub(super) struct Bound {
    root: Root,
    tftp: TftpServer,
    http: HttpServer,
    proxy: Proxy,
}

impl Bound {
    /// Takes the ports at the addresses of the guarded interfaces.
    pub(super) fn take(settings: &Settings, networks: &Networks, threads: &Threads) -> anyhow::Result<Self> {
        let http = {
            let _inside = threads.streams.enter();
            HttpServer::bind(networks, settings.http_port)?
        };
        let _inside = threads.datagrams.enter();
        let root = Root::new(&settings.root);
        if let Err(error) = root.check() {
            log::warn!("{:#}; until then nothing is booted", anyhow::Error::from(error));
        }
        Ok(Self { root, tftp: TftpServer::bind(networks)?, http, proxy: Proxy::open(networks)? })
    }

    /// Serves from now on.
    pub(super) fn serve(self, guard: &Guard, responder: Option<ResponderMaps>, threads: &Threads) -> Boot {
        let settings = guard.config.boot.clone().unwrap_or_default();
        let (networks, state) = (guard.networks.subscribe(), &guard.state);
        let Self { root, tftp, http, proxy } = self;
        let mut boot = Boot {
            shelf: Arc::new(Shelf::new(root, settings.clone(), Packages::below(Path::new("/")), state.choices.clone())),
            clients: guard.clients.clone(),
            learning: Arc::new(Mutex::new(Learning::new(&state.learnt))),
            settings: watch::Sender::new(Arc::new(settings)),
            chosen: Arc::default(),
            doubts: None,
            kernel_answers: None,
            proxy_counts: proxy.counts(),
            recorder: guard.recorder.clone(),
            tasks: JoinSet::new(),
            stop: CancellationToken::new(),
        };
        let fast_path = responder.and_then(|maps| boot.fast_path(maps, networks.clone()));
        boot.learn_from_transfers();
        boot.spawn_all(tftp, http, proxy, fast_path, networks, threads)
    }
}

/// The boot services.
pub(super) struct Boot {
    shelf: Arc<Shelf>,
    clients: Arc<Clients>,
    learning: Arc<Mutex<Learning>>,
    settings: watch::Sender<Arc<Settings>>,
    /// Told when a choice for the next boot has done its duty.
    chosen: Arc<Notify>,
    /// Of whom the fast path has to think anew, where there is one.
    doubts: Option<Doubts>,
    /// What the kernel has answered by itself.
    kernel_answers: Option<AnswerCounters>,
    /// What this process has answered.
    proxy_counts: Arc<proxy::Counts>,
    /// Who keeps the frames that come and go.
    recorder: Arc<Recorder>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Boot {
    fn fast_path(&mut self, mut maps: ResponderMaps, networks: watch::Receiver<Arc<Networks>>) -> Option<FastPath> {
        let (doubts, doubted) = mpsc::unbounded_channel();
        self.doubts = Some(doubts);
        self.kernel_answers = maps.take_counters();
        FastPath::new(maps, self.parts(networks), self.shelf.clone(), doubted)
    }

    /// What proxyDHCP needs of the others.
    fn parts(&self, networks: watch::Receiver<Arc<Networks>>) -> Parts {
        Parts {
            networks,
            offers: self.shelf.clone(),
            observer: self.clients.clone(),
            settings: self.settings.subscribe(),
            learning: self.learning.clone(),
            doubts: self.doubts.clone(),
            recorder: self.recorder.clone(),
        }
    }

    /// What was fetched tells which way to answer works, and that the next boot has begun.
    fn learn_from_transfers(&self) {
        let (learning, shelf, chosen) = (self.learning.clone(), self.shelf.clone(), self.chosen.clone());
        let doubts = self.doubts.clone();
        self.clients.on_fetched(move |Fetched { mac, file, is_whole }: &Fetched| {
            if !is_whole {
                return;
            }
            let now = Instant::now();
            let told = learning.lock().unwrap_or_else(PoisonError::into_inner).fetched(*mac, file, now);
            if let Some(told) = told {
                log::warn!("{told}");
            }
            // Nobody asks any more where the process is about to stop.
            doubts.as_ref().map(|doubts| doubts.send(*mac).ok());
            if shelf.note_fetched(*mac, file, now) {
                chosen.notify_one();
            }
        });
    }

    fn spawn_all(
        mut self,
        tftp: TftpServer,
        http: HttpServer,
        proxy: Proxy,
        fast_path: Option<FastPath>,
        networks: watch::Receiver<Arc<Networks>>,
        threads: &Threads,
    ) -> Self {
        let parts = self.parts(networks.clone());
        let (datagrams, streams) = (threads.datagrams.handle(), threads.streams.handle());
        let (shelf, clients, stop) = (&self.shelf, &self.clients, &self.stop);
        let tasks = &mut self.tasks;
        let (per_client, in_all) = self.settings.borrow().transfers;
        let limits = Limits { per_client, in_all };
        let (watching, attending) = (shelf.clone().follow(stop.clone()), clients.clone());
        let until = stop.clone();
        tasks.spawn_on(watching, datagrams);
        tasks.spawn_on(tell_without_address(networks.clone(), stop.clone()), datagrams);
        tasks.spawn_on(async move { attending.attend(until).await }, datagrams);
        tasks.spawn_on(tftp.serve(networks.clone(), shelf.clone(), clients.clone(), limits, stop.clone()), datagrams);
        tasks.spawn_on(http.serve(networks.clone(), shelf.clone(), clients.clone(), stop.clone()), streams);
        tasks.spawn_on(proxy.serve(parts, stop.clone()), datagrams);
        if let Some(fast_path) = fast_path {
            tasks.spawn_on(fast_path.serve(stop.clone()), datagrams);
        }
        self
    }

    /// Takes other settings; what needs a restart stays as it is.
    ///
    /// The shelf's change within the others': who borrows the settings finds them as old or as new as the shelf's.
    pub(super) fn set_settings(&self, settings: &Settings) {
        self.settings.send_if_modified(|old| {
            let changed = **old != *settings;
            if changed {
                *old = Arc::new(settings.clone());
                self.shelf.set_settings(settings.clone());
            }
            changed
        });
    }

    /// Puts what has to outlive the daemon into the state; says whether anything of it is new.
    pub(super) fn keep(&self, state: &mut State) -> bool {
        let choices = self.shelf.choices();
        let learnt = self.learning.lock().unwrap_or_else(PoisonError::into_inner).learnt();
        let is_new = state.choices != choices || state.learnt != learnt;
        (state.choices, state.learnt) = (choices, learnt);
        is_new
    }

    /// Answers what is asked about booting.
    pub(super) fn answer(&self, request: &Request) -> Option<Response> {
        Some(match request {
            Request::Clients => Response::Clients(self.clients.report()),
            Request::BootList => Response::Boot(self.shelf.list()),
            Request::BootSet { mac, entry, once } => self.choose(mac.0, entry, *once),
            Request::BootUnset(mac) => match self.shelf.unchoose(mac.0) {
                true => Response::Done(format!("{mac} boots what everybody does")),
                false => Response::Error(format!("nothing was set for {mac} by pxeguard boot set")),
            },
            _ => return None,
        })
    }

    fn choose(&self, mac: Mac, entry: &str, once: bool) -> Response {
        let term = if once { Term::Next } else { Term::Always };
        let when = if once { "at its next boot" } else { "from now on" };
        match self.shelf.choose(mac, entry, term) {
            Ok(()) => Response::Done(format!("{} boots {entry} {when}", MacAddress(mac))),
            Err(error) => Response::Error(error.to_string()),
        }
    }

    /// What was counted until now.
    pub(super) fn counts(&self) -> BootCounts {
        BootCounts { kernel: self.kernel_answers(), ..self.clients.counts() }
    }

    /// What the kernel and this process have answered, for the status.
    pub(super) fn answers(&self) -> BootAnswers {
        BootAnswers { daemon: self.proxy_counts.answered(), kernel: self.kernel_answers() }
    }

    fn kernel_answers(&self) -> Option<KernelAnswers> {
        let answers = self.kernel_answers.as_ref()?.read();
        let answers = answers.inspect_err(|error| log::error!("{:#}", anyhow::Error::msg(error.to_string()))).ok()?;
        let Answers { offers, boot_server, failed, untold, .. } = answers;
        Some(KernelAnswers { offers, boot_server, failed, untold })
    }

    /// Returns when there is something to keep at once, or with the reason why a service ended though nobody told it to.
    pub(super) async fn event(&mut self) -> anyhow::Result<()> {
        tokio::select! {
            () = self.chosen.notified() => Ok(()),
            Some(ended) = self.tasks.join_next() => match ended {
                Ok(()) => bail!("a boot service ended by itself"),
                Err(panicked) => Err(panicked).context("a boot service panicked"),
            },
        }
    }

    /// Ends the services; a transfer that is under way breaks off.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.tasks.join_all().await;
    }
}

/// Tells by which interfaces nobody can be booted for want of an address of this host, once as long as it lasts.
async fn tell_without_address(mut networks: watch::Receiver<Arc<Networks>>, stop: CancellationToken) {
    let mut told = Vec::new();
    loop {
        let now = networks.borrow_and_update().without_address.clone();
        for name in now.iter().filter(|name| !told.contains(*name)) {
            log::warn!("{name} has no IPv4 address: no PXE client can be booted by it until it has one");
        }
        for name in told.iter().filter(|name| !now.contains(*name)) {
            log::info!("{name} has an IPv4 address: PXE clients can be booted by it");
        }
        told = now;
        let changed = stop.run_until_cancelled(networks.changed()).await;
        if !matches!(changed, Some(Ok(()))) {
            // Nobody can change them any more: the process is about to stop.
            return stop.cancelled().await;
        }
    }
}
