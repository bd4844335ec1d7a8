//! The ways that packets take through this host, hook by hook.
//!
//! A frame that comes by a bridge's port passes the port's ingress and the bridge's own hooks; with br_netfilter IPv4's as well,
//! at which the bridge stands for its port.  The packet socket of pxeguard is on the bridge, before the bridge's ingress.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::packet::{Packet, TCP, UDP, only, state};
use super::rules::{Family, Hook};
use super::traffic::Traffic;

/// Where a TFTP transfer's own port is, by the kernel's default (`net.ipv4.ip_local_port_range`).
pub const EPHEMERAL: (u16, u16) = (32768, 60999);
/// Ports of clients.
pub const ANY_PORT: (u16, u16) = (1024, 65535);
/// Ports of DHCP (RFC 2131 §4.1), servers' and clients'.
const SERVER: (u16, u16) = (67, 67);
const CLIENT: (u16, u16) = (68, 68);

/// A packet at a hook of some families.
pub type Step = (&'static [Family], Hook, Packet);

/// Hooks of IPv4.
pub const IP: &[Family] = &[Family::Ip, Family::Inet];
const BRIDGE: &[Family] = &[Family::Bridge];
const DEVICE: &[Family] = &[Family::Netdev, Family::Inet];

/// One guarded interface.
#[derive(Clone, Debug, Default)]
pub struct Wire {
    /// The bridge, or the interface itself.
    pub name: String,
    /// Of a bridge, its ports.
    pub ports: Vec<String>,
    /// Whether it is a bridge.
    pub is_bridge: bool,
    /// Where its clients are.
    pub net: Option<Ipv4Net>,
    /// Whether bridged frames pass iptables (br_netfilter).
    pub calls_iptables: bool,
}

/// One way that traffic takes.
#[derive(Clone, Debug)]
pub struct Way {
    /// The hooks on it.
    pub steps: Vec<Step>,
    /// The port by which it comes, where each has a way of its own.
    pub at: Option<String>,
    /// What goes it.
    pub kind: Kind,
}

/// What goes a way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// All there is.
    Sole,
    /// What clients behind one port ask.
    Asked,
    /// What DHCP servers behind one port reply.
    Replied,
}

impl Wire {
    /// The ways that traffic takes.
    pub fn ways(&self, traffic: Traffic) -> Vec<Way> {
        let alone = |steps| vec![Way { steps, at: None, kind: Kind::Sole }];
        match traffic {
            Traffic::Question if !self.is_bridge => Vec::new(),
            Traffic::Question => self.by_port(Kind::Asked, |from| self.questions(from)),
            Traffic::Bridged => {
                let mut ways = self.by_port(Kind::Asked, |from| self.bridged(from, &self.asked()));
                ways.extend(self.by_port(Kind::Replied, |from| self.bridged(from, &self.replied())));
                ways
            }
            Traffic::Answer => alone(self.out_of_bridge(&self.answer())),
            Traffic::Tftp => alone(self.to_host(&self.request(UDP, ANY_PORT, (69, 69), state::NEW))),
            Traffic::TftpData => alone(self.to_host(&self.request(UDP, ANY_PORT, EPHEMERAL, state::ESTABLISHED))),
            Traffic::Http(port) => {
                let first = self.to_host(&self.request(TCP, ANY_PORT, (port, port), state::NEW));
                let later = self.to_host(&self.request(TCP, ANY_PORT, (port, port), state::ESTABLISHED));
                alone([first, later].concat())
            }
            Traffic::Served => {
                let datagram = self.out_of_host(&self.response(UDP, EPHEMERAL, state::NEW));
                let segment = self.out_of_host(&self.response(TCP, ANY_PORT, state::ESTABLISHED));
                alone([datagram, segment].concat())
            }
        }
    }

    fn by_port(&self, kind: Kind, steps: impl Fn(&str) -> Vec<Step>) -> Vec<Way> {
        let way = |port: &String| Way { steps: steps(port), at: Some(port.clone()), kind };
        self.ports.iter().map(way).collect()
    }

    /// To the packet socket on a bridge: it sees a frame that the bridge has let through, before the bridge's own ingress.
    fn questions(&self, from: &str) -> Vec<Step> {
        let asked = Packet { from: vec![from.to_owned()], ..self.asked() };
        let mut steps = vec![
            (DEVICE, Hook::Ingress, asked.clone()),
            (BRIDGE, Hook::Prerouting, asked.clone()),
            (BRIDGE, Hook::Input, asked.clone()),
        ];
        if self.calls_iptables {
            steps.push((IP, Hook::Prerouting, self.at_ip(&asked)));
        }
        steps
    }

