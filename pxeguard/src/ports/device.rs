//! What driver and hardware do to the frames of an interface.

use nix::errno::Errno;

use super::generic_netlink::{Family, attribute};
use super::netlink::{Attributes, number, text};
use super::{Link, driver};

/// What driver and hardware do to the frames of an interface, as far as it matters to a program that sees them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Device {
    /// The driver's name as in `ethtool -i`, such as `e1000e` or `virtio_net`; `None` where it does not tell.
    pub driver: Option<String>,
    /// What the driver can do with XDP; `None` before Linux 6.3, where nobody tells.
    pub xdp: Option<XdpFeatures>,
    /// Whether VLAN tags are taken off before anybody sees the frame, and kept beside it.
    pub takes_vlan_tags: bool,
    /// How received frames of a stream are joined before anybody sees them.
    pub joins: Option<Joining>,
    /// Its queues; `None` where they cannot be counted.
    pub queues: Option<Queues>,
}

/// `enum netdev_xdp_act` of linux/netdev.h.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct XdpFeatures(pub u64);

/// How hardware joins received frames.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Joining {
    /// `rx-lro`: into what cannot be sent on as it came, which is why a bridge switches it off.
    Lro,
    /// `rx-gro-hw`: into what the kernel would have made of them.
    GroHw,
}

/// How many queues an interface uses, of how many.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Queues {
    /// In use.
    pub used: u32,
    /// There are.
    pub most: u32,
}

impl XdpFeatures {
    /// `NETDEV_XDP_ACT_BASIC`: programs run, and may pass and drop.
    pub const BASIC: Self = Self(1);
    /// `NETDEV_XDP_ACT_RX_SG`: programs are shown frames that lie in several buffers.
    pub const RX_SG: Self = Self(32);
    /// Names by bit, as in Documentation/netlink/specs/netdev.yaml.
    const NAMES: [&str; 7] = ["basic", "redirect", "ndo-xmit", "xsk-zerocopy", "hw-offload", "rx-sg", "ndo-xmit-sg"];

    /// Whether all of `wanted` is among these.
    pub const fn has(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }

    /// Their names, without those that are newer than this list.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().enumerate().filter(move |(bit, _)| self.0 >> bit & 1 == 1).map(|(_, name)| name)
    }
}

impl Joining {
    /// As `ethtool -k` has it, more or less.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lro => "LRO",
            Self::GroHw => "GRO in hardware",
        }
    }
}

impl Device {
    /// Asks the kernel, in the network namespace that the calling thread is in.
    ///
    /// What it does not tell is left out: an old kernel, one without `CONFIG_ETHTOOL_NETLINK`, or an interface that has just
    /// gone.
    pub(super) fn of(link: &Link) -> Self {
        let index = link.index.0.to_ne_bytes();
        let mut device = Self { driver: driver::of(&link.name), ..Self::default() };
        let _ = device.ask_netdev(&index).inspect_err(|errno| log::debug!("{}: netdev: {errno}", link.name));
        let _ = device.ask_ethtool(&index).inspect_err(|errno| log::debug!("{}: ethtool: {errno}", link.name));
        device
    }

    /// `NETDEV_CMD_DEV_GET` of linux/netdev.h (Linux 6.3).
    fn ask_netdev(&mut self, index: &[u8]) -> Result<(), Errno> {
        const DEV_GET: u8 = 1;
        const IFINDEX: u16 = 1;
        const XDP_FEATURES: u16 = 3;
        let answer = Family::open("netdev")?.ask(DEV_GET, &attribute(IFINDEX, index))?;
        let features = nested(&answer, XDP_FEATURES).next();
        self.xdp = features.and_then(|bits| bits.try_into().ok()).map(u64::from_ne_bytes).map(XdpFeatures);
        Ok(())
    }

