//! From the Ethernet header to the IPv4 header, through whatever stands between them.
//!
//! What has to be gone through was found by others on real switches and hosts (CERT VU#855201: stacked VLAN 0 tags,
//! 802.3 with LLC/SNAP, lengths that lie): Linux strips priority tags in a loop, and Windows takes IPv4 in SNAP.

use crate::frame::Frame;
use crate::steps::Steps;

/// A network interface's number on this host; 0 is none.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(transparent)]
pub struct Ifindex(pub u32);

/// An Ethernet address.
pub type Mac = [u8; 6];

/// The type field of an Ethernet header (IEEE 802.3 §3.2.6); up to 0x05ff it is a length.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EtherType(pub u16);

impl EtherType {
    /// IPv4.
    pub const IPV4: Self = Self(0x0800);
    /// An 802.1Q customer tag.
    const C_TAG: Self = Self(0x8100);
    /// An 802.1ad service tag.
    const S_TAG: Self = Self(0x88a8);
    /// A service tag before 802.1ad gave it a type of its own.
    const OLD_S_TAG: Self = Self(0x9100);
    /// Jumbo frames' way of saying that LLC follows (draft-ietf-isis-ext-eth).
    const JUMBO_LLC: Self = Self(0x8870);
    /// OUI extended: an organisation's identifier and a protocol number follow (IEEE 802-2014 §9.2.4).
    const OUI_EXTENDED: Self = Self(0x88b7);
    /// The largest value that Windows reads as a length (802.3 ends them at 1500).
    const MAX_LENGTH: u16 = 0x05ff;

    const fn is_tag(self) -> bool {
        matches!(self, Self::C_TAG | Self::S_TAG | Self::OLD_S_TAG)
    }

    const fn is_llc(self) -> bool {
        self.0 <= Self::MAX_LENGTH || self.0 == Self::JUMBO_LLC.0
    }

    /// Whether an IPv4 packet can stand behind further link headers.
    #[inline(always)]
    pub const fn is_carrier(self) -> bool {
        self.is_tag() || self.is_llc() || self.0 == Self::OUI_EXTENDED.0
    }
}

/// Where the Ethernet type stands.
pub const ETHER_TYPE: usize = 12;
/// Length of an Ethernet header without tags.
pub const ETHERNET: usize = 14;

/// Link headers (tags, LLC, SNAP) read before the search gives up: Linux strips any number of VLAN 0 tags (forty were
/// tried), but nobody has a use for more than a service tag, a customer tag and a priority tag.
///
/// `Steps::eight` goes through them; a frame with so many or more is unreadable, and an untrusted port drops it.
pub const MAX_LINK_HEADERS: usize = 8;

/// What the link headers are made of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Carrier {
    /// An Ethernet type, perhaps behind tags: what every host takes.
    EtherType,
    /// 802.3 with LLC, SNAP or an organisation's extension: what Windows takes, too.
    Llc,
    /// More headers than [`MAX_LINK_HEADERS`]: what lies behind them is not known.
    TooDeep,
}

/// The link headers of a frame, gone through as far as its IPv4 packet.
///
/// The verifier keeps track of what is written to the first bytes of each eight: so `vlan`, which is mostly read out of
/// the frame, stands there, and not `ipv4`, of which every value would be followed by itself.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub struct Link {
    /// The VLAN: the first identifier that is not 0 (Linux strips priority tags); 0 where there is none.
    pub vlan: u16,
    /// Where the IPv4 header begins; means nothing where the carrier is [`Carrier::TooDeep`].
    pub ipv4: u16,
    /// What the headers are made of.
    pub carrier: Carrier,
}

/// The VLAN identifier in tag control information.
const VLAN_ID: u16 = 0x0fff;

impl Link {
    /// A frame without tags in it.
    #[inline(always)]
    pub fn untagged(frame: &impl Frame) -> Self {
        let vlan = frame.offloaded_tag().map_or(0, |tag| tag & VLAN_ID);
        Self { vlan, ipv4: ETHERNET as u16, carrier: Carrier::EtherType }
    }

    /// Goes through tags, LLC and SNAP; false where something other than IPv4 lies behind them.
    #[inline(never)]
    pub fn search(&mut self, frame: &impl Frame) -> bool {
        let mut search =
            Search { frame, at: ETHER_TYPE, vlan: self.vlan, carrier: Carrier::EtherType, is_found: false };
        if search.eight().is_some() {
            search.carrier = Carrier::TooDeep;
            search.is_found = true;
        }
        *self = Self { vlan: search.vlan, ipv4: search.at as u16, carrier: search.carrier };
        search.is_found
    }
}

/// A search through the link headers.
struct Search<'a, F> {
    frame: &'a F,
    /// Where the next Ethernet type stands, or the IPv4 header once that is found.
    at: usize,
    vlan: u16,
    carrier: Carrier,
    is_found: bool,
}

impl<F: Frame> Steps for Search<'_, F> {
    #[inline(always)]
    fn step(&mut self) -> Option<()> {
        let ether_type = EtherType(u16::from_be_bytes(self.frame.load(self.at)?));
        if ether_type == EtherType::IPV4 {
            self.at += 2;
            self.is_found = true;
            return None;
        }
        if ether_type.is_tag() {
            let tag = u16::from_be_bytes(self.frame.load(self.at + 2)?);
            if self.vlan == 0 {
                self.vlan = tag & VLAN_ID;
            }
            self.at += 4;
            return Some(());
        }
        if ether_type.is_llc() {
            self.carrier = Carrier::Llc;
            // DSAP; its lowest bit says "group" and is nobody's business.
            match self.frame.load::<1>(self.at + 2)?[0] & 0xfe {
                // SNAP: DSAP, SSAP, control, three bytes of organisation; any is taken, for 0000f8 is.
                0xaa => self.at += 2 + 6,
                // IPv4 right behind LLC.
                0x06 => {
                    self.at += 2 + 3;
                    self.is_found = true;
                    return None;
                }
                _ => return None,
            }
            return Some(());
        }
        if ether_type == EtherType::OUI_EXTENDED {
            self.carrier = Carrier::Llc;
            self.at += 2 + 3;
            return Some(());
        }
        None
    }
}
