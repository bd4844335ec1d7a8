//! The daemon: one task that owns the guard, the two servers that ask it, and the boot services beside it.
//!
//! It wakes up for what happens (a port, a reply that is told, a question, a signal) and for a slow timer.

mod alerts;
mod answers;
mod bindings;
mod boot;
mod floods;
mod guard;
mod kept;
mod rows;
mod targets;
mod tell;

use std::future;
use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use anyhow::Context;
use aya_log::EbpfLogger;
use sd_notify::NotifyState;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::alerts::Hooks;
use crate::config::Config;
use crate::control::{self, ControlSocket, Response};
use crate::dataplane::ResponderMaps;
use crate::doctor;
use crate::ports::Watch;
use crate::web::{self, Questions, Token, WebListener};
use boot::{Boot, Bound, Threads};
use guard::Guard;

pub(crate) use targets::vlan_use;

/// How often everything is compared with how it should be, though nothing was told.
const RECONCILE_EVERY: Duration = Duration::from_secs(10);
/// How long the servers may take to end.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Guards what the configuration says, until a signal ends it; the programs stay at their ports.
pub fn run(config: Config) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start tokio")?;
    let boot_threads = config.boot.is_some().then(Threads::start).transpose()?;
    let ended = runtime.block_on(serve(config, boot_threads.as_ref()));
    if let Some(threads) = boot_threads {
        threads.stop(STOP_WITHIN);
    }
    ended
}

async fn serve(config: Config, boot_threads: Option<&Threads>) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;

    let mut watch = Watch::open()?;
    let control_socket = ControlSocket::bind(&config.control)?;
    let listener = WebListener::bind(config.listen)?;
    let token = Token::make(&config.control)?;
    let listen = listener.address().unwrap_or(config.listen);
    let mut guard = Guard::open(config, &watch).await?;
    let boot = boot_threads.map(|threads| take_boot_ports(&guard, threads)).transpose()?;
    let mut events = watch_ring(guard.take_events().context("the ring of events is taken already")?)?;
    let mut kernel_log = guard.kernel_log().map(watch_ring).transpose()?;
    guard.start(&watch).await?;
    let responder = take_responder(&mut guard)?;
    let mut boot = boot_threads.zip(boot).map(|(threads, bound)| serve_boot(bound, &guard, responder, threads));

    let mut guests = guard.guests.changes();
    let stop = CancellationToken::new();
    let (control_handler, mut requests) = mpsc::channel(16);
    let web_control = control_handler.clone();
    let (metrics_handler, mut scrapes) = mpsc::channel(16);
    let mut servers = JoinSet::new();
    let stopping = stop.clone();
    servers.spawn(async move {
        control::serve(control_socket, control_handler, stopping).await;
        Ok(())
    });
    let (hook_program, hook_programs) = watch::channel(guard.config.alerts.hook.clone());
    let (hooks, run_hooks) = Hooks::new(hook_programs, stop.clone());
    guard.hooks = Some(hooks);
    let stopping = stop.clone();
    servers.spawn(async move {
        run_hooks.await;
        stopping.cancelled().await;
        Ok(())
    });
    let questions = Questions::new(web_control, metrics_handler);
    let (web_settings, stopping) = (guard.config.web.clone(), stop.clone());
    servers.spawn(async move { web::serve(listener, questions, &web_settings, &token, stopping).await });
    log::info!("{}; page and metrics at http://{listen}/", guard.summary());
    notify(&[NotifyState::Ready, NotifyState::Status(&guard.summary())]);
    give_back_memory();
    let doctor = doctor::tell_failures(guard.config.clone());

    let mut timer = interval(RECONCILE_EVERY);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut look_at_alerts = interval(alerts::LOOK_EVERY);
    look_at_alerts.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let ended = loop {
        tokio::select! {
            _ = terminate.recv() => break Ok(()),
            _ = interrupt.recv() => break Ok(()),
            _ = hangup.recv() => {
                notify(&[NotifyState::Reloading, NotifyState::monotonic_usec_now()?]);
                guard.reload(&watch).await;
                hook_program.send_replace(guard.config.alerts.hook.clone());
                if let (Some(boot), Some(settings)) = (&boot, &guard.config.boot) {
                    boot.set_settings(settings);
                }
                notify(&[NotifyState::Ready, NotifyState::Status(&guard.summary())]);
            }
            changed = watch.changed() => {
                if let Err(error) = changed {
                    break Err(error.into());
                }
                guard.reconcile(&watch).await;
            }
            Ok(()) = guests.changed() => guard.reconcile(&watch).await,
            ready = events.readable_mut() => {
                let mut ready = ready.context("cannot wait for the kernel's events")?;
                let somebody_was_bound = guard.tell(ready.get_inner_mut());
                ready.clear_ready();
                if somebody_was_bound {
                    guard.reconcile(&watch).await;
                }
            }
            ready = readable(&mut kernel_log) => {
                let mut ready = ready.context("cannot wait for the kernel programs' log")?;
                ready.get_inner_mut().flush();
                ready.clear_ready();
            }
            () = tokio::time::sleep_until(guard.floods.next_look()), if guard.floods.are_any() => guard.look_at_floods(),
            _ = look_at_alerts.tick(), if guard.is_watchful() => guard.look_at_alerts(),
            Some((request, answer)) = requests.recv() => {
                // Whoever asked has gone, or was told that nothing was done.
                if answer.is_closed() {
                    continue;
                }
                let about_boot = boot.as_ref().and_then(|boot| boot.answer(&request));
                let response = match about_boot {
                    Some(response) => response,
                    None => guard.answer(request, &watch).await,
                };
                let response = with_boot_answers(response, &boot);
                keep(&boot, &mut guard);
                // Whoever asked may have gone.
                let _ = answer.send(response);
            }
            happened = boot_event(&mut boot) => match happened {
                Ok(()) => keep(&boot, &mut guard),
                Err(error) => break Err(error),
            },
            Some(answer) = scrapes.recv() => match guard.metrics(boot.as_ref().map(Boot::counts)) {
                Ok(snapshot) => drop(answer.send(snapshot)),
                Err(error) => log::error!("cannot answer a scrape: {:#}", anyhow::Error::from(error)),
            },
            _ = timer.tick() => {
                guard.reconcile(&watch).await;
                guard.look_at_alerts();
                guard.tidy();
                guard.keep_boots();
                keep(&boot, &mut guard);
            }
            Some(ended) = servers.join_next() => break match ended {
                Ok(Ok(())) => Err(anyhow::anyhow!("a server of the daemon ended by itself")),
                Ok(Err(error)) => Err(error).context("a server of the daemon failed"),
                Err(panicked) => Err(panicked).context("a server of the daemon panicked"),
            },
        }
    };
    notify(&[NotifyState::Stopping]);
    stop.cancel();
    keep(&boot, &mut guard);
    guard.write_boots();
    let all = async {
        servers.join_all().await;
        if let Some(boot) = boot {
            boot.stop().await;
        }
        // It says nothing: its end is what is waited for.
        let _ = doctor.await;
    };
    if tokio::time::timeout(STOP_WITHIN, all).await.is_err() {
        log::warn!("the servers did not end within {STOP_WITHIN:?}");
    }
    log::info!("stopped; still guarded: {} (pxeguard detach ends that)", guard.ports_in_words());
    ended
}

