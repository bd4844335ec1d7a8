//! What happens, as server-sent events (HTML Standard §9.2): first all that is to be seen, then what changes of it.
//!
//! Twice a second it is looked what has changed, once for all who watch, and not at all where nobody does.  A viewer who
//! is late is given the whole again, not all that he missed.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};
use serde::Serialize;
use tokio::sync::{Notify, broadcast};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::questions::Questions;
use super::rows::Shown;
use crate::places::{Place, Places};

/// How often it is looked.
pub(super) const TICK: Duration = Duration::from_millis(500);
/// Viewers at once of one address.
pub(super) const PER_CLIENT: usize = 24;
/// Viewers at once in all: fewer than there are connections, so that scrapes and questions have theirs.
pub(super) const IN_ALL: usize = 32;
/// Ticks that a viewer can be late.
const LATE: usize = 4;
/// What a browser waits before it asks again after the end of a stream, in milliseconds.
const HELLO: &str = "retry: 1000\n\n";

/// One look at everything.
struct Tick {
    shown: Shown,
    change: Bytes,
    /// Written for the first who needs it.
    whole: OnceLock<Bytes>,
}

impl Tick {
    fn whole(&self) -> Bytes {
        self.whole.get_or_init(|| event("overview", &self.shown.since(None))).clone()
    }
}

/// Where the ticks come from.
pub(super) struct Hub {
    ticks: broadcast::Sender<Arc<Tick>>,
    places: Arc<Places>,
    joined: Notify,
    stop: CancellationToken,
}

/// One who watches.
struct Viewer {
    ticks: broadcast::Receiver<Arc<Tick>>,
    next: Next,
    stop: CancellationToken,
    _place: Place,
}

/// What a viewer is told next.
enum Next {
    Hello,
    Whole,
    Change,
}

impl Hub {
    pub(super) fn new(stop: CancellationToken) -> Self {
        Self {
            ticks: broadcast::Sender::new(LATE),
            places: Arc::new(Places::new(PER_CLIENT, IN_ALL)),
            joined: Notify::new(),
            stop,
        }
    }

    /// Looks as long as somebody watches, until it is told to stop.
    pub(super) async fn run(&self, questions: &Questions) {
        let mut timer = interval(TICK);
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before: Option<Arc<Tick>> = None;
        loop {
            if self.ticks.receiver_count() == 0 {
                before = None;
                if self.stop.run_until_cancelled(self.joined.notified()).await.is_none() {
                    break;
                }
            }
            // Also after somebody has come: those who come and go make it look no oftener.
            if self.stop.run_until_cancelled(timer.tick()).await.is_none() {
                break;
            }
            // A daemon that does not answer now may do so later.
            let Ok(overview) = questions.overview().await else { continue };
            let shown = Shown::new(overview);
            let change = event("change", &shown.since(before.as_ref().map(|before| &before.shown)));
            let tick = Arc::new(Tick { shown, change, whole: OnceLock::new() });
            before = Some(tick.clone());
            // The last viewer may have gone meanwhile.
            let _ = self.ticks.send(tick);
        }
    }

    /// What a viewer at this address is sent; `None` where there are too many.
    pub(super) fn watch(&self, from: IpAddr) -> Option<impl Stream<Item = Result<Bytes, Infallible>> + use<>> {
        let place = self.places.take(from.to_canonical())?;
        let ticks = self.ticks.subscribe();
        self.joined.notify_one();
        let viewer = Viewer { ticks, next: Next::Hello, stop: self.stop.clone(), _place: place };
        Some(stream::unfold(viewer, |mut viewer| async {
            let stop = viewer.stop.clone();
            let bytes = stop.run_until_cancelled(viewer.next()).await??;
            Some((Ok(bytes), viewer))
        }))
    }
}

