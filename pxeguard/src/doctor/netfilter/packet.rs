//! Packets that matter, by what is known of each before it is sent.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// What a rule can look at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Field {
    /// Interface by which it came; of a bridged packet at a bridge's hooks its port, at IPv4's hooks the bridge.
    In,
    /// Interface by which it goes.
    Out,
    /// The bridge's port by which it came, at IPv4's hooks (`-m physdev`).
    PhysIn,
    /// The bridge's port by which it goes.
    PhysOut,
    /// Whether it is bridged, 0 or 1.
    IsBridged,
    /// Family of the hook: 2 for IPv4, 10 for IPv6.
    Nfproto,
    /// Ethertype.
    EtherType,
    /// VLAN.
    Vlan,
    /// IP protocol.
    Protocol,
    /// IPv4 source.
    Source,
    /// IPv4 destination.
    Destination,
    /// Source port.
    SourcePort,
    /// Destination port.
    DestinationPort,
    /// Connection tracking, see [`state`].
    State,
    /// Whether its connection was redirected, see [`REDIRECTED`].
    Status,
    /// What its destination is to this host (`RTN_*` of linux/rtnetlink.h).
    DestinationType,
    /// To whom its frame is sent (`PACKET_*` of linux/if_packet.h).
    PacketType,
}

/// States of a connection, as numbers of this module.
pub mod state {
    /// Its first packet.
    pub const NEW: u32 = 1;
    /// Any later one.
    pub const ESTABLISHED: u32 = 2;
    /// The first one of a connection that another one told of.
    pub const RELATED: u32 = 3;
    /// None that fits.
    pub const INVALID: u32 = 4;
    /// Not looked at.
    pub const UNTRACKED: u32 = 5;
}

/// Connections that were redirected (`ct status dnat`, `snat`); ours are not.
pub const REDIRECTED: u32 = 1;
/// IP protocols (IANA).
pub const TCP: u32 = 6;
/// The same.
pub const UDP: u32 = 17;
/// `ETH_P_IP`.
pub const IPV4: u32 = 0x0800;
/// `NFPROTO_IPV4`.
pub const NFPROTO_IPV4: u32 = 2;

/// What is known of a field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value {
    /// Something from the first to the last.
    Within(u32, u32),
    /// One of these.
    Named(Vec<String>),
    /// The packet has none.
    Absent,
    /// Nothing.
    Unknown,
}

/// A packet on its way through one hook.
#[derive(Clone, Debug)]
pub struct Packet {
    /// IP protocol.
    pub protocol: u32,
    /// Source port, from and to.
    pub source_port: (u16, u16),
    /// Destination port, from and to.
    pub destination_port: (u16, u16),
    /// Source, one of these.
    pub source: Ipv4Net,
    /// Destination, one of these.
    pub destination: Ipv4Net,
    /// Whether it goes to everybody.
    pub is_broadcast: bool,
    /// Whether its destination is this host.
    pub is_to_host: bool,
    /// Connection tracking.
    pub state: u32,
    /// Interfaces by which it may come here; none where the host sends it.
    pub from: Vec<String>,
    /// Interfaces by which it may go.
    pub to: Vec<String>,
    /// Ports of the bridge by which it may come or go, at IPv4's hooks.
    pub ports: Vec<String>,
    /// Whether it is bridged.
    pub is_bridged: bool,
}

impl Packet {
    /// What is known of a field.
    pub fn value(&self, field: Field) -> Value {
        let exactly = |number| Value::Within(number, number);
        let names = |names: &[String]| if names.is_empty() { Value::Absent } else { Value::Named(names.to_vec()) };
        match field {
            Field::In => names(&self.from),
            Field::Out => names(&self.to),
            Field::PhysIn if !self.from.is_empty() => names(&self.ports),
            Field::PhysOut if self.is_bridged => names(&self.ports),
            Field::PhysIn | Field::PhysOut | Field::Vlan => Value::Absent,
            Field::IsBridged => exactly(self.is_bridged.into()),
            Field::Nfproto => exactly(NFPROTO_IPV4),
            Field::EtherType => exactly(IPV4),
            Field::Protocol => exactly(self.protocol),
            Field::Source => addresses(&self.source),
            Field::Destination => addresses(&self.destination),
            Field::SourcePort => ports(self.source_port),
            Field::DestinationPort => ports(self.destination_port),
            Field::State => exactly(self.state),
            Field::Status => exactly(0),
            Field::DestinationType => exactly(match (self.is_broadcast, self.is_to_host) {
                (true, _) => destination_type::BROADCAST,
                (false, true) => destination_type::LOCAL,
                (false, false) => destination_type::UNICAST,
            }),
            Field::PacketType if self.from.is_empty() => Value::Unknown,
            Field::PacketType => exactly(self.is_broadcast.into()),
        }
    }
}

/// `RTN_*` of linux/rtnetlink.h.
pub mod destination_type {
    /// A machine's.
    pub const UNICAST: u32 = 1;
    /// This host's.
    pub const LOCAL: u32 = 2;
    /// Everybody's.
    pub const BROADCAST: u32 = 3;
    /// A group's.
    pub const MULTICAST: u32 = 5;
}

/// The numbers of a network's addresses, from and to.
pub fn numbers(net: &Ipv4Net) -> (u32, u32) {
    (net.network().to_bits(), net.broadcast().to_bits())
}

/// A single address.
pub fn only(address: Ipv4Addr) -> Ipv4Net {
    address.into()
}

fn addresses(net: &Ipv4Net) -> Value {
    let (first, last) = numbers(net);
    Value::Within(first, last)
}

fn ports((first, last): (u16, u16)) -> Value {
    Value::Within(first.into(), last.into())
}
