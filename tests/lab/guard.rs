//! The pxeguard program, running on the lab's hypervisor.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::host::{Ran, command};
use crate::{Host, Lab, Process};

/// Names the program to test; else the workspace's release build is.
pub const PROGRAM: &str = "PXEGUARD_BIN";

/// Where the guard says that it is ready (`sd_notify(3)`), inside the hypervisor.
const NOTIFY: &str = "/run/lab/notify";

/// How long a guard may take to start or to end; a debug build needs some.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running `pxeguard run`; killed with the value, which leaves its kernel programs in place.
#[derive(Debug)]
pub struct Guard<'lab> {
    hypervisor: &'lab Host,
    process: Process,
}

impl<'lab> Guard<'lab> {
    /// Starts `pxeguard run ARGUMENTS` and waits until it says that it is ready.
    pub fn start<A: AsRef<OsStr>>(lab: &'lab Lab, arguments: impl IntoIterator<Item = A>) -> Result<Self> {
        Self::start_on(lab.hypervisor(), arguments)
    }

    /// The same on any host.
    pub fn start_on<A: AsRef<OsStr>>(hypervisor: &'lab Host, arguments: impl IntoIterator<Item = A>) -> Result<Self> {
        Self::start_by(&[], hypervisor, arguments)
    }

    /// The same, started by another program that executes it, such as `setpriv` with its arguments.
    pub fn start_by<A: AsRef<OsStr>>(
        by: &[&str],
        hypervisor: &'lab Host,
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<Self> {
        let ready = hypervisor.enter(|| {
            let _ = std::fs::remove_file(NOTIFY);
            UnixDatagram::bind(NOTIFY)
        })?;
        let ready = ready.context("cannot bind the socket for readiness")?;
        let by = by.iter().map(|word| OsString::from(*word));
        let mut run = command(by.chain([program()?.into_os_string()]))?;
        run.arg("run").args(arguments).env("NOTIFY_SOCKET", NOTIFY);
        run.env("RUST_LOG", env::var_os("RUST_LOG").unwrap_or("info".into()));
        let process = hypervisor.spawn_command(run)?;
        let guard = Self { hypervisor, process };
        guard.wait_ready(&ready)?;
        Ok(guard)
    }

    fn wait_ready(&self, socket: &UnixDatagram) -> Result<()> {
        socket.set_read_timeout(Some(Duration::from_millis(20)))?;
        let deadline = Instant::now() + PATIENCE;
        let mut datagram = [0; 4096];
        while Instant::now() < deadline {
            if let Ok(length) = socket.recv(&mut datagram) {
                let said = String::from_utf8_lossy(&datagram[..length]);
                if said.lines().any(|line| line == "READY=1") {
                    return Ok(());
                }
            } else if !self.process.is_running() {
                let status = self.process.wait(PATIENCE)?;
                bail!("the guard ended ({status}):\n{}", self.process.output());
            }
        }
        bail!("the guard was not ready in {PATIENCE:?}:\n{}", self.process.output())
    }

    /// Runs another `pxeguard` command beside it, such as `trust add`; its standard output.
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<String> {
        run(self.hypervisor, arguments)
    }

    /// Runs `pxeguard WHAT --json`, such as `servers`.
    pub fn json(&self, what: &str) -> Result<Value> {
        let output = self.run(what.split(' ').chain(["--json"]))?;
        serde_json::from_str(&output).with_context(|| format!("not JSON: {output}"))
    }

    /// The daemon's process, and what it has logged.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Has it read its configuration again (SIGHUP), and waits until it has.
    pub fn reload(&self) -> Result<()> {
        let seen = self.process.seen();
        self.process.signal(Signal::SIGHUP)?;
        self.process.wait_line_from(seen, |line| line.contains("configuration reloaded"), PATIENCE).map(drop)
    }

    /// Ends it as a crash does (SIGKILL).
    pub fn kill9(self) -> Result<()> {
        self.process.signal(Signal::SIGKILL)?;
        self.process.wait(PATIENCE).map(drop)
    }

    /// Ends it as systemd does (SIGTERM).
    pub fn stop(self) -> Result<ExitStatus> {
        self.process.stop(PATIENCE)
    }
}

/// Runs a `pxeguard` command to its successful end on a host, whether a guard runs or not; its standard output.
pub fn run<A: AsRef<OsStr>>(host: &Host, arguments: impl IntoIterator<Item = A>) -> Result<String> {
    let Ran { shown, output } = run_any(host, arguments)?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("{shown}: {}\n{}{stdout}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(stdout)
}

/// Runs a `pxeguard` command to its end on a host, for tests of exit codes and messages.
pub fn run_any<A: AsRef<OsStr>>(host: &Host, arguments: impl IntoIterator<Item = A>) -> Result<Ran> {
    let arguments: Vec<_> = arguments.into_iter().map(|word| word.as_ref().to_owned()).collect();
    host.output(std::iter::once(program()?.into_os_string()).chain(arguments))
}

/// The program under test.
pub fn program() -> Result<PathBuf> {
    let program = match env::var_os(PROGRAM) {
        Some(program) => PathBuf::from(program),
        None => {
            // A folder given to cargo is relative to where it was started, which we cannot know.
            let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
            let target = env::var_os("CARGO_TARGET_DIR").map_or("target".into(), PathBuf::from);
            workspace.join(target).join("release/pxeguard")
        }
    };
    let found = program.canonicalize();
    found.with_context(|| format!("no {}: build it (cargo xtask build) or set {PROGRAM}", program.display()))
}