impl Viewer {
    /// `None` once there are no more ticks.
    async fn next(&mut self) -> Option<Bytes> {
        if let Next::Hello = self.next {
            self.next = Next::Whole;
            return Some(Bytes::from_static(HELLO.as_bytes()));
        }
        loop {
            match (self.ticks.recv().await, &self.next) {
                (Ok(tick), Next::Change) => return Some(tick.change.clone()),
                (Ok(tick), _) => {
                    self.next = Next::Change;
                    return Some(tick.whole());
                }
                (Err(broadcast::error::RecvError::Lagged(_)), _) => self.next = Next::Whole,
                (Err(broadcast::error::RecvError::Closed), _) => return None,
            }
        }
    }
}

fn event(name: &str, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).expect("reports have strings for keys, and finite numbers");
    format!("event: {name}\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use futures_util::StreamExt;
    use tokio::sync::mpsc;

    use super::*;
    use crate::control::{Pending, Request, Response};
    use crate::web::tests::sample;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// A hub whose daemon counts how often it is asked, and has dropped one more reply each time.
    async fn with_hub<F: Future<Output = ()>>(test: impl FnOnce(Arc<Hub>, Arc<std::sync::atomic::AtomicU64>) -> F) {
        let (control, mut requests) = mpsc::channel::<Pending>(1);
        let asked = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let counted = asked.clone();
        tokio::spawn(async move {
            while let Some((request, reply)) = requests.recv().await {
                assert_eq!(request, Request::Overview);
                let mut overview = sample::overview();
                overview.servers[1].dropped = counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let _ = reply.send(Response::Overview(Box::new(overview)));
            }
        });
        let stop = CancellationToken::new();
        let hub = Arc::new(Hub::new(stop.clone()));
        let (running, questions) = (hub.clone(), Questions::new(control, mpsc::channel(1).0));
        let running = tokio::spawn(async move { running.run(&questions).await });
        test(hub, asked).await;
        stop.cancel();
        running.await.unwrap();
    }

    async fn next(viewer: &mut (impl Stream<Item = Result<Bytes, Infallible>> + Unpin)) -> String {
        String::from_utf8(viewer.next().await.unwrap().unwrap().to_vec()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_viewer_is_told_everything_and_then_what_changes() {
        with_hub(|hub, _| async move {
            let mut viewer = Box::pin(hub.watch(HERE).unwrap());
            assert_eq!(next(&mut viewer).await, HELLO);
            let whole = next(&mut viewer).await;
            assert!(whole.starts_with("event: overview\ndata: {") && whole.contains("\"ports\""), "{whole}");
            let change = next(&mut viewer).await;
            assert!(change.starts_with("event: change\ndata: {") && change.contains("\"servers\""), "{change}");
            assert!(!change.contains("\"ports\""), "{change}");
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_daemon_is_asked_twice_a_second_for_all_viewers_and_never_for_none() {
        with_hub(|hub, asked| async move {
            let count = || asked.load(std::sync::atomic::Ordering::Relaxed);
            tokio::time::sleep(TICK * 10).await;
            assert_eq!(count(), 0);
            let mut viewers: Vec<_> = (0..PER_CLIENT).map(|_| Box::pin(hub.watch(HERE).unwrap())).collect();
            assert!(hub.watch(HERE).is_none(), "there is no place for one more");
            for viewer in &mut viewers {
                next(viewer).await;
                next(viewer).await;
            }
            let first = count();
            tokio::time::sleep(TICK * 10).await;
            assert!((9..=11).contains(&(count() - first)), "{}", count() - first);
            drop(viewers);
            tokio::time::sleep(TICK * 2).await;
            let last = count();
            tokio::time::sleep(TICK * 10).await;
            assert_eq!(count(), last);
            assert!(hub.watch(HERE).is_some());
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_viewer_who_is_late_is_told_everything_again_and_nothing_is_kept_for_him() {
        with_hub(|hub, _| async move {
            let (mut late, mut other) = (Box::pin(hub.watch(HERE).unwrap()), Box::pin(hub.watch(HERE).unwrap()));
            for _ in 0..2 {
                next(&mut late).await;
            }
            for _ in 0..LATE + 10 {
                next(&mut other).await;
            }
            assert!(next(&mut late).await.starts_with("event: overview\n"));
            assert!(next(&mut late).await.starts_with("event: change\n"));
        })
        .await;
    }
}
