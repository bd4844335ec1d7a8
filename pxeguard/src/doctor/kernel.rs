//! The kernel: whether it has what the programs use.

use std::fs;
use std::path::Path;

use nix::sys::statfs::{FsType, statfs};

use super::command::output;
use super::{Check, Finding, read};

/// `BPF_FS_MAGIC` of `linux/magic.h`.
const BPF_FS_MAGIC: FsType = FsType(0xcafe_4a11_u32 as _);
/// The oldest kernel, and those that brought XDP with fragments and TCX.
const OLDEST: (u32, u32) = (5, 15);
const FRAGS: (u32, u32) = (5, 18);
const TCX: (u32, u32) = (6, 6);
/// What has to be there, and what of it only clsact needs.
const NEEDED: [&str; 2] = ["CONFIG_BPF_SYSCALL", "CONFIG_BPF_JIT"];
const CLSACT: [&str; 2] = ["CONFIG_NET_SCH_INGRESS", "CONFIG_NET_CLS_BPF"];
/// Capabilities by number, from linux/capability.h.
const CAPABILITIES: [(u32, &str); 2] = [(12, "CAP_NET_ADMIN"), (CAP_BPF, "CAP_BPF")];
const CAP_BPF: u32 = 39;
/// Includes CAP_BPF.
const CAP_SYS_ADMIN: u32 = 21;

/// What is known.
#[derive(Clone, Debug, Default)]
struct Facts {
    release: String,
    /// Lines of the kernel's configuration, where it is shown.
    config: Option<String>,
    /// `net.core.bpf_jit_enable`, where it is shown.
    jit: Option<String>,
    has_bpffs: bool,
    /// Effective capabilities.
    capabilities: u64,
    /// Entries of the neighbour table, and how many it holds.
    neighbours: Option<(usize, usize)>,
}

pub(super) fn check() -> Vec<Finding> {
    judge(&gather())
}

