//! A machine of the lab: one process that holds namespaces of its own.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::panic;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use nix::libc;
use nix::sched::{CloneFlags, setns, unshare};
use serde_json::Value;

use crate::process::Process;
use crate::until;

/// What the first process of a host does before it waits for the end.
const INIT: &str = include_str!("host/init.sh");

/// Where Debian keeps the programs that the lab runs, whatever the caller's `PATH` is.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A machine of the lab: network, mount, pid and host name namespaces.
///
/// `/run`, `/etc`, `/var/lib`, `/sys/fs/bpf` are private to it; the rest of the file system is the
/// machine's.  IPv6 is off and br_netfilter does not look at its bridges.  Its programs end with it, and it ends with
/// the process that made it.
#[derive(Debug)]
pub struct Host {
    name: String,
    /// Process id of the first process, as the lab's process sees it.
    pid: u32,
    /// Refers to the first process, and by it to its namespaces.
    pidfd: OwnedFd,
    init: Mutex<Child>,
}

impl Host {
    /// Makes a host with nothing but a loopback device.
    pub fn new(name: &str) -> Result<Self> {
        let mut init = on_own_thread(|| -> Result<Child> {
            unshare(
                CloneFlags::CLONE_FS
                    | CloneFlags::CLONE_NEWNET
                    | CloneFlags::CLONE_NEWNS
                    | CloneFlags::CLONE_NEWPID
                    | CloneFlags::CLONE_NEWUTS,
            )
            .context("cannot make namespaces (the lab needs root)")?;
            let mut command = Command::new("sh");
            command.args(["-c", INIT, "init", name]).env("PATH", PATH);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().context("cannot start the first process")
        })
        .with_context(|| format!("host {name}"))?;
        // From here on `Drop` ends the process whatever fails.
        let pid = init.id();
        let (stdout, stderr) = (init.stdout.take(), init.stderr.take());
        let host = Self { name: name.to_owned(), pid, pidfd: pidfd(pid)?, init: Mutex::new(init) };
        let mut first = String::new();
        BufReader::new(stdout.context("its standard output is piped")?).read_line(&mut first)?;
        if first != "ready\n" {
            let mut why = String::new();
            stderr.context("its standard error is piped")?.read_to_string(&mut why)?;
            bail!("host {name} did not come up: {why}");
        }
        Ok(host)
    }

    /// The name it was made with; also its host name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of its first process: `nsenter -a -t PID` from outside shows the host to a person.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Runs a program to its end; its standard output, or an error with all it said if it failed.
    pub fn run<A: AsRef<OsStr>>(&self, command: impl IntoIterator<Item = A>) -> Result<String> {
        succeeded(&self.output(command)?)
    }

    /// Runs a program to its end, however it ends.
    pub fn output<A: AsRef<OsStr>>(&self, argv: impl IntoIterator<Item = A>) -> Result<Ran> {
        let mut command = command(argv)?;
        let shown = self.shown(&command);
        let output = self
            .inside(CloneFlags::CLONE_NEWPID, || command.stdin(Stdio::null()).output())?
            .with_context(|| format!("cannot run {shown}"))?;
        Ok(Ran { shown, output })
    }

    /// Runs a program to its end and parses its standard output.
    pub fn json<A: AsRef<OsStr>>(&self, command: impl IntoIterator<Item = A>) -> Result<Value> {
        let output = self.run(command)?;
        serde_json::from_str(&output).with_context(|| format!("not JSON: {output}"))
    }

    /// Starts a program whose output is collected, and which is killed with the value.
    pub fn spawn<A: AsRef<OsStr>>(&self, argv: impl IntoIterator<Item = A>) -> Result<Process> {
        self.spawn_command(command(argv)?)
    }

