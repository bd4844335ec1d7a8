//! The package's life in a Debian: installed, restarted, upgraded, removed, purged; and a flood meanwhile.

use std::thread;

use anyhow::Result;
use pxeguard_lab::{guard, skip_unless};
use pxeguard_package::{Built, Compression};
use serde_json::Value;
use tempfile::TempDir;

use crate::debian::{Debian, tarball};
use crate::flood::Flood;
use crate::hosts::Scene;

#[test]
fn debian_12_guards_from_installation_to_removal_without_a_gap_and_is_clean_after_purge() {
    life_in("12");
}

#[test]
fn debian_13_guards_from_installation_to_removal_without_a_gap_and_is_clean_after_purge() {
    life_in("13");
}

/// Versions of the same program: what dpkg calls an upgrade.
const VERSIONS: [&str; 2] = ["1.0", "1.1"];

/// What is booted, or at least served.
const BOOT_FILE: &str = "/var/lib/pxeguard/boot/hello";

/// A server that nobody sees.
const BY_HAND: &str = "52:54:00:12:34:56@p-client";

fn packages() -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    for version in VERSIONS {
        let built = Built { program: guard::program()?, version: version.to_owned() };
        pxeguard_package::deb(&built, Compression::Fast, folder.path())?;
    }
    Ok(folder)
}

fn life_in(release: &str) {
    skip_unless!("dpkg-deb", "dpkg-shlibdeps", "strip", "systemd-nspawn", "curl", tarball(release).to_str().unwrap());
    let packages = packages().unwrap();
    let scene = Scene::new();
    scene.lab.hypervisor().ip("address add 10.9.0.1/24 dev vmbr0\n").unwrap();
    scene.client.add_address("10.9.0.2/24").unwrap();
    let debian = Debian::boot(scene.lab.hypervisor(), release, packages.path()).unwrap();
    let before = debian.traces();
    assert!(scene.offer_arrives(&scene.rogue), "nothing is guarded yet");

    debian.install(VERSIONS[0]);
    debian.assert_runs_as_its_own_user();
    assert!(scene.offer_arrives(&scene.rogue), "it only observes until somebody is trusted");
    debian.run(["pxeguard", "trust", "add", &format!("*@{}", scene.trusted.port())]).unwrap();
    assert!(scene.offer_arrives(&scene.trusted));
    let since = debian.guarded_since();
    assert_eq!(since.len(), 3);

    thread::scope(|scope| {
        // Before it, so that what was on its way when the guard began to enforce is not counted.
        assert!(!scene.offer_arrives(&scene.rogue));
        let flood = Flood::start(scope, &scene.rogue);
        let pid = debian.pid();
        debian.shell(&format!("mkdir /var/lib/pxeguard/boot && echo hello >{BOOT_FILE}")).unwrap();
        debian.run(["systemctl", "restart", "pxeguard"]).unwrap();
        flood.goes_on();
        assert_ne!(debian.pid(), pid);
        assert_boot_files_are_served(&scene, &debian);
        let pid = debian.pid();
        debian.run(["systemctl", "reload", "pxeguard"]).unwrap();
        assert_eq!(debian.pid(), pid, "it is told to read its configuration again");
        debian.install(VERSIONS[1]);
        flood.goes_on();
        assert_ne!(debian.pid(), pid);
        debian.assert_runs_as_its_own_user();
        // What is stopped still guards.
        debian.run(["systemctl", "stop", "pxeguard"]).unwrap();
        flood.goes_on();
        assert_eq!(flood.leaked_to(&scene.at_client), 0);
    });
    // What root does by hand meanwhile becomes the service's.
    debian.run("systemd-run --quiet --unit=by-hand --service-type=notify pxeguard run".split(' ')).unwrap();
    debian.run(["pxeguard", "trust", "add", BY_HAND]).unwrap();
    debian.run(["systemctl", "stop", "by-hand"]).unwrap();
    debian.run(["systemctl", "start", "pxeguard"]).unwrap();
    assert!(debian.run(["pxeguard", "trust", "list"]).unwrap().contains(BY_HAND));
    assert_eq!(debian.guarded_since(), since);

    debian.run(["dpkg", "--remove", "pxeguard"]).unwrap();
    assert!(scene.offer_arrives(&scene.rogue), "nothing guards any more");
    debian.shell("test -s /etc/pxeguard/pxeguard.toml && test -s /var/lib/pxeguard/state.toml").unwrap();
    debian.run(["dpkg", "--purge", "pxeguard"]).unwrap();
    assert_eq!(debian.shell("find /var/lib/pxeguard -type f").unwrap(), format!("{BOOT_FILE}\n"));
    debian.shell("rm -r /var/lib/pxeguard").unwrap();
    assert_eq!(debian.traces(), before);
}

