//! Against an Open vSwitch with its userspace datapath, in namespaces of its own.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use tokio::time::{sleep, timeout};

use super::super::{Problem, Snapshot};
use super::namespace::{DEADLINE, ip, run, snapshot};
use super::{ifaces, names};

const FOLDER: &str = "/run/openvswitch";
const PROGRAMS: [&str; 5] = ["ip", "ovs-vsctl", "ovsdb-tool", "ovsdb-server", "ovs-vswitchd"];

/// The daemons of Open vSwitch, below a `/run` of the test's own; they end with it.
struct Daemons(Vec<Child>);

impl Daemons {
    /// Starts them without a service manager, and without the kernel's datapath.
    async fn start() -> Self {
        let none: Option<&str> = None;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("the mounts are ours");
        mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), none).expect("the mounts are ours");
        fs::create_dir(FOLDER).expect("an empty /run");
        let mut daemons = Self(Vec::new());
        let database = format!("{FOLDER}/conf.db");
        let schema = "/usr/share/openvswitch/vswitch.ovsschema";
        let made = command("ovsdb-tool").args(["create", &database, schema]).status();
        assert!(made.expect("it is installed").success());
        daemons.spawn("ovsdb-server", &[&database, &format!("--remote=punix:{FOLDER}/db.sock")]);
        until_exists(&format!("{FOLDER}/db.sock")).await;
        vsctl("--no-wait init");
        daemons.spawn("ovs-vswitchd", &["--disable-system", &format!("unix:{FOLDER}/db.sock")]);
        daemons
    }

    fn spawn(&mut self, program: &str, arguments: &[&str]) {
        let log = format!("--log-file={FOLDER}/{program}.log");
        let child = command(program).args(arguments).args([&log, "--verbose=console:off"]).spawn();
        self.0.push(child.expect("it is installed"));
    }
}

impl Drop for Daemons {
    fn drop(&mut self) {
        for daemon in &mut self.0 {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("OVS_RUNDIR", FOLDER).env("OVS_DBDIR", FOLDER).env("OVS_LOGDIR", FOLDER).stdin(Stdio::null());
    command
}

fn vsctl(line: &str) {
    let status = command("ovs-vsctl").arg("--timeout=10").args(line.split(' ')).status();
    assert!(status.expect("it is installed").success(), "ovs-vsctl {line}");
}

async fn until_exists(path: &str) {
    let there = async {
        while !Path::new(path).exists() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, there).await.expect(path);
}

/// `vmbr1` of the userspace datapath with two guests, a patch, an internal port and a bond; `vmbr0` beside it.
async fn switch() -> (Daemons, Snapshot) {
    let daemons = Daemons::start().await;
    ip("link add vmbr0 type bridge\n\
        tuntap add tap100i0 mode tap\n\
        tuntap add tap101i0 mode tap\n\
        tuntap add tap102i0 mode tap\n\
        tuntap add eno2 mode tap\n\
        tuntap add eno3 mode tap\n\
        link set tap102i0 master vmbr0\n");
    vsctl("add-br vmbr1 -- set bridge vmbr1 datapath_type=netdev");
    vsctl("add-port vmbr1 tap100i0 -- add-port vmbr1 tap101i0");
    vsctl("--no-wait add-port vmbr1 patch0 -- set interface patch0 type=patch options:peer=patch1");
    vsctl("add-port vmbr1 mgmt -- set interface mgmt type=internal");
    vsctl("add-bond vmbr1 uplink eno2 eno3");
    let snapshot = snapshot().await;
    assert_eq!(snapshot.link_named("vmbr1").expect("ovs-vsctl waited").kind.name(), "tap");
    (daemons, snapshot)
}

#[test]
fn bridge_in_userspace_is_told_from_a_guest_and_its_ports_are_named() {
    run(&PROGRAMS, || async {
        let (_daemons, snapshot) = switch().await;
        let ports = ["eno2", "eno3", "tap100i0", "tap101i0"].map(str::to_owned).to_vec();
        let targets = snapshot.targets(&ifaces(["vmbr1", "mgmt"])).await;
        let expected = [
            Problem::OpenVswitchBridge { iface: "vmbr1".to_owned(), ports: ports.clone() },
            Problem::OpenVswitchInternal { iface: "mgmt".to_owned(), ports },
        ];
        assert_eq!(targets.problems, expected);
        assert_eq!(
            targets.problems[0].to_string(),
            "vmbr1: an Open vSwitch bridge; pxeguard guards its ports one by one: \
             --iface eno2 --iface eno3 --iface tap100i0 --iface tap101i0"
        );
        assert_eq!(names(&targets), [""; 0]);
    });
}

#[test]
fn only_xdp_guards_a_port_in_userspace_and_others_are_as_ever() {
    run(&PROGRAMS, || async {
        let (_daemons, snapshot) = switch().await;
        let targets = snapshot.targets(&ifaces(["tap100i0", "eno2", "vmbr0"])).await;
        assert_eq!(targets.problems, []);
        for target in &targets.ports {
            let name = target.link.name.as_str();
            let expected = if name == "tap102i0" { ("vmbr0", true, false) } else { ("vmbr1", false, true) };
            let bridge = target.bridge.as_deref().expect("each is in a bridge");
            assert_eq!((bridge, target.is_bridge_port, target.only_xdp), expected, "{name}");
        }
        assert_eq!(names(&targets), ["tap100i0", "tap102i0", "eno2"]);
    });
}

#[test]
fn database_that_went_away_is_told() {
    run(&PROGRAMS, || async {
        let (daemons, snapshot) = switch().await;
        drop(daemons);
        let targets = snapshot.targets(&ifaces(["tap100i0"])).await;
        assert!(matches!(&targets.problems[..], [Problem::OpenVswitchSilent { .. }]), "{:?}", targets.problems);
        assert_eq!(names(&targets), ["tap100i0"]);
    });
}