    /// Starts a program with an environment of the caller's.
    pub fn spawn_command(&self, mut command: Command) -> Result<Process> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.spawn_as_it_is(command)
    }

    /// Starts a program whose input and output the caller has set.
    pub(crate) fn spawn_as_it_is(&self, mut command: Command) -> Result<Process> {
        let shown = self.shown(&command);
        let child = self
            .inside(CloneFlags::CLONE_NEWPID, || command.spawn())?
            .with_context(|| format!("cannot start {shown}"))?;
        Process::of(shown, child)
    }

    /// Runs `act` on a thread of its own that is in this host's network, mounts and host name.
    ///
    /// What it opens stays of this host afterwards, such as a socket.  Relative paths do not work inside.
    pub fn enter<T: Send>(&self, act: impl FnOnce() -> T + Send) -> Result<T> {
        self.inside(CloneFlags::empty(), act)
    }

    /// Writes a file of this host, such as a knob below `/proc/sys/net`.
    pub fn write(&self, path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> Result<()> {
        let (path, contents) = (path.as_ref(), contents.as_ref());
        self.enter(|| match path.parent() {
            Some(folder) if !path.starts_with("/proc") && !path.starts_with("/sys") => {
                std::fs::create_dir_all(folder).and_then(|()| std::fs::write(path, contents))
            }
            _ => std::fs::write(path, contents),
        })?
        .with_context(|| format!("host {}: cannot write {}", self.name, path.display()))
    }

    /// Reads a file of this host.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<String> {
        let path = path.as_ref();
        self.enter(|| std::fs::read_to_string(path))?
            .with_context(|| format!("host {}: cannot read {}", self.name, path.display()))
    }

    /// Runs `ip -batch` with these lines in this host's network; process ids in them are the lab's.
    pub fn ip(&self, lines: &str) -> Result<()> {
        self.fed(&["ip", "-batch", "-"], lines).map(drop)
    }

    /// Runs a program in this host's network, but among the lab's processes, with `input`.
    fn fed(&self, argv: &[&str], input: &str) -> Result<String> {
        let mut command = command(argv)?;
        let shown = format!("{} <<< '{}'", self.shown(&command), input.trim_end());
        let output = self.inside(CloneFlags::empty(), || -> Result<Output> {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn()?;
            child.stdin.take().context("its standard input is piped")?.write_all(input.as_bytes())?;
            Ok(child.wait_with_output()?)
        })?;
        succeeded(&Ran { output: output.with_context(|| format!("cannot run {shown}"))?, shown })
    }

    /// Waits until a UDP socket of this host is bound to `port`.
    pub fn wait_udp(&self, port: u16) -> Result<()> {
        // The local address of a line is `00000000:0043`.
        let local = format!(":{port:04X} ");
        until(Duration::from_secs(10), &format!("{}: a socket has UDP port {port}", self.name), || {
            // /proc/net is that of the process; the lab's own proc file system shows it.
            let sockets = std::fs::read_to_string(format!("/proc/{}/net/udp", self.pid));
            sockets.is_ok_and(|sockets| sockets.lines().any(|line| line.contains(&local)))
        })
    }

    fn inside<T: Send>(&self, children: CloneFlags, act: impl FnOnce() -> T + Send) -> Result<T> {
        on_own_thread(|| {
            // A mount namespace is entered only by a thread that shares its root and folder with no other.
            unshare(CloneFlags::CLONE_FS)?;
            let places = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS;
            setns(&self.pidfd, places | children)?;
            Ok(act())
        })
        .map_err(|errno: nix::Error| anyhow!("cannot enter host {}: {errno}", self.name))
    }

    fn shown(&self, command: &Command) -> String {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
        format!("{}: {}", self.name, words.join(" "))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let init = self.init.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        let _ = init.kill();
        // The kernel lets the first process end after all others of its pid namespace.
        let _ = until(Duration::from_secs(5), "the host ends", || !matches!(init.try_wait(), Ok(None)));
    }
}

/// A program that ran to its end.
#[derive(Debug)]
pub struct Ran {
    /// Host and command line, for messages.
    pub shown: String,
    /// How it ended, and what it wrote.
    pub output: Output,
}

/// A command with the lab's environment.
pub(crate) fn command<A: AsRef<OsStr>>(argv: impl IntoIterator<Item = A>) -> Result<Command> {
    let mut words = argv.into_iter();
    let mut command = Command::new(words.next().context("an empty command")?);
    command.args(words).env("PATH", PATH).env("LC_ALL", "C").current_dir("/");
    Ok(command)
}

fn succeeded(Ran { shown, output }: &Ran) -> Result<String> {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("{shown}: {}\n{stderr}{stdout}", output.status);
    }
    Ok(stdout)
}

/// Runs `act` where it may change its namespaces without harm to other threads.
fn on_own_thread<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(act).join()).unwrap_or_else(|why| panic::resume_unwind(why))
}

fn pidfd(pid: u32) -> Result<OwnedFd> {
    // SAFETY: the call takes two integers and touches no memory of ours.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if fd < 0 {
        return Err(std::io::Error::last_os_error()).context("cannot open a pidfd");
    }
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}