/// By TFTP and HTTP, to the client; the service's rights are enough for that.
fn assert_boot_files_are_served(scene: &Scene, debian: &Debian<'_>) {
    for place in ["http://10.9.0.1:8067", "tftp://10.9.0.1"] {
        let fetched = scene.client.run(["curl", "--silent", "--show-error", "--fail", &format!("{place}/hello")]);
        let fetched = fetched.unwrap_or_else(|why| panic!("{why}\n{}", debian.journal()));
        assert_eq!(fetched, "hello\n", "{place}");
    }
}

impl Debian<'_> {
    fn install(&self, version: &str) {
        self.shell(&format!("dpkg --install /mnt/pxeguard_{version}_*.deb")).unwrap();
        let said = self.run(["pxeguard", "status", "--json"]).unwrap_or_else(|why| panic!("{why}\n{}", self.journal()));
        assert!(said.contains("\"ports\": 3"), "{said}");
    }

    fn journal(&self) -> String {
        self.run(["journalctl", "--no-pager", "--unit=pxeguard", "--unit=pxeguard-pins"]).unwrap()
    }

    fn assert_runs_as_its_own_user(&self) {
        let status = self.run(["cat", &format!("/proc/{}/status", self.pid())]).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        let user = self.run(["id", "--user", "pxeguard"]).unwrap().trim().to_owned();
        assert_ne!(user, "0");
        assert_eq!(field("Uid:"), [user.clone(), user.clone(), user.clone(), user]);
        // CAP_NET_BIND_SERVICE (10), CAP_NET_ADMIN (12), CAP_NET_RAW (13), CAP_PERFMON (38), CAP_BPF (39).
        let capabilities = format!("{:016x}", (1_u64 << 10) | (1 << 12) | (1 << 13) | (1 << 38) | (1 << 39));
        for set in ["CapPrm:", "CapEff:", "CapBnd:"] {
            assert_eq!(field(set), [capabilities.as_str()], "{set}");
        }
        assert_eq!((field("NoNewPrivs:"), field("Seccomp:")), (vec!["1".to_owned()], vec!["2".to_owned()]));
    }

    fn pid(&self) -> u32 {
        let pid = self.run(["systemctl", "show", "--property=MainPID", "--value", "pxeguard"]).unwrap();
        pid.trim().parse().unwrap()
    }

    /// Of each port.
    fn guarded_since(&self) -> Vec<Value> {
        let ports: Value = serde_json::from_str(&self.run(["pxeguard", "ports", "--json"]).unwrap()).unwrap();
        ports.as_array().unwrap().iter().map(|port| port["guarded_since"].clone()).collect()
    }

    /// Files of the name, users, pins, units, and processes.
    fn traces(&self) -> String {
        let traces = "find / -xdev -iname '*pxeguard*' ! -path '/proc/*' ! -path '/mnt/*' | sort
            find /run /sys/fs/bpf -iname '*pxeguard*' -o -path '/sys/fs/bpf/*' | sort
            getent passwd pxeguard; getent group pxeguard
            systemctl list-unit-files --no-legend --no-pager 'pxeguard*'; dpkg --get-selections 'pxeguard*'
            grep -l pxeguard /proc/[0-9]*/comm || true";
        self.shell(traces).unwrap()
    }
}
