//! Debian packages: which are needed for what, and how they are installed
//! without a service starting; some are unpacked instead.

mod debian;
mod kernels;
mod unpacked;

use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::command;

/// What packages are installed for.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Purpose {
    /// A network with a rogue server, as `cargo xtask demo` builds it
    Demo,
    /// Real DHCP servers, clients and instruments for `cargo xtask test`
    Test,
    /// What `cargo xtask package` makes packages with
    Package,
    /// Load generators and competitors for `cargo xtask bench`
    Bench,
}

const DEMO: &[&str] = &["busybox", "dnsmasq-base", "ethtool", "iproute2", "udhcpc"];

const TEST: &[&str] = &[
    "atftp",
    "binutils",
    "bpftool",
    "busybox",
    "chromium",
    "curl",
    "dhcpcd-base",
    "dnsmasq-base",
    "dpkg-dev",
    "ethtool",
    "iperf3",
    "iproute2",
    "iptables",
    "isc-dhcp-client",
    "kea-admin", // perfdhcp
    "kea-dhcp4-server",
    "mmdebstrap",
    "netsniff-ng",
    "nftables",
    "openvswitch-switch",
    "prometheus", // promtool
    "python3-jsonschema",
    "systemd",
    "systemd-container",
    "tcpdump",
    "tftp-hpa",
    "tshark",
    "udhcpc",
    "udhcpd",
];

const PACKAGE: &[&str] = &["binutils", "dpkg-dev"];

const BENCH: &[&str] = &[
    "atftp",
    "bpftool",
    "curl",
    "dnsmasq-base",
    "ethtool",
    "iperf3",
    "iproute2",
    "iptables",  // ebtables-nft: the kernel need not have the old ebtables
    "kea-admin", // perfdhcp
    "kea-dhcp4-server",
    "netsniff-ng",
    "nftables",
    "xdp-tools",
];

impl Purpose {
    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Demo => DEMO,
            Self::Test => TEST,
            Self::Package => PACKAGE,
            Self::Bench => BENCH,
        }
    }
}

/// Installs what `purposes` need and is missing.
pub fn provide(mut apt: Option<&mut Apt>, purposes: &[Purpose]) -> Result<()> {
    install(apt.as_deref_mut(), purposes)?;
    let Some(apt) = apt else {
        return Ok(());
    };
    unpacked::provide(apt, purposes)?;
    if purposes.contains(&Purpose::Test) {
        kernels::provide(apt)?;
        debian::provide()?;
    }
    Ok(())
}

/// A package that this system does not know is named, and left to the user:
/// its programs may be here by another way.
fn install(apt: Option<&mut Apt>, purposes: &[Purpose]) -> Result<()> {
    let mut wanted: Vec<_> = purposes.iter().flat_map(|purpose| purpose.packages()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let wanted: Vec<&str> = wanted.into_iter().copied().collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let Some(apt) = apt else {
        println!("no apt-get here; install by hand what is missing of: {}", wanted.join(" "));
        return Ok(());
    };
    let missing = missing(&wanted);
    if missing.is_empty() {
        return Ok(());
    }
    apt.refresh(&missing)?;
    let (known, unknown): (Vec<&str>, Vec<&str>) =
        missing.into_iter().partition(|package| apt.candidate(package).is_some());
    if !unknown.is_empty() {
        println!("not among this system's packages: {}", unknown.join(" "));
    }
    apt.install(&known)
}

/// This machine's apt-get.
pub struct Apt {
    /// The package lists have been downloaded by us.
    fresh: bool,
}

impl Apt {
    /// `None` where this is no Debian, Ubuntu or the like.
    pub fn here() -> Option<Self> {
        command::on_path("apt-get").map(|_| Self { fresh: false })
    }

    /// Downloads the package lists, once; `wanted` is what will be installed.
    ///
    /// Where that fails, the lists that are here may do.
    pub fn refresh(&mut self, wanted: &[&str]) -> Result<()> {
        if self.fresh {
            return Ok(());
        }
        let by_hand = format!("apt-get update && {}", by_hand(wanted));
        let mut update = command::as_root("apt-get", &by_hand)?;
        println!("downloading the package lists (apt-get update)");
        update.args(["update", "-q"]).stdin(Stdio::null());
        if let Err(err) = command::run(&mut update, "download the package lists") {
            println!("{err:#}; going on with the old ones");
        }
        self.fresh = true;
        Ok(())
    }

    /// The version of a package that would be installed.
    pub fn candidate(&self, package: &str) -> Option<String> {
        let mut policy = Command::new("apt-cache");
        policy.env("LC_ALL", "C").args(["policy", package]);
        let policy = command::answer(&mut policy).ok()?;
        let mut lines = policy.lines().map(str::trim);
        let version = lines.find_map(|line| line.strip_prefix("Candidate: "))?;
        (version != "(none)").then(|| version.to_owned())
    }

    /// Installs those of `packages` that are missing, and starts none of their services.
    pub fn install(&mut self, packages: &[&str]) -> Result<()> {
        let missing = missing(packages);
        if missing.is_empty() {
            return Ok(());
        }
        self.refresh(&missing)?;
        println!("installing {}", missing.join(" "));
        let by_hand = by_hand(&missing);
        let mut install = command::as_root("sh", &by_hand)?;
        install.args(["-c", INSTALL, "sh"]).args(&missing).stdin(Stdio::null());
        if !install.status().is_ok_and(|status| status.success()) {
            bail!("cannot install packages: apt-get says why above; try as root: {by_hand}");
        }
        Ok(())
    }
}

/// What one types to install packages.
fn by_hand(packages: &[&str]) -> String {
    format!("apt-get install --no-install-recommends {}", packages.join(" "))
}

/// Which of these packages are not installed; all, where nobody knows.
pub fn missing<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    let mut query = Command::new("dpkg-query");
    query.args(["-W", "-f=${db:Status-Status} ${Package}\\n"]);
    // It fails when it does not know one of them, and tells about the others.
    let answer = query.args(packages).stdin(Stdio::null()).output();
    let answer = answer.map(|output| output.stdout).unwrap_or_default();
    let answer = String::from_utf8_lossy(&answer);
    let installed: Vec<_> = answer.lines().filter_map(|line| line.strip_prefix("installed ")).collect();
    let mut missing = packages.to_vec();
    missing.retain(|package| !installed.contains(package));
    missing
}

/// Installs its arguments; run by root.
///
/// kea, openvswitch, prometheus and udhcpd would start right away and at every
/// boot: a DHCP server is the last thing that a test may leave on somebody's
/// machine.  While `/usr/sbin/policy-rc.d` says 101, Debian's packages start
/// nothing (an administrator's own file is left as it is); what was not here
/// before is then disabled.  The file speaks for as long as apt-get has the lock
/// that it inherits, so that one left by a crash means nothing.  A package that
/// would push another one out is not installed.
const INSTALL: &str = r#"
set -eu
lock=/run/pxeguard-setup.lock
exec 9>$lock
flock 9
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ] || grep -q pxeguard $policy; then
    trap 'rm -f $policy' EXIT
    trap 'exit 130' HUP INT TERM
    cat >$policy <<EOF
#!/bin/sh
# pxeguard's "cargo xtask setup" is installing packages: their services do not start.
flock -n $lock true || exit 101
EOF
    chmod 755 $policy
fi
DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends --no-remove \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"
if command -v systemctl >/dev/null; then
    units=$(dpkg -L "$@" | sed -n 's|.*/systemd/system/\([^/@]*\.service\)$|\1|p')
    if [ -n "$units" ]; then systemctl --quiet disable $units || true; fi
fi
"#;
