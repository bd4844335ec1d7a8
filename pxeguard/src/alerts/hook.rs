//! The program of the operator's that is told of alerts: one run for each that opens or closes, JSON on its standard input.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Change;
use crate::report::Alert;

/// Changes that wait for their turn: more come only where alerts open by the dozen, and the first say it all.
const MAX_WAITING: usize = 64;
/// How long a run may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The program, as the configuration names it; changes are followed.
pub type HookProgram = watch::Receiver<Option<PathBuf>>;

/// Hands changes to the program.
#[derive(Clone, Debug)]
pub struct Hooks(mpsc::Sender<Change>);

/// What the program reads.
#[derive(Serialize)]
struct Told<'a> {
    /// `opened` or `closed`.
    event: &'static str,
    #[serde(flatten)]
    alert: &'a Alert,
}

impl Hooks {
    /// With the task that runs the program, one change after the other.
    pub fn new(program: HookProgram, stop: CancellationToken) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, mut changes) = mpsc::channel(MAX_WAITING);
        let run_all = async move {
            while let Some(Some(change)) = stop.run_until_cancelled(changes.recv()).await {
                let program = program.borrow().clone();
                if let Some(program) = program {
                    stop.run_until_cancelled(run(program, change)).await;
                }
            }
        };
        (Self(sender), run_all)
    }

    /// Never waits.
    pub fn tell(&self, change: Change) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.0.try_send(change) {
            log::warn!("alerts come faster than the hook program takes them: it is not told of one");
        }
    }
}

/// The service's capabilities are for the daemon, not for a program that it starts (capabilities(7), "Ambient").
fn drop_ambient_capabilities() -> io::Result<()> {
    let clear_all = nix::libc::PR_CAP_AMBIENT_CLEAR_ALL as nix::libc::c_ulong;
    // SAFETY: no memory is touched.
    match unsafe { nix::libc::prctl(nix::libc::PR_CAP_AMBIENT, clear_all, 0, 0, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

async fn run(program: PathBuf, change: Change) {
    let (event, alert) = match &change {
        Change::Opened(alert) => ("opened", alert),
        Change::Closed(alert) => ("closed", alert),
    };
    let text = serde_json::to_vec(&Told { event, alert }).expect("an alert has strings for keys");
    let ran = async {
        let mut command = Command::new(&program);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
        // SAFETY: between fork and exec only one system call is made.
        unsafe { command.pre_exec(drop_ambient_capabilities) };
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // It may not care for what it is told.
            let _ = stdin.write_all(&text).await;
        }
        child.wait().await
    };
    let shown = program.display();
    match timeout(PATIENCE, ran).await {
        Ok(Ok(status)) if status.success() => {}
        Ok(Ok(status)) => log::warn!("the alert hook {shown} ended with {status}"),
        Ok(Err(error)) => log::warn!("cannot run the alert hook {shown}: {error}"),
        Err(_) => log::warn!("the alert hook {shown} took longer than {} s, and was ended", PATIENCE.as_secs()),
    }
}
