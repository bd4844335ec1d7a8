//! Programs that run beside pxeguard, and how they are stopped.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::read;

/// A running program.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Process {
    /// Its process id.
    pub pid: u32,
    /// Its name, as the kernel has it.
    pub name: String,
    /// Its command line.
    pub argv: Vec<String>,
    /// The systemd unit that it is of, unless this process is of the same.
    pub unit: Option<String>,
    /// Whether root started it, for all that can be seen: else anybody may have chosen its words.
    pub is_privileged: bool,
}

/// `CAP_NET_ADMIN` and `CAP_NET_RAW` of linux/capability.h, of which a DHCP server keeps at least one.
const PRIVILEGES: u64 = 1 << 12 | 1 << 13;

impl Process {
    /// One by its number.
    pub fn of(pid: u32) -> Option<Self> {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let name = read(folder.join("comm"))?;
        let argv = fs::read(folder.join("cmdline")).unwrap_or_default();
        let argv = argv.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        let argv = argv.filter(|word| !word.is_empty()).collect();
        // A link gives any program this name: only one whose file bears it has its words believed.
        let is_it = fs::read_link(folder.join("exe")).is_ok_and(|exe| exe.file_name() == Some(OsStr::new(&name)));
        let unit = unit(&folder).filter(|found| unit(Path::new("/proc/self")).as_ref() != Some(found));
        Some(Self { pid, name, argv, unit, is_privileged: is_it && is_privileged(&folder) })
    }

    /// All of a name that have the network of the calling thread; of those of whom that is not told, too.
    pub fn named(name: &str) -> Vec<Self> {
        let here = fs::read_link("/proc/thread-self/ns/net").ok();
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let of_name = pids.filter(|pid| read(format!("/proc/{pid}/comm")).as_deref() == Some(name));
        let is_here = |pid: &u32| match fs::read_link(format!("/proc/{pid}/ns/net")) {
            Ok(network) => here.as_ref() == Some(&network),
            Err(_) => true,
        };
        of_name.filter(is_here).filter_map(Self::of).collect()
    }

    /// The program's file, if it is one that only root can have put there: what root may run without fear.
    pub fn trusted_program(&self) -> Option<PathBuf> {
        let program = fs::read_link(format!("/proc/{}/exe", self.pid)).ok()?;
        let mut on_the_way = program.ancestors();
        let is_safe = on_the_way
            .all(|path| fs::metadata(path).is_ok_and(|metadata| metadata.uid() == 0 && metadata.mode() & 0o022 == 0));
        is_safe.then_some(program)
    }

    /// The command that ends it.
    pub fn stop(&self) -> String {
        match (&self.unit, self.pid) {
            (Some(unit), _) => format!("systemctl disable --now {}", quoted(unit)),
            // systemd holds ports for socket units.
            (None, 1) => "systemctl list-sockets".to_owned(),
            (None, pid) => format!("kill {pid}"),
        }
    }

    /// The command that starts it anew with the configuration that its files have then, and without some of its words.
    pub fn restart(&self, leave_out: impl Fn(&str) -> bool) -> String {
        match &self.unit {
            Some(unit) => format!("systemctl restart {}", quoted(unit)),
            None if !self.is_privileged => format!("kill {}", self.pid),
            None => {
                let words = self.argv.iter().filter(|word| !leave_out(word)).map(|word| quoted(word));
                format!("kill {}; sleep 1; {}", self.pid, words.collect::<Vec<_>>().join(" "))
            }
        }
    }
}

/// Has rights over the network, in the user namespace of this process.
fn is_privileged(process: &Path) -> bool {
    let namespace = fs::read_link(process.join("ns/user"));
    let is_same = namespace.is_ok_and(|other| fs::read_link("/proc/self/ns/user").is_ok_and(|own| own == other));
    let status = read(process.join("status")).unwrap_or_default();
    let permitted = status.lines().find_map(|line| line.strip_prefix("CapPrm:"));
    let permitted = permitted.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    is_same && permitted & PRIVILEGES != 0
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_=./,:@%+".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The service that a process is of, by its control group: `0::/system.slice/dnsmasq.service`.
fn unit(process: &Path) -> Option<String> {
    let groups = read(process.join("cgroup"))?;
    // Elsewhere, and within a service, others than root name the groups.
    let group = groups.lines().last()?.splitn(3, ':').nth(2)?.strip_prefix("/system.slice/")?;
    let unit = group.split('/').find(|part| !part.ends_with(".slice"))?;
    unit.ends_with(".service").then(|| unit.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_by_its_name_and_is_of_no_other_unit() {
        let me = Process::of(std::process::id()).unwrap();
        assert_eq!(me.unit, None);
        assert!(Process::named(&me.name).contains(&me));
    }

    #[test]
    fn a_service_is_restarted_by_systemd_and_what_was_started_by_hand_with_its_own_words() {
        let argv = ["dnsmasq", "--pxe-service=x86PC,a b,c", "-d"].map(str::to_owned).to_vec();
        let by_hand = Process { pid: 7, name: "dnsmasq".to_owned(), argv, unit: None, is_privileged: true };
        assert_eq!(by_hand.restart(|_| false), "kill 7; sleep 1; dnsmasq '--pxe-service=x86PC,a b,c' -d");
        assert_eq!(by_hand.restart(|word| word.starts_with("--pxe")), "kill 7; sleep 1; dnsmasq -d");
        let by_anybody = Process { is_privileged: false, ..by_hand.clone() };
        assert_eq!(by_anybody.restart(|_| false), "kill 7", "nobody else's words are run by root");
        let service = Process { unit: Some("dnsmasq.service".to_owned()), ..by_hand };
        assert_eq!(service.restart(|_| false), "systemctl restart dnsmasq.service");
        assert_eq!(service.stop(), "systemctl disable --now dnsmasq.service");
    }
}
