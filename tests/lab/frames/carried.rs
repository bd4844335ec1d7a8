//! How a packet lies in an Ethernet frame: plainly, or below stacks of tags and LLC headers.

use macaddr::MacAddr6;

/// EtherTypes.
pub mod ether_type {
    #![expect(missing_docs, reason = "the names are IEEE's")]
    pub const IPV4: u16 = 0x0800;
    pub const ARP: u16 = 0x0806;
    pub const VLAN: u16 = 0x8100;
    pub const IPV6: u16 = 0x86dd;
    pub const SLOW: u16 = 0x8809;
    pub const MPLS: u16 = 0x8847;
    pub const PPPOE_SESSION: u16 = 0x8864;
    /// Jumbo LLC (draft-ietf-isis-ext-eth): LLC that is not preceded by a length.
    pub const JUMBO_LLC: u16 = 0x8870;
    pub const EAPOL: u16 = 0x888e;
    pub const SERVICE_VLAN: u16 = 0x88a8;
    /// IEEE 802a: an OUI and a protocol follow.
    pub const OUI_EXTENDED: u16 = 0x88b7;
    pub const LLDP: u16 = 0x88cc;
    pub const PTP: u16 = 0x88f7;
}

/// Organizations of SNAP headers that carry EtherTypes.
pub mod oui {
    /// RFC 1042.
    pub const RFC1042: [u8; 3] = [0, 0, 0];
    /// IEEE 802.1H, bridge tunnel.
    pub const BRIDGE_TUNNEL: [u8; 3] = [0, 0, 0xf8];
}

/// A packet within the headers put before it so far, from the inside to the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// What goes before the bytes: an EtherType, or an IEEE 802.3 length.
    pub kind: u16,
    /// The packet and its headers.
    pub bytes: Vec<u8>,
}

impl Carried {
    /// A packet of an EtherType.
    pub fn new(kind: u16, packet: impl Into<Vec<u8>>) -> Self {
        Self { kind, bytes: packet.into() }
    }

    /// An IPv4 packet.
    pub fn ipv4(packet: impl Into<Vec<u8>>) -> Self {
        Self::new(ether_type::IPV4, packet)
    }

    /// Behind a VLAN tag of priority 0.
    #[must_use]
    pub fn tag(self, tpid: u16, vlan: u16) -> Self {
        let [kind, vlan] = [self.kind, vlan].map(u16::to_be_bytes);
        Self { kind: tpid, bytes: [&vlan[..], &kind, &self.bytes].concat() }
    }

    /// Behind tags, the first of them outermost.
    #[must_use]
    pub fn tags(self, tags: &[(u16, u16)]) -> Self {
        tags.iter().rev().fold(self, |inner, (tpid, vlan)| inner.tag(*tpid, *vlan))
    }

    /// Behind LLC and SNAP headers, with the length that it has.
    #[must_use]
    pub fn snap(self, oui: [u8; 3]) -> Self {
        let kind = self.kind.to_be_bytes();
        Self::llc([0xaa, 0xaa, 3], [&oui[..], &kind, &self.bytes].concat())
    }

    /// A payload behind an LLC header: DSAP, SSAP and control.
    pub fn llc(header: [u8; 3], payload: impl AsRef<[u8]>) -> Self {
        let bytes = [&header[..], payload.as_ref()].concat();
        Self { kind: bytes.len() as u16, bytes }
    }

    /// With another EtherType, or with a length that is a lie.
    #[must_use]
    pub fn kind(self, kind: u16) -> Self {
        Self { kind, ..self }
    }

    /// Behind an IEEE 802a header.
    #[must_use]
    pub fn oui_extended(self, oui: [u8; 3]) -> Self {
        let kind = self.kind.to_be_bytes();
        Self { kind: ether_type::OUI_EXTENDED, bytes: [&oui[..], &kind, &self.bytes].concat() }
    }

    /// The whole frame.
    pub fn frame(&self, source: MacAddr6, destination: MacAddr6) -> Vec<u8> {
        let kind = self.kind.to_be_bytes();
        [destination.as_bytes(), source.as_bytes(), &kind, &self.bytes].concat()
    }
}
