//! A network namespace for one test.

use std::env;
use std::future::Future;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::geteuid;
use tokio::time::timeout;

use super::super::{Snapshot, Watch};

/// Longer than any change takes to be seen.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

/// Runs a test in a network namespace and a mount namespace of its own; skips it where that cannot be.
///
/// # Panics
/// If the test does, or if it cannot run although `PXEGUARD_NO_SKIP` is set.
pub(super) fn run<F: Future<Output = ()>>(programs: &[&str], test: impl FnOnce() -> F + Send + 'static) {
    if let Some(why) = obstacle(programs) {
        assert!(env::var_os("PXEGUARD_NO_SKIP").is_none(), "may not be skipped: {why}");
        eprintln!("SKIP: {why}");
        return;
    }
    let inside = thread::spawn(move || {
        unshare(CloneFlags::CLONE_FS | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET)
            .expect("root may make namespaces");
        // Its addresses come and go by themselves, seconds later.
        let _ = std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime needs only descriptors").block_on(test());
    });
    if let Err(panic) = inside.join() {
        std::panic::resume_unwind(panic);
    }
}

fn obstacle(programs: &[&str]) -> Option<String> {
    if !geteuid().is_root() {
        return Some("needs root".to_owned());
    }
    let installed = |program: &&&str| {
        let paths = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&paths).any(|folder| folder.join(program).exists())
    };
    programs.iter().find(|program| !installed(program)).map(|program| format!("{program} is not installed"))
}

/// Runs lines of `ip -batch`.
pub(super) fn ip(lines: &str) {
    let status = ip_in_background(lines).wait().expect("it is our child");
    assert!(status.success(), "ip: {lines}");
}

/// Whether the kernel takes a line of `ip`: some kinds of interfaces may not be compiled in.
pub(super) fn ip_is_possible(line: &str) -> bool {
    let output = Command::new("ip").args(line.split_whitespace()).output().expect("ip is installed");
    if !output.status.success() {
        eprintln!("SKIP in part: ip {line}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    output.status.success()
}

pub(super) fn ip_in_background(lines: &str) -> Child {
    let mut ip = Command::new("ip").args(["-batch", "-"]).stdin(Stdio::piped()).spawn().expect("ip is installed");
    let mut input = ip.stdin.take().expect("its standard input is piped");
    let lines = lines.to_owned();
    // More than the pipe holds.
    thread::spawn(move || input.write_all(lines.as_bytes()));
    ip
}

/// Reads snapshots, one for each change, until one is as wanted.
pub(super) async fn until(watch: &mut Watch, what: &str, wanted: impl Fn(&Snapshot) -> bool) -> Snapshot {
    let search = async {
        loop {
            let snapshot = watch.snapshot().await.expect("the kernel tells");
            if wanted(&snapshot) {
                return snapshot;
            }
            watch.changed().await.expect("the kernel tells");
        }
    };
    timeout(DEADLINE, search).await.unwrap_or_else(|_| panic!("not within {DEADLINE:?}: {what}"))
}

/// What there is now.
pub(super) async fn snapshot() -> Snapshot {
    Watch::open().expect("netlink").snapshot().await.expect("the kernel tells")
}
