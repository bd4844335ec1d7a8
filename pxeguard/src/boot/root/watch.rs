//! Says when the files of the boot root changed.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use futures_util::StreamExt;
use inotify::{EventStream, Inotify, WatchMask, Watches};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::{Found, Root, walk};

/// How long nothing may happen before a change is told: somebody who copies a folder changes it many times.
const QUIET: Duration = Duration::from_millis(200);
/// How long a change is kept back at the most.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often to look whatever inotify says.
///
/// It says nothing of what another host changes on NFS, of a file outside the root to which a link leads, and of folders
/// beyond `fs.inotify.max_user_watches`.
const PERIOD: Duration = Duration::from_secs(30);
/// How often to look for a root that is not there: nothing says when it comes, and looking costs next to nothing.
const PERIOD_WITHOUT_ROOT: Duration = Duration::from_secs(2);

/// Events at once; more come with the next read.
const EVENT_BUFFER_BYTES: usize = 4096;

/// Says when the files of the boot root changed.
pub struct Watch {
    root: Root,
    /// What was there when it was last told; `None` if there was no root.
    seen: Option<Vec<Found>>,
    events: Option<Events>,
    /// Whether something happened that was not looked at yet.
    is_due: bool,
}

struct Events {
    stream: EventStream<[u8; EVENT_BUFFER_BYTES]>,
    watches: Watches,
}

impl Watch {
    /// Begins to watch; from now on no change is missed.
    ///
    /// # Panics
    /// Outside a tokio runtime that drives I/O.
    pub fn new(root: &Root) -> Self {
        let events = match Events::open() {
            Ok(events) => Some(events),
            Err(error) => {
                let period = PERIOD.as_secs();
                log::warn!("changes of the boot root are seen only every {period} s: cannot use inotify: {error}");
                None
            }
        };
        let watches = events.as_ref().map(|events| events.watches.clone());
        Self { root: root.clone(), seen: look(root, watches), events, is_due: false }
    }

    /// Returns when a file was added, removed, or changed since it last returned, or since the watch began.
    ///
    /// Dropping the future before it is ready loses nothing.
    pub async fn changed(&mut self) {
        loop {
            if !self.is_due {
                let period = if self.seen.is_some() { PERIOD } else { PERIOD_WITHOUT_ROOT };
                match &mut self.events {
                    Some(events) => drop(timeout(period, events.stream.next()).await),
                    None => sleep(period).await,
                }
                self.is_due = true;
            }
            if let Some(events) = &mut self.events {
                events.quiet().await;
            }
            let (root, watches) = (self.root.clone(), self.events.as_ref().map(|events| events.watches.clone()));
            let found = spawn_blocking(move || look(&root, watches)).await.expect("looking does not panic");
            self.is_due = false;
            if found != self.seen {
                self.seen = found;
                return;
            }
        }
    }
}

impl Events {
    fn open() -> io::Result<Self> {
        let inotify = Inotify::init()?;
        let watches = inotify.watches();
        Ok(Self { stream: inotify.into_event_stream([0; EVENT_BUFFER_BYTES])?, watches })
    }

    /// Waits until no more events come.  What they tell does not matter: an overrun, too, is a reason to look.
    async fn quiet(&mut self) {
        let until_quiet = async { while timeout(QUIET, self.stream.next()).await.is_ok() {} };
        let _ = timeout(PATIENCE, until_quiet).await;
    }
}

/// What there is now; `None` without a root.  Folders are watched from before they are read, so that a later change of them is an event.
fn look(root: &Root, mut watches: Option<Watches>) -> Option<Vec<Found>> {
    let watch = |folder: &OwnedFd| {
        if let Some(watches) = &mut watches {
            watch(watches, folder);
        }
    };
    let listing = root.folder().and_then(|folder| walk::list(&folder, watch));
    listing.ok().map(|listing| listing.found)
}

/// Watches a folder; one that is watched already stays so.
fn watch(watches: &mut Watches, folder: &OwnedFd) {
    let mask = WatchMask::CLOSE_WRITE
        | WatchMask::CREATE
        | WatchMask::MOVE
        | WatchMask::DELETE
        | WatchMask::ATTRIB
        | WatchMask::DELETE_SELF
        | WatchMask::MOVE_SELF
        | WatchMask::ONLYDIR;
    if let Err(error) = watches.add(format!("/proc/self/fd/{}", folder.as_raw_fd()), mask) {
        log::debug!("cannot watch a folder of the boot root: {error}");
    }
}
