//! What drivers say of themselves.

use std::process::Command;

use super::super::{Device, Queues, XdpFeatures};
use super::namespace::{ip, run, snapshot};

async fn device(name: &str) -> Device {
    snapshot().await.link_named(name).expect("it is there").device()
}

#[test]
fn drivers_say_what_they_do_with_xdp() {
    run(&["ip", "ethtool"], || async {
        ip("link add p0 type veth peer name e0\n\
            link add p1 numrxqueues 1 type veth peer name e1 numtxqueues 2\n\
            link add vmbr0 type bridge\n\
            tuntap add tap0 mode tap\n\
            link set p0 mtu 9000\n");
        assert_eq!(snapshot().await.link_named("p0").expect("it is there").mtu, 9000);
        ethtool(["-L", "e1", "tx", "2"]);
        if device("lo").await.xdp.is_none() {
            eprintln!("SKIP: before Linux 6.3 nobody says what drivers do with XDP");
            return;
        }
        // veth_set_xdp_features: none with fewer queues than the other end has.
        for (name, runs, in_several_buffers) in
            [("p0", true, true), ("p1", false, false), ("tap0", true, false), ("vmbr0", false, false)]
        {
            let features = device(name).await.xdp.expect("it is told of lo, too");
            assert_eq!(features.has(XdpFeatures::BASIC), runs, "{name}: {features:?}");
            assert_eq!(features.has(XdpFeatures::RX_SG), in_several_buffers, "{name}: {features:?}");
        }
    });
}

#[test]
fn queues_in_use_and_at_most_are_counted() {
    run(&["ip", "ethtool"], || async {
        ip("link add p0 numrxqueues 4 numtxqueues 4 type veth peer name e0\n");
        ethtool(["-L", "p0", "tx", "3"]);
        assert_eq!(device("p0").await.queues, Some(Queues { used: 3, most: 4 }));
        assert_eq!(device("p0").await.driver.as_deref(), Some("veth"));
    });
}

#[test]
fn tags_are_taken_off_where_ethtool_says_so() {
    run(&["ip", "ethtool"], || async {
        ip("link add p0 type veth peer name e0\n");
        for rxvlan in ["on", "off", "on"] {
            ethtool(["-K", "p0", "rxvlan", rxvlan, "rx-vlan-stag-hw-parse", rxvlan]);
            assert_eq!(device("p0").await.takes_vlan_tags, rxvlan == "on", "rxvlan {rxvlan}");
        }
    });
}

fn ethtool<const N: usize>(arguments: [&str; N]) {
    let status = Command::new("ethtool").args(arguments).status().expect("it is installed");
    assert!(status.success(), "ethtool {arguments:?}");
}