/// What only the start needed is free, but between what is still in use: of 21 MiB three go back to the system
/// (`cargo xtask bench daemon`).
fn give_back_memory() {
    // Others than glibc do so themselves, or cannot.
    // SAFETY: it changes nothing that is in use.
    #[cfg(target_env = "gnu")]
    unsafe {
        nix::libc::malloc_trim(0);
    }
}

/// Takes the ports of the boot services, before anything is changed: where somebody else has one, nothing begins.
fn take_boot_ports(guard: &Guard, threads: &Threads) -> anyhow::Result<Bound> {
    let settings = guard.config.boot.as_ref().context("booting is configured where it has threads")?;
    Bound::take(settings, &guard.networks.borrow(), threads)
}

/// The maps of the kernel's responder, if it is to answer; else it is switched off, should an earlier daemon have left it on.
fn take_responder(guard: &mut Guard) -> anyhow::Result<Option<ResponderMaps>> {
    let is_wanted = guard.config.boot.as_ref().is_some_and(|boot| boot.fast_path);
    let mut responder = guard.plane.responder.take();
    if let Some(responder) = responder.as_mut().filter(|_| !is_wanted) {
        responder.switch_off()?;
    }
    Ok(responder.filter(|_| is_wanted))
}

fn serve_boot(bound: Bound, guard: &Guard, responder: Option<ResponderMaps>, threads: &Threads) -> Boot {
    bound.serve(guard, responder, threads)
}

/// Completes a status by what only the boot services know.
fn with_boot_answers(mut response: Response, boot: &Option<Boot>) -> Response {
    let status = match &mut response {
        Response::Status(status) => status,
        Response::Overview(overview) => &mut overview.status,
        _ => return response,
    };
    status.boot_answers = boot.as_ref().map(Boot::answers);
    response
}

/// Keeps what is learnt and chosen about booting, if any of it is new.
fn keep(boot: &Option<Boot>, guard: &mut Guard) {
    if boot.as_ref().is_some_and(|boot| boot.keep(&mut guard.state)) {
        guard.save();
    }
}

/// Waits for something to keep at once, or for the end of a boot service; for ever where nothing is booted.
async fn boot_event(boot: &mut Option<Boot>) -> anyhow::Result<()> {
    match boot {
        Some(boot) => boot.event().await,
        None => future::pending().await,
    }
}

/// Waits for entries in a ring of the kernel programs.
fn watch_ring<T: AsRawFd>(ring: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: a ring's descriptor is that of its own map, is closed when the ring is dropped, and never another one.
    Ok(unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) }?)
}

type KernelLog = AsyncFd<EbpfLogger<&'static dyn log::Log>>;

/// Waits for the kernel programs' log; for ever where they have none.
async fn readable(
    log: &mut Option<KernelLog>,
) -> io::Result<tokio::io::unix::AsyncFdReadyMutGuard<'_, EbpfLogger<&'static dyn log::Log>>> {
    match log {
        Some(log) => log.readable_mut().await,
        None => future::pending().await,
    }
}

/// Tells systemd, where it started us.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        log::warn!("cannot notify systemd: {error}");
    }
}