    fn bridged(&self, from: &str, packet: &Packet) -> Vec<Step> {
        let to = self.ports.iter().filter(|port| *port != from).cloned().collect();
        let packet = Packet { from: vec![from.to_owned()], to, is_bridged: true, ..packet.clone() };
        let mut steps = vec![(DEVICE, Hook::Ingress, packet.clone())];
        for hook in [Hook::Prerouting, Hook::Forward, Hook::Postrouting] {
            steps.push((BRIDGE, hook, packet.clone()));
            if self.calls_iptables {
                let to = if hook == Hook::Prerouting { Vec::new() } else { vec![self.name.clone()] };
                steps.push((IP, hook, Packet { to, ..self.at_ip(&packet) }));
            }
        }
        steps.push((DEVICE, Hook::Egress, packet));
        steps
    }

    fn to_host(&self, packet: &Packet) -> Vec<Step> {
        let at_port = Packet { from: self.ports.clone(), ..packet.clone() };
        let mut steps = Vec::new();
        if self.is_bridge {
            steps.extend([
                (DEVICE, Hook::Ingress, at_port.clone()),
                (BRIDGE, Hook::Prerouting, at_port.clone()),
                (BRIDGE, Hook::Input, at_port.clone()),
            ]);
        }
        let here = self.at_ip(&at_port);
        steps.extend([
            (DEVICE, Hook::Ingress, here.clone()),
            (IP, Hook::Prerouting, here.clone()),
            (IP, Hook::Input, here),
        ]);
        steps
    }

    fn out_of_host(&self, packet: &Packet) -> Vec<Step> {
        let here = Packet { to: vec![self.name.clone()], ..packet.clone() };
        let mut steps = vec![(IP, Hook::Output, here.clone()), (IP, Hook::Postrouting, here.clone())];
        steps.extend(self.out_of_bridge(packet));
        steps
    }

    fn out_of_bridge(&self, packet: &Packet) -> Vec<Step> {
        let mut steps = vec![(DEVICE, Hook::Egress, Packet { to: vec![self.name.clone()], ..packet.clone() })];
        if self.is_bridge {
            let at_port = Packet { to: self.ports.clone(), ..packet.clone() };
            steps.extend([
                (BRIDGE, Hook::Output, at_port.clone()),
                (BRIDGE, Hook::Postrouting, at_port.clone()),
                (DEVICE, Hook::Egress, at_port),
            ]);
        }
        steps
    }

    /// The same packet at IPv4's hooks, where it comes by the bridge.
    fn at_ip(&self, packet: &Packet) -> Packet {
        Packet { from: vec![self.name.clone()], ports: packet.from.clone(), ..packet.clone() }
    }

    fn net(&self) -> Ipv4Net {
        self.net.map_or(Ipv4Net::default(), |net| net.trunc())
    }

    fn host(&self) -> Ipv4Net {
        self.net.map_or(Ipv4Net::default(), |net| only(net.addr()))
    }

    /// A client's DISCOVER.
    fn asked(&self) -> Packet {
        Packet {
            protocol: UDP,
            source_port: CLIENT,
            destination_port: SERVER,
            source: only(Ipv4Addr::UNSPECIFIED),
            destination: only(Ipv4Addr::BROADCAST),
            is_broadcast: true,
            is_to_host: false,
            state: state::NEW,
            from: Vec::new(),
            to: Vec::new(),
            ports: Vec::new(),
            is_bridged: false,
        }
    }

    /// A DHCP server's reply to everybody.
    fn replied(&self) -> Packet {
        Packet { source_port: SERVER, destination_port: CLIENT, source: self.net(), ..self.asked() }
    }

    /// Ours.
    fn answer(&self) -> Packet {
        Packet { source: self.host(), ..self.replied() }
    }

    /// A client's packet to this host.
    pub fn request(&self, protocol: u32, source_port: (u16, u16), destination_port: (u16, u16), state: u32) -> Packet {
        Packet {
            protocol,
            source_port,
            destination_port,
            source: self.net(),
            destination: self.host(),
            is_broadcast: false,
            is_to_host: true,
            state,
            ..self.asked()
        }
    }

    fn response(&self, protocol: u32, source_port: (u16, u16), state: u32) -> Packet {
        let (source, destination) = (self.host(), self.net());
        let request = self.request(protocol, source_port, ANY_PORT, state);
        Packet { source, destination, is_to_host: false, ..request }
    }
}