fn gather() -> Facts {
    let release = read("/proc/sys/kernel/osrelease").unwrap_or_default();
    let status = read("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let most = read("/proc/sys/net/ipv4/neigh/default/gc_thresh3").and_then(|most| most.parse().ok());
    let used = read("/proc/thread-self/net/arp").map(|table| table.lines().skip(1).count());
    Facts {
        config: config(&release),
        jit: read("/proc/sys/net/core/bpf_jit_enable"),
        has_bpffs: statfs("/sys/fs/bpf").is_ok_and(|found| found.filesystem_type() == BPF_FS_MAGIC),
        capabilities: effective.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default(),
        neighbours: used.zip(most),
        release,
    }
}

fn config(release: &str) -> Option<String> {
    let is_plain = release.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-_+~".contains(letter));
    let places = [format!("/boot/config-{release}"), format!("/lib/modules/{release}/config")];
    let shown = places.iter().filter(|_| is_plain).find_map(|place| fs::read_to_string(place).ok());
    let zipped = || Path::new("/proc/config.gz").exists().then(|| output(&["zcat", "/proc/config.gz"]).ok()).flatten();
    shown.or_else(zipped)
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn judge(facts: &Facts) -> Vec<Finding> {
    let release = &facts.release;
    let version = version(release);
    let mut findings = vec![match version {
        None => Finding::warn(Check::Kernel, "version", format!("\"{release}\" tells no version"), None),
        Some(old) if old < OLDEST => {
            Finding::fail(Check::Kernel, "version", format!("Linux {release}: pxeguard needs 5.15 or later"), None)
        }
        Some(old) if old < FRAGS => {
            Finding::pass(Check::Kernel, "version", format!("Linux {release}: clsact at all ports"))
        }
        Some(old) if old < TCX => {
            Finding::pass(Check::Kernel, "version", format!("Linux {release}: clsact in place of tcx"))
        }
        Some(_) => Finding::pass(Check::Kernel, "version", format!("Linux {release}: XDP and tcx")),
    }];
    findings.push(features(facts.config.as_deref(), version.is_some_and(|version| version < TCX)));
    findings.push(match facts.jit.as_deref() {
        Some("0") => {
            let evidence = "BPF programs are interpreted: each frame costs many times as much";
            Finding::warn(Check::Kernel, "BPF JIT", evidence, Some("sysctl -w net.core.bpf_jit_enable=1".to_owned()))
        }
        Some(_) => Finding::pass(Check::Kernel, "BPF JIT", "on"),
        None => Finding::pass(Check::Kernel, "BPF JIT", "not told in this network namespace"),
    });
    findings.push(capabilities(facts.capabilities, facts.has_bpffs));
    if let Some((used, most)) = facts.neighbours {
        findings.push(match used * 10 > most * 8 {
            true => {
                let evidence = format!("{used} of {most} entries are used: machines that boot find no room in it");
                let remedy = "sysctl -w net.ipv4.neigh.default.gc_thresh2=8192 net.ipv4.neigh.default.gc_thresh3=16384";
                Finding::warn(Check::Kernel, "neighbour table", evidence, Some(remedy.to_owned()))
            }
            false => Finding::pass(Check::Kernel, "neighbour table", format!("{used} of {most} entries are used")),
        });
    }
    findings
}

fn features(config: Option<&str>, needs_clsact: bool) -> Finding {
    let Some(config) = config else {
        return Finding::pass(
            Check::Kernel,
            "features",
            "the kernel's configuration is not shown; pxeguard run tells what it lacks",
        );
    };
    let has = |option: &&str| {
        config.lines().any(|line| line.split_once('=').is_some_and(|(name, value)| name == *option && value != "n"))
    };
    let wanted = NEEDED.iter().chain(CLSACT.iter().filter(|_| needs_clsact));
    let missing: Vec<_> = wanted.filter(|option| !has(option)).copied().collect();
    match missing[..] {
        [] => Finding::pass(Check::Kernel, "features", "BPF is compiled in"),
        _ => Finding::fail(Check::Kernel, "features", format!("the kernel lacks {}", missing.join(", ")), None),
    }
}

fn capabilities(effective: u64, has_bpffs: bool) -> Finding {
    let has = |number: u32| effective & 1 << number != 0;
    let missing = CAPABILITIES.iter().filter(|(number, _)| !(has(*number) || *number == CAP_BPF && has(CAP_SYS_ADMIN)));
    let missing: Vec<_> = missing.map(|(_, name)| *name).collect();
    let bpffs = if has_bpffs { "a BPF file system is mounted" } else { "pxeguard run mounts /sys/fs/bpf" };
    match missing[..] {
        [] if has_bpffs || has(CAP_SYS_ADMIN) => {
            Finding::pass(Check::Kernel, "rights", format!("all that is needed; {bpffs}"))
        }
        [] => {
            let evidence = "no BPF file system at /sys/fs/bpf, and it cannot be mounted from here";
            Finding::fail(Check::Kernel, "rights", evidence, Some("mount -t bpf bpf /sys/fs/bpf".to_owned()))
        }
        _ => {
            let evidence =
                format!("the doctor runs without {}: what needs them could not be looked at", missing.join(", "));
            Finding::warn(Check::Kernel, "rights", evidence, Some("sudo pxeguard doctor".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;

    const ROOT: u64 = (1 << 12) | (1 << 21) | (1 << 39);

    fn results(facts: Facts) -> Vec<(String, Outcome)> {
        judge(&facts).into_iter().map(|finding| (finding.subject, finding.result)).collect()
    }

    fn facts(release: &str) -> Facts {
        Facts { release: release.to_owned(), has_bpffs: true, capabilities: ROOT, ..Facts::default() }
    }

    #[test]
    fn only_kernels_before_5_15_fail() {
        for (release, result) in [
            ("5.10.0-1-amd64", Outcome::Fail),
            ("5.15.0", Outcome::Pass),
            ("6.1.0-9", Outcome::Pass),
            ("6.18.4+", Outcome::Pass),
        ] {
            assert_eq!(results(facts(release))[0].1, result, "{release}");
        }
        assert_eq!(results(facts("huh"))[0].1, Outcome::Warn);
    }

    #[test]
    fn what_is_not_compiled_in_fails_and_clsact_is_needed_by_old_kernels_only() {
        let config =
            "# CONFIG_NET_CLS_BPF is not set\nCONFIG_BPF_SYSCALL=y\nCONFIG_BPF_JIT=y\nCONFIG_NET_SCH_INGRESS=m\n";
        assert_eq!(features(Some(config), false).result, Outcome::Pass);
        let missing = features(Some(config), true);
        assert_eq!((missing.result, missing.evidence.as_str()), (Outcome::Fail, "the kernel lacks CONFIG_NET_CLS_BPF"));
    }

    #[test]
    fn rights_that_are_missing_are_told_by_name() {
        let finding = capabilities(0, true);
        assert_eq!(finding.result, Outcome::Warn);
        assert!(finding.evidence.contains("CAP_NET_ADMIN, CAP_BPF"), "{}", finding.evidence);
        assert_eq!(capabilities(1 << 12 | 1 << 21, false).result, Outcome::Pass, "CAP_SYS_ADMIN stands for CAP_BPF");
        assert_eq!(capabilities(1 << 12 | 1 << 39, false).result, Outcome::Fail, "cannot mount");
    }

    #[test]
    fn a_neighbour_table_that_is_nearly_full_is_doubtful() {
        let result = |used| judge(&Facts { neighbours: Some((used, 1024)), ..facts("6.12.0") }).pop().unwrap().result;
        assert_eq!((result(100), result(1000)), (Outcome::Pass, Outcome::Warn));
    }
}
