//! What is chosen, by what is known of a port.

use pxeguard_common::net::Ifindex;

use super::super::objection::VlanUse;
use super::{Port, candidates};
use crate::hook::{Hook, HookChoice};
use crate::ports::{Device, Joining, Queues, XdpFeatures};

const BASIC: XdpFeatures = XdpFeatures(1);
const RX_SG: XdpFeatures = XdpFeatures(1 | 32);

/// A card whose driver runs XDP on frames in one buffer.
pub fn card(driver: &str) -> Device {
    Device { driver: Some(driver.to_owned()), xdp: Some(BASIC), ..Device::default() }
}

/// A port with that card, of which nothing is asked.
pub fn port(device: &Device) -> Port<'_> {
    Port {
        index: Ifindex(2),
        name: "eno1",
        kind: "physical",
        physical: true,
        bridge_port: true,
        only_xdp: false,
        choice: HookChoice::Auto,
        xdp_program: None,
        mtu: 1500,
        device,
        vlan_use: None,
    }
}

fn chosen(port: &Port<'_>) -> (Hook, String) {
    candidates(port).swap_remove(0)
}

#[test]
fn a_card_gets_xdp_where_nothing_speaks_against_it_and_tcx_where_it_is_refused() {
    for device in [
        card("ixgbe"),
        // Before Linux 6.3 nothing is known.
        Device { xdp: None, ..card("ixgbe") },
        Device { xdp: Some(RX_SG), ..card("virtio_net") },
        Device { takes_vlan_tags: true, ..card("igb") },
        Device { queues: Some(Queues { used: 4, most: 8 }), ..card("ena") },
        // Other drivers put up with what ena does not.
        Device { queues: Some(Queues { used: 8, most: 8 }), ..card("mlx5_core") },
    ] {
        let hooks: Vec<_> = candidates(&port(&device)).into_iter().map(|(hook, _)| hook).collect();
        assert_eq!(hooks, [Hook::Xdp, Hook::Tcx], "{device:?}");
    }
}

#[test]
fn a_card_gets_tcx_at_once_where_xdp_would_be_refused_or_lose_something() {
    let lro = Some(Joining::Lro);
    for (device, mtu, vlan_use, expected) in [
        (Device { xdp: Some(XdpFeatures(0)), ..card("e1000e") }, 1500, None, "the driver e1000e does not run XDP"),
        (
            Device { xdp: Some(XdpFeatures(0)), joins: lro, ..card("mlx5_core") },
            1500,
            None,
            "the driver mlx5_core does not run XDP, at least not with LRO on",
        ),
        (
            card("virtio_net"),
            1500,
            None,
            "without mergeable buffers virtio_net may receive frames that it does not show XDP",
        ),
        (
            Device { xdp: None, ..card("virtio_net") },
            1500,
            None,
            "before Linux 6.3 virtio_net does not tell whether it shows XDP all frames",
        ),
        (
            card("igc"),
            9000,
            None,
            "the MTU is 9000, and the driver igc runs XDP on frames in one buffer only (an MTU of 1500 always fits)",
        ),
        (
            Device { takes_vlan_tags: true, ..card("igb") },
            1500,
            Some(VlanUse::Trust),
            "VLAN tags are taken off before XDP sees a frame, and a trust names a VLAN",
        ),
        (
            Device { joins: Some(Joining::GroHw), xdp: Some(RX_SG), ..card("virtio_net") },
            1500,
            None,
            "XDP ends GRO in hardware, which bulk throughput needs",
        ),
        (Device { joins: lro, ..card("ixgbe") }, 1500, None, "XDP ends LRO, which bulk throughput needs"),
        (
            Device { queues: Some(Queues { used: 8, most: 8 }), ..card("ena") },
            1500,
            None,
            "the driver ena wants as many queues for XDP as are in use, and 8 of 8 are (ethtool -L frees some)",
        ),
    ] {
        let port = Port { mtu, vlan_use, ..port(&device) };
        assert_eq!(candidates(&port), [(Hook::Tcx, expected.to_owned())]);
    }
}

#[test]
fn long_frames_are_no_matter_to_a_driver_that_shows_them_whole() {
    let device = Device { xdp: Some(RX_SG), ..card("ice") };
    assert_eq!(chosen(&Port { mtu: 9000, ..port(&device) }).0, Hook::Xdp);
}

#[test]
fn vlans_are_no_matter_to_a_card_that_leaves_their_tags_on() {
    let device = card("igb");
    for vlan_use in [VlanUse::Trust, VlanUse::Bridge, VlanUse::Device] {
        assert_eq!(chosen(&Port { vlan_use: Some(vlan_use), ..port(&device) }).0, Hook::Xdp);
    }
}

#[test]
fn virtual_ports_get_tcx() {
    let veth = Device { xdp: Some(RX_SG), takes_vlan_tags: true, ..card("veth") };
    let vlan = Device { xdp: Some(XdpFeatures(0)), ..card("802.1Q VLAN Support") };
    for (device, kind, expected) in [
        (&veth, "veth", "a veth port: XDP leaves a sixth of bulk TCP"),
        (&card("tun"), "tap", "a tap port: XDP costs bulk throughput"),
        (&Device { xdp: None, ..card("bonding") }, "bond", "a bond port: XDP costs bulk throughput"),
        (&vlan, "vlan", "the driver of a vlan port does not run XDP"),
    ] {
        let port = Port { kind, physical: false, mtu: 9000, ..port(device) };
        assert_eq!(chosen(&port), (Hook::Tcx, expected.to_owned()));
    }
}

#[test]
fn xdp_that_is_asked_for_is_tried_and_what_it_costs_is_said() {
    let device = Device { takes_vlan_tags: true, joins: Some(Joining::GroHw), ..card("bnxt_en") };
    let port = Port { vlan_use: Some(VlanUse::Bridge), mtu: 9000, choice: HookChoice::Xdp, ..port(&device) };
    let costs = "VLAN tags are taken off before XDP sees a frame, and the bridge filters VLANs; \
                 XDP ends GRO in hardware, which bulk throughput needs";
    assert_eq!(chosen(&port), (Hook::Xdp, format!("asked for; {costs}")));
    let (hook, reason) = chosen(&Port { choice: HookChoice::XdpGeneric, ..port });
    assert_eq!(hook, Hook::XdpGeneric);
    assert_eq!(reason, format!("asked for; XDP behind the driver copies what it could pass; {costs}"));
    assert_eq!(chosen(&Port { choice: HookChoice::Tcx, ..port }), (Hook::Tcx, "asked for".to_owned()));
}

#[test]
fn a_hook_that_frames_pass_unseen_is_not_even_taken_where_it_is_asked_for() {
    let device = card("virtio_net");
    let port = Port { choice: HookChoice::Xdp, ..port(&device) };
    let why =
        "XDP was asked for, but without mergeable buffers virtio_net may receive frames that it does not show XDP";
    assert_eq!(candidates(&port), [(Hook::Tcx, why.to_owned())]);
    let hooks: Vec<_> = candidates(&Port { only_xdp: true, ..port }).into_iter().map(|(hook, _)| hook).collect();
    assert_eq!(hooks, [Hook::XdpGeneric]);
}
