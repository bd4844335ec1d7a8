//! Who may answer: a place, which a MAC address can narrow.
//!
//! Every client takes a reply with a forged source, so a MAC alone proves nothing; the port by which a frame came in
//! cannot be forged.

use crate::net::{Ifindex, Mac};
use crate::pod::pod;

/// Key of the `TRUST` map: one place that may answer.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(C)]
pub struct Place {
    port: u32,
    mac: Mac,
    vlan: u16,
}
pod!(Place, 4, 6, 2);

impl Place {
    const ANY_PORT: u32 = 0;
    const ANY_MAC: Mac = [0; 6];
    const ANY_VLAN: u16 = 0xffff;

    /// A place; `None` stands for any.  VLAN 0 is what has no VLAN.
    #[inline(always)]
    pub fn new(port: Option<Ifindex>, mac: Option<Mac>, vlan: Option<u16>) -> Self {
        Self {
            port: port.map_or(Self::ANY_PORT, |port| port.0),
            mac: mac.unwrap_or(Self::ANY_MAC),
            vlan: vlan.unwrap_or(Self::ANY_VLAN),
        }
    }

    /// Which of the kinds of places it is.
    pub fn shape(&self) -> Shape {
        let narrowed = self.vlan != Self::ANY_VLAN;
        match (self.port == Self::ANY_PORT, self.mac == Self::ANY_MAC) {
            (true, _) if narrowed => Shape::MacVlan,
            (true, _) => Shape::Mac,
            (false, true) if narrowed => Shape::PortVlan,
            (false, true) => Shape::Port,
            (false, false) if narrowed => Shape::MacAtPortVlan,
            (false, false) => Shape::MacAtPort,
        }
    }
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
    pub const DHCP: Self = Self { kind: 0 };
    /// May answer PXE clients.
    pub const PXE: Self = Self { kind: Self::PXE_BIT };
    /// The MAC address is trusted at another place: here it is a spoof.
    pub const ELSEWHERE: Self = Self { kind: Self::ELSEWHERE_BIT };
    const PXE_BIT: u32 = 1;
    const FIRST_SEEN_BIT: u32 = 2;
    const ELSEWHERE_BIT: u32 = 4;

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

    #[inline(always)]
    const fn class(self) -> Class {
        if self.kind & Self::PXE_BIT == 0 { Class::Dhcp } else { Class::Pxe }
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
        let mut standing = Self::Untrusted;
        for shape in Shape::ALL {
            if !shapes.has(shape) {
                continue;
            }
            let Some(grant) = policy.grant(&shape.place(port, mac, vlan)) else {
                continue;
            };
            let here = grant.kind & Grant::ELSEWHERE_BIT == 0
                && (grant.kind & Grant::FIRST_SEEN_BIT == 0 || policy.bind(mac, port) == Some(port));
            match (here, grant.class()) {
                (true, Class::Dhcp) => return Self::Trusted(Class::Dhcp),
                (true, Class::Pxe) => standing = Self::Trusted(Class::Pxe),
                (false, _) if standing == Self::Untrusted => standing = Self::Spoof,
                (false, _) => {}
            }
        }
        standing
    }
}
