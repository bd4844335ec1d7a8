//! What speaks against XDP in the driver of a port.

use std::fmt;

use super::choice::Port;
use crate::ports::{Joining, Queues, XdpFeatures};

/// The largest MTU with which every driver runs XDP, also one that shows it only frames that lie in one buffer: igc takes no
/// more (`igc_xdp_set_prog`), others something between 2000 and 3800 (Linux 6.12).
pub const ONE_BUFFER_MTU: u32 = 1500;
/// Drivers that want a queue for XDP beside each queue in use (`ena_xdp_allowed`, `verify_xdp_configuration` of gve).
const DOUBLE_QUEUES: [&str; 2] = ["ena", "gve"];
/// Has a way to receive that XDP does not see.
const VIRTIO: &str = "virtio_net";

/// Something that speaks against XDP in the driver of a port.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Objection {
    /// Its driver runs none, or not as it is set up.
    Unsupported {
        /// Its name, or what stands for it.
        driver: String,
        /// Whether LRO is on, with which some drivers run none (`mlx5e_set_xdp_feature`).
        with_lro: bool,
    },
    /// The driver takes the program, and may receive frames without showing it them: `receive_big` of virtio_net, which is in
    /// use where the host sends packets of 64 KiB and the card has no mergeable buffers (`virtnet_set_big_packets`).
    Blind {
        /// Whether the kernel tells which way it receives; it does not before Linux 6.3.
        is_known: bool,
    },
    /// Frames can be longer than what the driver shows XDP.
    Jumbo {
        /// The driver.
        driver: String,
        /// How long they can be.
        mtu: u32,
    },
    /// It is software, and bulk traffic passes it in packets of 64 KiB as long as no XDP program wants to see frames.
    Virtual {
        /// What it is.
        kind: String,
    },
    /// Tags are taken off before XDP, and are of interest.
    Tagless(VlanUse),
    /// XDP ends it.
    Joined(Joining),
    /// The driver has too few queues left.
    Queues {
        /// The driver.
        driver: String,
        /// How many there are.
        queues: Queues,
    },
}

/// Why it matters on this host in which VLAN a frame comes in by a port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum VlanUse {
    /// Somebody behind it is trusted in one VLAN only.
    Trust,
    /// Its bridge sorts frames by VLAN.
    Bridge,
    /// There are VLAN devices on it or on its bridge.
    Device,
}

/// What speaks against XDP in the driver of this port, the gravest first.
pub fn objections(port: &Port<'_>) -> Vec<Objection> {
    let device = port.device;
    let driver = || driver(port);
    let is = |names: &[&str]| device.driver.as_deref().is_some_and(|driver| names.contains(&driver));
    let lacks = |feature| device.xdp.is_some_and(|features| !features.has(feature));
    let mut objections = Vec::new();
    // A veth's driver says so where it has too few queues, see `veth_set_xdp_features`.
    if lacks(XdpFeatures::BASIC) && !is(&["veth"]) {
        let driver = if port.physical { driver() } else { format!("of a {} port", port.kind) };
        return vec![Objection::Unsupported { driver, with_lro: device.joins == Some(Joining::Lro) }];
    }
    if is(&[VIRTIO]) && !device.xdp.is_some_and(|features| features.has(XdpFeatures::RX_SG)) {
        objections.push(Objection::Blind { is_known: device.xdp.is_some() });
    }
    if port.mtu > ONE_BUFFER_MTU && port.physical && lacks(XdpFeatures::RX_SG) {
        objections.push(Objection::Jumbo { driver: driver(), mtu: port.mtu });
    }
    if !port.physical {
        objections.push(Objection::Virtual { kind: port.kind.to_owned() });
    }
    objections.extend(tagless(port));
    objections.extend(device.joins.map(Objection::Joined));
    if let Some(queues) = device.queues.filter(|queues| is(&DOUBLE_QUEUES) && 2 * queues.used > queues.most) {
        objections.push(Objection::Queues { driver: driver(), queues });
    }
    objections
}

/// What generic XDP does not see, either: it runs before tags are put back.
pub fn tagless(port: &Port<'_>) -> Option<Objection> {
    port.vlan_use.filter(|_| port.device.takes_vlan_tags).map(Objection::Tagless)
}

/// What messages call the driver of a port.
pub fn driver(port: &Port<'_>) -> String {
    port.device.driver.as_ref().map_or_else(|| "of this port".to_owned(), Clone::clone)
}

impl Objection {
    /// Whether a program at this place would not do what it is for, so that not even who asks for it gets it.
    pub const fn forbids(&self) -> bool {
        matches!(self, Self::Blind { .. })
    }

    /// Whether the driver takes no program, rather than that something is lost by it.
    pub const fn refuses(&self) -> bool {
        matches!(self, Self::Unsupported { .. } | Self::Jumbo { .. } | Self::Queues { .. })
    }
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported { driver, with_lro: false } => write!(f, "the driver {driver} does not run XDP"),
            Self::Unsupported { driver, with_lro: true } => {
                write!(f, "the driver {driver} does not run XDP, at least not with LRO on")
            }
            Self::Blind { is_known: true } => {
                f.write_str("without mergeable buffers virtio_net may receive frames that it does not show XDP")
            }
            Self::Blind { is_known: false } => {
                f.write_str("before Linux 6.3 virtio_net does not tell whether it shows XDP all frames")
            }
            Self::Jumbo { driver, mtu } => write!(
                f,
                "the MTU is {mtu}, and the driver {driver} runs XDP on frames in one buffer only \
                 (an MTU of {ONE_BUFFER_MTU} always fits)"
            ),
            Self::Virtual { kind } if kind == "veth" => f.write_str("a veth port: XDP leaves a sixth of bulk TCP"),
            Self::Virtual { kind } => write!(f, "a {kind} port: XDP costs bulk throughput"),
            Self::Tagless(used) => write!(f, "VLAN tags are taken off before XDP sees a frame, and {used}"),
            Self::Joined(how) => write!(f, "XDP ends {}, which bulk throughput needs", how.name()),
            Self::Queues { driver, queues: Queues { used, most } } => write!(
                f,
                "the driver {driver} wants as many queues for XDP as are in use, and {used} of {most} are \
                 (ethtool -L frees some)"
            ),
        }
    }
}

impl fmt::Display for VlanUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trust => "a trust names a VLAN",
            Self::Bridge => "the bridge filters VLANs",
            Self::Device => "there are VLAN devices on this port or its bridge",
        })
    }
}
