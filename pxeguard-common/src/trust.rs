//! Who may answer: a place, which a MAC address can narrow.
//!
//! Every client takes a reply with a forged source, so a MAC alone proves nothing; the port by which a frame came in
//! cannot be forged.

use crate::net::{Ifindex, Mac};
use crate::pod::pod;
use crate::steps::Steps;

/// Key of the `TRUST` map: one place that may answer.
///
/// Two whole words: of what is written to the stack in smaller pieces the verifier takes the rest of the word for still
/// needed, and follows each combination of such leftovers by itself.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(C)]
pub struct Place {
    port: u64,
    /// The address in the lower six bytes, the VLAN in the upper two.
    mac_and_vlan: u64,
}
pod!(Place, 8, 8);

impl Place {
    const ANY_PORT: u64 = 0;
    const ANY_MAC: u64 = 0;
    const ANY_VLAN: u64 = 0xffff << 48;
    const MAC: u64 = (1 << 48) - 1;

    /// A place; `None` stands for any.  VLAN 0 is what has no VLAN.
    #[inline(always)]
    pub fn new(port: Option<Ifindex>, mac: Option<Mac>, vlan: Option<u16>) -> Self {
        Self {
            port: port.map_or(Self::ANY_PORT, |port| port.0.into()),
            mac_and_vlan: mac.map_or(Self::ANY_MAC, number) | vlan.map_or(Self::ANY_VLAN, |vlan| u64::from(vlan) << 48),
        }
    }

    /// Which of the kinds of places it is.
    pub fn shape(&self) -> Shape {
        let narrowed = self.mac_and_vlan & !Self::MAC != Self::ANY_VLAN;
        match (self.port == Self::ANY_PORT, self.mac_and_vlan & Self::MAC == Self::ANY_MAC) {
            (true, _) if narrowed => Shape::MacVlan,
            (true, _) => Shape::Mac,
            (false, true) if narrowed => Shape::PortVlan,
            (false, true) => Shape::Port,
            (false, false) if narrowed => Shape::MacAtPortVlan,
            (false, false) => Shape::MacAtPort,
        }
    }
}

/// A MAC address as a number; which byte is the lowest does not matter.
#[inline(always)]
const fn number([a, b, c, d, e, f]: Mac) -> u64 {
    u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
}

/// The kinds of places.  A reply is looked for in each kind that the policy uses: mostly one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub enum Shape {
    /// A MAC address, wherever.
    Mac,
    /// A MAC address at one port.
    MacAtPort,
    /// All that comes in by one port.
    Port,
    /// A MAC address in one VLAN.
    MacVlan,
    /// A MAC address at one port in one VLAN.
    MacAtPortVlan,
    /// One VLAN of one port.
    PortVlan,
}

impl Shape {
    /// All of them, in the order in which they are tried.
    pub const ALL: [Self; 6] =
        [Self::Mac, Self::MacAtPort, Self::Port, Self::MacVlan, Self::MacAtPortVlan, Self::PortVlan];

    /// The place of this kind that a reply comes from.
    #[inline(always)]
    fn place(self, port: Ifindex, mac: Mac, vlan: u16) -> Place {
        let (at_port, by_mac, in_vlan) = match self {
            Self::Mac => (false, true, false),
            Self::MacAtPort => (true, true, false),
            Self::Port => (true, false, false),
            Self::MacVlan => (false, true, true),
            Self::MacAtPortVlan => (true, true, true),
            Self::PortVlan => (true, false, true),
        };
        Place::new(at_port.then_some(port), by_mac.then_some(mac), in_vlan.then_some(vlan))
    }
}

/// The kinds of places that a policy uses.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(transparent)]
pub struct Shapes(u32);

impl Shapes {
    /// None: nobody is trusted.
    pub const NONE: Self = Self(0);

    /// With one kind more.
    #[must_use]
    pub const fn with(self, shape: Shape) -> Self {
        Self(self.0 | 1 << shape as u32)
    }

    #[inline(always)]
    const fn has(self, shape: Shape) -> bool {
        self.0 & 1 << shape as u32 != 0
    }
}

/// What a trusted place may say.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Class {
    /// Everything.
    Dhcp,
    /// Answers to PXE clients that give no address.
    Pxe,
}

/// Value of the `TRUST` map: what a place may do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(C)]
pub struct Grant {
    kind: u32,
}
pod!(Grant, 4);

impl Grant {
    /// May say everything.
    pub const DHCP: Self = Self { kind: 1 };
    /// May answer PXE clients.
    pub const PXE: Self = Self { kind: 2 };
    /// The MAC address is trusted at another place: here it is a spoof.
    pub const ELSEWHERE: Self = Self { kind: 4 };
    const FIRST_SEEN_BIT: u32 = 8;

