//! What is read of interfaces.

use std::time::{Duration, Instant};

use super::super::{Kind, Problem};
use super::namespace::{ip, ip_is_possible, run, snapshot};
use super::{ifaces, names};

#[test]
fn a_bridge_means_all_of_its_ports_and_a_card_itself() {
    run(&["ip"], || async {
        ip("link add vmbr0 type bridge\n\
            link add vmbr1 type bridge\n\
            link add veth100i0 master vmbr0 type veth peer name eth0\n\
            tuntap add tap101i0 mode tap\n\
            link set tap101i0 master vmbr0\n\
            link add fwpr102p0 master vmbr1 type veth peer name fwln102i0\n");
        let snapshot = snapshot().await;
        let targets = snapshot.targets(&ifaces(["vmbr0", "eth0", "tap101i0"])).await;
        assert_eq!(targets.problems, []);
        let mut seen: Vec<_> = targets
            .ports
            .iter()
            .map(|target| (target.link.name.as_str(), target.bridge.as_deref(), target.is_bridge_port))
            .collect();
        seen.sort_unstable();
        let vmbr0 = Some("vmbr0");
        assert_eq!(seen, [("eth0", None, false), ("tap101i0", vmbr0, true), ("veth100i0", vmbr0, true)]);
    });
}

#[test]
fn a_bridge_without_ports_is_no_problem() {
    run(&["ip"], || async {
        ip("link add vmbr0 type bridge\n");
        let targets = snapshot().await.targets(&ifaces(["vmbr0"])).await;
        assert_eq!((targets.ports.len(), targets.problems.len()), (0, 0));
    });
}

#[test]
fn kinds_and_drivers_are_told_apart() {
    run(&["ip"], || async {
        ip("link add vmbr0 type bridge\n\
            link add veth0 type veth peer name veth1\n\
            tuntap add tap0 mode tap\n\
            tuntap add tun0 mode tun\n");
        let mut expected = vec![
            ("lo", "loopback", None),
            ("vmbr0", "bridge", Some("bridge")),
            ("veth0", "veth", Some("veth")),
            ("tap0", "tap", Some("tun")),
            ("tun0", "tun", Some("tun")),
        ];
        let possible = [
            ("link add name bond0 type bond", ("bond0", "bond", Some("bonding"))),
            ("link add name team0 type team", ("team0", "team", Some("team"))),
            ("link add name dummy0 type dummy", ("dummy0", "dummy", Some("dummy"))),
            ("link add link veth0 name veth0.5 type vlan id 5", ("veth0.5", "vlan", Some("802.1Q VLAN Support"))),
            ("link add link veth1 name mac0 type macvlan", ("mac0", "macvlan", Some("macvlan"))),
            ("link add link veth1 name mac1 type macvtap", ("mac1", "macvtap", None)),
            ("link add name vxlan0 type vxlan id 5 dstport 4789", ("vxlan0", "vxlan", Some("vxlan"))),
        ];
        expected.extend(possible.into_iter().filter(|(line, _)| ip_is_possible(line)).map(|(_, link)| link));
        let snapshot = snapshot().await;
        for (name, kind, driver) in expected {
            let link = snapshot.link_named(name).unwrap_or_else(|| panic!("{name} is there"));
            assert_eq!(link.kind.name(), kind, "{name}");
            assert!(!link.physical, "{name} is software");
            if let Some(driver) = driver {
                assert_eq!(link.device().driver.as_deref(), Some(driver), "{name}");
            }
        }
        let driver_of_loopback = snapshot.link_named("lo").and_then(|link| link.device().driver);
        assert_eq!(driver_of_loopback, None);
    });
}

#[test]
fn numbers_names_macs_and_flags_are_read() {
    run(&["ip"], || async {
        ip("link add vmbr0 type bridge\n\
            link add p0 address 02:00:00:00:00:05 type veth peer name eth0\n\
            link set p0 up master vmbr0\n");
        let has_other_name = ip_is_possible("link property add dev p0 altname enp0s31f6");
        let snapshot = snapshot().await;
        let port = snapshot.link_named("p0").expect("it is there");
        assert_eq!(port.mac, Some([2, 0, 0, 0, 0, 5]));
        assert_eq!(port.master, snapshot.index_of("vmbr0"));
        assert_eq!((port.up, port.is_ethernet, port.xdp), (true, true, None));
        assert!(!snapshot.link_named("eth0").expect("it is there").up);
        assert_eq!(snapshot.name_of(port.index), Some("p0"));
        assert_eq!(snapshot.index_of("p0"), Some(port.index));
        if has_other_name {
            assert_eq!(snapshot.index_of("enp0s31f6"), Some(port.index));
        }
    });
}

#[test]
fn host_routes_from_where_it_has_an_address_unless_that_is_a_guarded_port() {
    run(&["ip"], || async {
        let _ = std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "0");
        ip("link set lo up\n\
            link add vmbr0 type bridge\n\
            link add p0 master vmbr0 type veth peer name eth0\n\
            link add p1 type veth peer name eth1\n\
            link set vmbr0 up\n\
            link set p0 up\n\
            link set eth0 up\n\
            address add 10.0.0.1/24 dev vmbr0\n\
            address add 10.0.1.1 peer 10.0.1.2/32 dev p1\n\
            address add 10.0.0.2/24 dev p0\n\
            address add fe80::5/64 dev eth0\n\
            address add 2001:db8::1/64 dev eth1\n");
        let snapshot = snapshot().await;
        let guarded = snapshot.targets(&ifaces(["vmbr0"])).await.ports;
        let mut routed: Vec<_> = snapshot.host_routed(&guarded).map(|link| link.name.as_str()).collect();
        routed.sort_unstable();
        assert_eq!(routed, ["eth1", "p1", "vmbr0"]);
        let own = snapshot.link_named("p1").expect("it is there").addresses[0];
        assert_eq!((own.ip.to_string().as_str(), own.prefix_len), ("10.0.1.1", 32));
        assert!(!snapshot.link_named("eth0").expect("it is there").has_address());
    });
}

#[test]
fn what_has_no_ethernet_is_refused_with_its_reason() {
    run(&["ip"], || async {
        ip("tuntap add tun0 mode tun\n");
        let targets = snapshot().await.targets(&ifaces(["lo", "tun0", "eno7"])).await;
        assert_eq!(names(&targets), [""; 0]);
        let expected = [
            Problem::Loopback { iface: "lo".to_owned() },
            Problem::NotEthernet { iface: "tun0".to_owned(), kind: "tun".to_owned() },
            Problem::Missing { iface: "eno7".to_owned(), candidates: Vec::new() },
        ];
        assert_eq!(targets.problems, expected);
    });
}

#[test]
fn a_snapshot_of_256_ports_is_cheap() {
    run(&["ip"], || async {
        let ports: String =
            (0..256).map(|n| format!("link add p{n} master vmbr0 type veth peer name e{n}\n")).collect();
        ip(&format!("link add vmbr0 type bridge\n{ports}"));
        let start = Instant::now();
        let snapshot = snapshot().await;
        let took = start.elapsed();
        let targets = snapshot.targets(&ifaces(["vmbr0"])).await;
        assert_eq!(targets.ports.len(), 256);
        assert!(targets.ports.iter().all(|target| target.link.kind == Kind::Veth));
        eprintln!("{} interfaces in {took:?}", snapshot.links().count());
        assert!(took < Duration::from_millis(500), "{took:?}");
    });
}
