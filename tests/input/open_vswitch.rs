//! A bridge of a real Open vSwitch, with its userspace datapath.

use pxeguard_lab::servers::dnsmasq;
use pxeguard_lab::{Client, Guest, Lab, Pool, Process, Server, skip_unless, until};

use crate::SOON;
use crate::ended::{Ended, assert_nothing_attached, guard};

const FOLDER: &str = "/run/openvswitch";

/// `ovsbr0` in the lab's hypervisor, with a slow trusted server, a rogue and a client.
struct Switch {
    lab: Lab,
    client: Guest,
    _servers: [(Guest, Process); 2],
    _daemons: [Process; 2],
}

impl Switch {
    fn new() -> Self {
        let lab = Lab::new().unwrap();
        let daemons = start(&lab);
        let guests = ["trusted", "rogue", "client"].map(|name| lab.attach_detached(name).unwrap());
        vsctl(&lab, "add-br ovsbr0 -- set bridge ovsbr0 datapath_type=netdev");
        for guest in &guests {
            // A packet socket has no card behind it that would finish checksums.
            guest.run(["ethtool", "-K", "eth0", "tx", "off"]).unwrap();
            vsctl(&lab, &format!("add-port ovsbr0 {}", guest.port()));
        }
        let [trusted, rogue, client] = guests;
        let slow = dnsmasq::start(&trusted, &Pool::TRUSTED, &[dnsmasq::SLOW]).unwrap();
        let fast = Server::Dnsmasq.start(&rogue, &Pool::ROGUE).unwrap();
        Self { lab, client, _servers: [(trusted, slow), (rogue, fast)], _daemons: daemons }
    }

    fn leased_from(&self) -> std::net::Ipv4Addr {
        Client::Udhcpc.lease(&self.client).unwrap().server_id
    }
}

/// Its daemons, without a service manager and without the kernel's datapath.
fn start(lab: &Lab) -> [Process; 2] {
    let host = lab.hypervisor();
    let (database, socket) = (format!("{FOLDER}/conf.db"), format!("{FOLDER}/db.sock"));
    host.run(["mkdir", FOLDER]).unwrap();
    host.run(["ovsdb-tool", "create", &database, "/usr/share/openvswitch/vswitch.ovsschema"]).unwrap();
    let server = host.spawn(["ovsdb-server", &database, &format!("--remote=punix:{socket}")]).unwrap();
    let exists = || host.enter(|| std::path::Path::new(&socket).exists()).unwrap();
    until(SOON, "the database listens", exists).unwrap();
    vsctl(lab, "--no-wait init");
    let switch = host.spawn(["ovs-vswitchd", "--disable-system", &format!("unix:{socket}")]).unwrap();
    [server, switch]
}

fn vsctl(lab: &Lab, line: &str) {
    let socket = format!("--db=unix:{FOLDER}/db.sock");
    lab.hypervisor().run(["ovs-vsctl", "--timeout=15", &socket].into_iter().chain(line.split(' '))).unwrap();
}

#[test]
fn bridge_of_open_vswitch_is_refused_and_its_ports_are_named_which_can_be_guarded() {
    skip_unless!("ovs-vsctl", "ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ethtool", "bpftool", "dnsmasq", "busybox");
    let switch = Switch::new();
    let host = switch.lab.hypervisor();
    assert_eq!(switch.leased_from(), Pool::ROGUE.server, "without a guard the rogue is faster");

    let ports = "--iface p-client --iface p-rogue --iface p-trusted";
    let refused = Ended::of(host, "run --iface ovsbr0 --trust-port p-trusted");
    refused.failed(&["ovsbr0: an Open vSwitch bridge", "guards its ports one by one", ports]);
    assert_nothing_attached(host);

    // What it says is what helps; tc would come too late there, so that it is not used though it is asked for.
    let guard = guard(&switch.lab, &format!("{ports} --trust-port p-trusted --hook tcx"));
    let listed = guard.json("ports").unwrap();
    for port in listed.as_array().unwrap() {
        assert_eq!((&port["hook"], &port["bridge"]), (&"xdp".into(), &"ovsbr0".into()), "{port}");
        assert!(port["reason"].as_str().unwrap().contains("Open vSwitch takes the frames of this port before tc"));
    }
    assert_eq!(listed.as_array().unwrap().len(), 3);
    assert_eq!(switch.leased_from(), Pool::TRUSTED.server);
    let dropped = listed_dropped(&guard.json("ports").unwrap());
    assert!(dropped > 0);

    guard.stop().unwrap();
    assert_eq!(switch.leased_from(), Pool::TRUSTED.server, "the guard outlives the daemon");
    Ended::of(host, "detach").succeeded(&["no longer guarded: 3"]);
    assert_eq!(switch.leased_from(), Pool::ROGUE.server, "nothing is left");
}

fn listed_dropped(ports: &serde_json::Value) -> u64 {
    let rogue = ports.as_array().unwrap().iter().find(|port| port["name"] == "p-rogue");
    rogue.and_then(|port| port["dropped"].as_u64()).unwrap()
}
