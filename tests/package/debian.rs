//! A Debian of its own, with systemd as its first process, on the lab's hypervisor.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pxeguard_lab::{Host, Process, cache, until};

/// How long what systemd or dpkg does may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Boots the root in the tarball $1, in a cgroup of the name $2; both, and the folder $3 as /mnt, are the machine's.
///
/// The root is in memory, and goes with the host.  /sys is read-only in there (nobody's settings of the machine are
/// changed) but for the BPF file system, which is as systemd mounts it.
const BOOT: &str = r#"
mkdir /run/lab/debian
tar --extract --file=$1 --directory=/run/lab/debian
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir /sys/fs/cgroup/$2
echo $$ >/sys/fs/cgroup/$2/cgroup.procs
umount /sys/fs/bpf
mount -t bpf -o mode=700 bpf /sys/fs/bpf
exec systemd-nspawn --quiet --register=no --keep-unit --console=pipe --link-journal=no --timezone=off --resolv-conf=off \
    --directory=/run/lab/debian --bind=/sys/fs/bpf --bind-ro=$3:/mnt --capability=CAP_BPF,CAP_NET_ADMIN,CAP_PERFMON --system-call-filter=bpf --boot
"#;

/// The tarball of a Debian, as `cargo xtask setup` makes it.
pub fn tarball(release: &str) -> PathBuf {
    cache().unwrap_or_default().join(format!("debian/{release}.tar"))
}

/// A running Debian; ends with the value.
pub struct Debian<'lab> {
    host: &'lab Host,
    nspawn: Process,
    cgroup: String,
    /// Its first process, as the lab sees it.
    init: Pid,
}

impl<'lab> Debian<'lab> {
    /// Boots a release; `mnt` is to be seen there as `/mnt`.
    pub fn boot(host: &'lab Host, release: &str, mnt: &Path) -> Result<Self> {
        let cgroup = format!("pxeguard-lab-{}-{release}", process::id());
        let boot = ["sh".as_ref(), "-ec".as_ref(), BOOT.as_ref(), "boot".as_ref()];
        let tarball = tarball(release);
        let arguments = [tarball.as_os_str(), cgroup.as_ref(), mnt.as_os_str()];
        let nspawn = host.spawn(boot.into_iter().chain(arguments))?;
        let mut debian = Self { host, nspawn, cgroup, init: Pid::from_raw(0) };
        until(PATIENCE, "systemd is there", || {
            debian.init = debian.find_init().unwrap_or(debian.init);
            debian.init.as_raw() > 0 || !debian.nspawn.is_running()
        })?;
        let up = until(PATIENCE, "Debian is up", || {
            // "degraded" would be a unit that failed.
            debian.run(["systemctl", "is-system-running"]).is_ok_and(|state| state.trim() == "running")
        });
        up.with_context(|| debian.nspawn.output())?;
        Ok(debian)
    }

    /// Runs a program there to its end; what it wrote to standard output.
    pub fn run<A: AsRef<OsStr>>(&self, argv: impl IntoIterator<Item = A>) -> Result<String> {
        let mut command = Command::new("nsenter");
        command.args(["--all", "--target", &self.init.to_string(), "--", "env", "--ignore-environment"]);
        command.args([
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL=C",
            "HOME=/root",
            "DEBIAN_FRONTEND=noninteractive",
        ]);
        command.args(argv);
        let output = command.output().context("cannot run nsenter")?;
        let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "{command:?}: {}\n{errors}{said}", output.status);
        Ok(said.into_owned())
    }

    /// Runs a line of shell there; what it wrote to standard output.
    pub fn shell(&self, line: &str) -> Result<String> {
        self.run(["sh", "-c", line])
    }

    /// nspawn's child, once it has become systemd.
    fn find_init(&self) -> Option<Pid> {
        let nspawn = self.nspawn.pid();
        let children = fs::read_to_string(format!("/proc/{nspawn}/task/{nspawn}/children")).ok()?;
        let child: i32 = children.split_whitespace().next()?.parse().ok()?;
        let name = fs::read_to_string(format!("/proc/{child}/comm")).ok()?;
        (name.trim_end() == "systemd").then(|| Pid::from_raw(child))
    }
}

impl Drop for Debian<'_> {
    fn drop(&mut self) {
        // The kernel ends what is in its namespace with it, and nspawn then ends by itself.
        if self.init.as_raw() > 0 {
            let _ = kill(self.init, Signal::SIGKILL);
        }
        let _ = self.nspawn.wait(PATIENCE);
        let cgroup = format!("find /sys/fs/cgroup/{} -depth -type d -exec rmdir {{}} ;", self.cgroup);
        let _ = self.host.run(cgroup.split(' '));
    }
}