    /// What a class may do.
    pub const fn of(class: Class) -> Self {
        match class {
            Class::Dhcp => Self::DHCP,
            Class::Pxe => Self::PXE,
        }
    }

    /// The same, but at the port only where the MAC address was first seen.
    #[must_use]
    pub const fn where_first_seen(self) -> Self {
        Self { kind: self.kind | Self::FIRST_SEEN_BIT }
    }

    /// What comes of it where it is looked up.
    #[inline(always)]
    fn at(self, policy: &impl Policy, port: Ifindex, mac: Mac) -> Self {
        if self.kind & Self::FIRST_SEEN_BIT != 0 && policy.bind(mac, port) != Some(port) {
            return Self::ELSEWHERE;
        }
        self
    }

    #[inline(always)]
    const fn has(self, other: Self) -> bool {
        self.kind & other.kind != 0
    }
}

/// Whether untrusted replies are dropped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// They pass, and are counted and told.
    Observe,
    /// They are dropped.
    Enforce,
}

/// Value of the `CONFIG` map: what holds for all ports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(C)]
pub struct Config {
    enforce: u32,
    shapes: Shapes,
}
pod!(Config, 4, 4);

impl Config {
    /// A mode, and the kinds of places in the `TRUST` map.
    pub const fn new(mode: Mode, shapes: Shapes) -> Self {
        Self { enforce: matches!(mode, Mode::Enforce) as u32, shapes }
    }

    /// The mode.
    #[inline(always)]
    pub const fn mode(&self) -> Mode {
        if self.enforce == 0 { Mode::Observe } else { Mode::Enforce }
    }

    /// The kinds of places that are trusted.
    pub const fn shapes(&self) -> Shapes {
        self.shapes
    }
}

/// Key of the `BINDINGS` map: a MAC address that was bound to the port where it was first seen.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(C)]
pub struct Bound {
    /// The address.
    pub mac: Mac,
    _pad: [u8; 2],
}
pod!(Bound, 6, 2);

impl Bound {
    /// A key.
    pub const fn new(mac: Mac) -> Self {
        Self { mac, _pad: [0; 2] }
    }
}

/// Entries in the `TRUST` map, and in the `BINDINGS` map.
pub const MAX_TRUSTS: u32 = 8192;

/// The policy in force, however it is kept: in BPF maps, or in memory.
pub trait Policy {
    /// What holds for all ports.
    fn config(&self) -> Config;
    /// What a place may do.
    fn grant(&self, place: &Place) -> Option<Grant>;
    /// The port to which a MAC address is bound; binds it to this one where it is bound to none yet.
    /// `None` where it cannot be bound here.
    fn bind(&self, mac: Mac, port: Ifindex) -> Option<Ifindex>;
}

/// Whom a reply comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// Somebody trusted.
    Trusted(Class),
    /// Somebody who uses a trusted MAC address at another place.
    Spoof,
    /// Anybody else.
    Untrusted,
}

impl Standing {
    /// Looks the sender up in each kind of place; the widest grant counts.
    #[inline(always)]
    pub fn of(policy: &impl Policy, shapes: Shapes, port: Ifindex, mac: Mac, vlan: u16) -> Self {
        let mut search = Search { policy, shapes, port, mac, vlan, next: 0, granted: Grant { kind: 0 } };
        let _ended = search.eight();
        let granted = search.granted;
        if granted.has(Grant::DHCP) {
            Self::Trusted(Class::Dhcp)
        } else if granted.has(Grant::PXE) {
            Self::Trusted(Class::Pxe)
        } else if granted.has(Grant::ELSEWHERE) {
            Self::Spoof
        } else {
            Self::Untrusted
        }
    }
}

/// A search through the kinds of places.
struct Search<'a, P> {
    policy: &'a P,
    shapes: Shapes,
    port: Ifindex,
    mac: Mac,
    vlan: u16,
    next: usize,
    granted: Grant,
}

impl<P: Policy> Steps for Search<'_, P> {
    #[inline(always)]
    fn step(&mut self) -> Option<()> {
        let shape = *Shape::ALL.get(self.next)?;
        self.next += 1;
        if self.shapes.has(shape)
            && let Some(grant) = self.policy.grant(&shape.place(self.port, self.mac, self.vlan))
        {
            self.granted.kind |= grant.at(self.policy, self.port, self.mac).kind;
            if self.granted.has(Grant::DHCP) {
                return None;
            }
        }
        Some(())
    }
}
