//! A program that runs in a host, and what it says.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

/// A running program; dropping it kills it.
#[derive(Debug)]
pub struct Process {
    shown: String,
    pid: Pid,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Lines of both streams, in the order in which they arrived.
    lines: Vec<String>,
    /// Of standard output and standard error, those not yet at their end.
    open_streams: u8,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Takes over a child; its output is collected as far as it is piped.
    pub(crate) fn of(shown: String, mut child: Child) -> Result<Self> {
        let pid = Pid::from_raw(i32::try_from(child.id())?);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let open_streams = u8::from(stdout.is_some()) + u8::from(stderr.is_some());
        let state = State { lines: Vec::new(), open_streams, ended: None };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        stdout.into_iter().for_each(|stream| collect(stream, &shared));
        stderr.into_iter().for_each(|stream| collect(stream, &shared));
        let reaper = Arc::clone(&shared);
        thread::spawn(move || reap(child, pid, &reaper));
        Ok(Self { shown, pid, shared })
    }

    /// Waits for a line of its output, of those so far or to come; the line.
    pub fn wait_line(&self, wanted: impl Fn(&str) -> bool, limit: Duration) -> Result<String> {
        self.wait_line_from(0, wanted, limit)
    }

    /// Waits for a line after the first `seen` ones ([`Process::seen`]).
    pub fn wait_line_from(&self, seen: usize, wanted: impl Fn(&str) -> bool, limit: Duration) -> Result<String> {
        let found = |state: &State| state.lines[seen..].iter().find(|line| wanted(line)).cloned();
        let state =
            self.wait_for(limit, |state| found(state).is_some() || (state.open_streams == 0 && state.ended.is_some()));
        if let Some(line) = found(&state) {
            return Ok(line);
        }
        let lines = state.lines.join("\n");
        match state.ended {
            Some(status) => bail!("{}: ended ({status}), and said only:\n{lines}", self.shown),
            None => bail!("{}: said in {limit:?} only:\n{lines}", self.shown),
        }
    }

    /// How many lines it has written so far.
    pub fn seen(&self) -> usize {
        self.shared.lock().lines.len()
    }

    /// Everything it has written so far.
    pub fn output(&self) -> String {
        self.shared.lock().lines.join("\n")
    }

    /// Waits for its end, and for the end of its output.
    pub fn wait(&self, limit: Duration) -> Result<ExitStatus> {
        let state = self.wait_for(limit, |state| state.ended.is_some() && state.open_streams == 0);
        match state.ended {
            Some(status) => Ok(status),
            None => bail!("{}: did not end in {limit:?}:\n{}", self.shown, state.lines.join("\n")),
        }
    }

    /// Whether it has not ended yet.
    pub fn is_running(&self) -> bool {
        self.shared.lock().ended.is_none()
    }

    /// Its process id, as the lab's process sees it.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Sends it a signal; nothing if it has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        // Under the lock it is not reaped, so that the id is still its own.
        let state = self.shared.lock();
        if state.ended.is_none() {
            kill(self.pid, signal).with_context(|| format!("{}: {signal}", self.shown))?;
        }
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub fn stop(&self, limit: Duration) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        self.wait(limit)
    }

    fn wait_for(&self, limit: Duration, mut done: impl FnMut(&State) -> bool) -> MutexGuard<'_, State> {
        let deadline = Instant::now() + limit;
        let mut state = self.shared.lock();
        while !done(&state) {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                break;
            };
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
        state
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.signal(Signal::SIGKILL);
        drop(self.wait_for(Duration::from_secs(5), |state| state.ended.is_some()));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }
}

fn collect(stream: impl Read + Send + 'static, shared: &Arc<Shared>) {
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            shared.change(|state| state.lines.push(line));
        }
        shared.change(|state| state.open_streams -= 1);
    });
}

/// Reaps at once: a dead process that nobody reaps keeps its pid namespace from ending.
fn reap(mut child: Child, pid: Pid, shared: &Shared) {
    let end = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    while waitid(Id::Pid(pid), end) == Err(nix::errno::Errno::EINTR) {}
    shared.change(|state| state.ended = child.wait().ok());
}