    /// `ETHTOOL_MSG_FEATURES_GET` and `_CHANNELS_GET` of linux/ethtool_netlink.h (Linux 5.7).
    fn ask_ethtool(&mut self, index: &[u8]) -> Result<(), Errno> {
        const FEATURES_GET: u8 = 11;
        const CHANNELS_GET: u8 = 17;
        /// With `NLA_F_NESTED` of linux/netlink.h, on which this family insists.
        const HEADER: u16 = 1 | 1 << 15;
        const DEV_INDEX: u16 = 1;
        let family = Family::open("ethtool")?;
        let header = attribute(HEADER, &attribute(DEV_INDEX, index));
        for feature in active(&family.ask(FEATURES_GET, &header)?) {
            match feature.as_str() {
                "rx-vlan-hw-parse" | "rx-vlan-stag-hw-parse" => self.takes_vlan_tags = true,
                "rx-lro" => self.joins = Some(Joining::Lro),
                "rx-gro-hw" => self.joins = Some(Joining::GroHw),
                _ => {}
            }
        }
        // A driver that has but one says EOPNOTSUPP.
        self.queues = family.ask(CHANNELS_GET, &header).ok().and_then(|answer| Queues::of(&answer));
        Ok(())
    }
}

impl Queues {
    /// Reads `ETHTOOL_A_CHANNELS_*`: queues that do both, or where there are none, those that send.
    fn of(answer: &[u8]) -> Option<Self> {
        const TX: (u16, u16) = (7, 3);
        const COMBINED: (u16, u16) = (9, 5);
        [COMBINED, TX].into_iter().find_map(|(count, max)| {
            let read = |wanted| nested(answer, wanted).next().and_then(number).filter(|number| *number > 0);
            Some(Self { used: read(count)?, most: read(max)? })
        })
    }
}

/// Names in `ETHTOOL_A_FEATURES_ACTIVE`, a bitset that lists what is on and nothing else.
fn active(answer: &[u8]) -> impl Iterator<Item = String> {
    const ACTIVE: u16 = 4;
    const BITSET_BITS: u16 = 3;
    const BITS_BIT: u16 = 1;
    const BIT_NAME: u16 = 2;
    let bits = nested(answer, ACTIVE).flat_map(|set| nested(set, BITSET_BITS));
    bits.flat_map(|bits| nested(bits, BITS_BIT)).flat_map(|bit| nested(bit, BIT_NAME)).map(text)
}

fn nested(attributes: &[u8], wanted: u16) -> impl Iterator<Item = &[u8]> {
    Attributes(attributes).filter_map(move |(kind, value)| (kind == wanted).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xdp_features_have_the_kernels_names() {
        let virtio = XdpFeatures(1 | 2 | 32);
        assert_eq!(virtio.names().collect::<Vec<_>>(), ["basic", "redirect", "rx-sg"]);
        assert!(virtio.has(XdpFeatures::BASIC) && virtio.has(XdpFeatures::RX_SG));
        assert!(!XdpFeatures(1 | 2).has(XdpFeatures::RX_SG));
    }

    #[test]
    fn queues_that_do_both_count_before_those_that_only_send() {
        let channels = |numbers: &[(u16, u32)]| {
            let attributes = numbers.iter().map(|(kind, number)| attribute(*kind, &number.to_ne_bytes()));
            Queues::of(&attributes.collect::<Vec<_>>().concat())
        };
        assert_eq!(channels(&[(5, 8), (9, 4), (3, 1), (7, 1)]), Some(Queues { used: 4, most: 8 }));
        assert_eq!(channels(&[(3, 16), (7, 16), (5, 0), (9, 0)]), Some(Queues { used: 16, most: 16 }));
        assert_eq!(channels(&[]), None);
    }

    #[test]
    fn only_what_is_on_is_read_of_a_list_of_features() {
        let bit = |name: &[u8]| attribute(1, &attribute(2, name));
        let set = |names: &[&[u8]]| attribute(3, &names.iter().map(|name| bit(name)).collect::<Vec<_>>().concat());
        let answer = [attribute(2, &set(&[b"rx-lro\0"])), attribute(4, &set(&[b"rx-gro\0", b"rx-gro-hw\0"]))].concat();
        assert_eq!(active(&answer).collect::<Vec<_>>(), ["rx-gro", "rx-gro-hw"]);
    }
}
