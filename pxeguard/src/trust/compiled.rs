//! Trusts as the kernel looks them up.

use std::collections::BTreeMap;

use pxeguard_common::net::{Ifindex, Mac};
use pxeguard_common::trust::{Class, Config, Grant, Mode, Place, Policy, Shapes, Standing};

use super::{InterfaceName, MacAddress, PortName, Trust, TrustPlace};

/// What the kernel's maps have to hold for a list of trusts.
///
/// It is a [`Policy`], too, so that the daemon can tell how a server stands by the very rules of the kernel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Compiled {
    /// The `TRUST` map.
    pub entries: BTreeMap<Place, Grant>,
    /// The kinds of places among them, for the `CONFIG` map.
    pub shapes: Shapes,
    /// The `BINDINGS` map: MAC addresses that are bound to a port that is there.
    pub bound: BTreeMap<Mac, Ifindex>,
    /// Trusts whose port is not there, by index in the list: nobody answers by them until the port appears.
    pub absent: Vec<usize>,
    /// For [`Policy::config`]; how a server stands does not depend on it.
    mode: Mode,
}

impl Compiled {
    /// How a server stands: of a MAC address that is to be bound and is not yet, as if it were bound here.
    pub fn standing(&self, port: Ifindex, mac: Mac, vlan: u16) -> Standing {
        Standing::of(self, self.shapes, port, mac, vlan)
    }
}

impl Policy for Compiled {
    fn config(&self) -> Config {
        Config::new(self.mode, self.shapes)
    }

    fn grant(&self, place: &Place) -> Option<Grant> {
        self.entries.get(place).copied()
    }

    fn bind(&self, mac: Mac, port: Ifindex) -> Option<Ifindex> {
        Some(self.bound.get(&mac).copied().unwrap_or(port))
    }
}

/// Turns trusts into the entries of the kernel's maps.
///
/// `ports` finds the interfaces that a name means, none or several; `bindings` tells where a MAC address was first seen.  Where two trusts are
/// about the same place, the wider one counts: DHCP before PXE, and of the same class anywhere before first seen.
pub fn compile<'a>(
    trusts: impl IntoIterator<Item = &'a Trust>,
    mode: Mode,
    ports: impl Fn(&PortName) -> Vec<Ifindex>,
    bindings: &BTreeMap<MacAddress, InterfaceName>,
) -> Compiled {
    let mut widths = BTreeMap::new();
    let mut bound = BTreeMap::new();
    let mut absent = Vec::new();
    let one = |name: &InterfaceName| ports(&PortName::Interface(name.clone())).first().copied();
    for (index, Trust { place, vlan, class }) in trusts.into_iter().enumerate() {
        let mut widen = |at, mac, width: Width| {
            let entry = widths.entry(Place::new(at, mac, *vlan)).or_insert(width);
            *entry = width.max(*entry);
        };
        match place {
            TrustPlace::Port(name) => {
                let places = ports(name);
                places.iter().for_each(|at| widen(Some(*at), None, Width::of(*class)));
                absent.extend(places.is_empty().then_some(index));
            }
            TrustPlace::MacAtPort(mac, name) => {
                let places = ports(name);
                widen(None, Some(*mac), Width::Elsewhere);
                places.iter().for_each(|at| widen(Some(*at), Some(*mac), Width::of(*class)));
                absent.extend(places.is_empty().then_some(index));
            }
            TrustPlace::MacFirstSeen(mac) => match bindings.get(&MacAddress(*mac)).map(one) {
                None => widen(None, Some(*mac), Width::where_first_seen(*class)),
                Some(Some(at)) => {
                    bound.insert(*mac, at);
                    widen(None, Some(*mac), Width::where_first_seen(*class));
                }
                // Were it left unbound, whoever forges it next would take the place of a server that is switched off.
                Some(None) => {
                    widen(None, Some(*mac), Width::Elsewhere);
                    absent.push(index);
                }
            },
            TrustPlace::MacAnywhere(mac) => widen(None, Some(*mac), Width::of(*class)),
        }
    }
    let shapes = widths.keys().fold(Shapes::NONE, |shapes, place| shapes.with(place.shape()));
    let entries = widths.into_iter().map(|(place, width)| (place, width.grant())).collect();
    Compiled { entries, shapes, bound, absent, mode }
}

/// Grants, from the narrowest to the widest.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Width {
    Elsewhere,
    PxeWhereFirstSeen,
    Pxe,
    DhcpWhereFirstSeen,
    Dhcp,
}

impl Width {
    const fn of(class: Class) -> Self {
        match class {
            Class::Dhcp => Self::Dhcp,
            Class::Pxe => Self::Pxe,
        }
    }

    const fn where_first_seen(class: Class) -> Self {
        match class {
            Class::Dhcp => Self::DhcpWhereFirstSeen,
            Class::Pxe => Self::PxeWhereFirstSeen,
        }
    }

    const fn grant(self) -> Grant {
        match self {
            Self::Elsewhere => Grant::ELSEWHERE,
            Self::PxeWhereFirstSeen => Grant::PXE.where_first_seen(),
            Self::Pxe => Grant::PXE,
            Self::DhcpWhereFirstSeen => Grant::DHCP.where_first_seen(),
            Self::Dhcp => Grant::DHCP,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: Mac = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];
    const ENO1: Ifindex = Ifindex(2);
    const TAP0: Ifindex = Ifindex(7);
    const TAP1: Ifindex = Ifindex(8);
    const TRUSTED: Standing = Standing::Trusted(Class::Dhcp);

    fn ports(name: &PortName) -> Vec<Ifindex> {
        match name.to_string().as_str() {
            "eno1" => vec![ENO1],
            "tap0" => vec![TAP0],
            "vm:100" => vec![TAP0, TAP1],
            _ => Vec::new(),
        }
    }

    fn compiled(texts: &[&str], bindings: &[&str]) -> Compiled {
        let trusts: Vec<Trust> = texts.iter().map(|text| text.parse().unwrap()).collect();
        let bindings = bindings.iter().map(|name| (MacAddress(SERVER), name.parse().unwrap())).collect();
        compile(&trusts, Mode::Enforce, ports, &bindings)
    }

    #[test]
    fn nobody_is_trusted_by_an_empty_list() {
        let nothing = compiled(&[], &[]);
        assert_eq!((nothing.entries.len(), nothing.shapes), (0, Shapes::NONE));
        assert_eq!(nothing.standing(ENO1, SERVER, 0), Standing::Untrusted);
    }

    #[test]
    fn each_trust_becomes_its_entries() {
        let entries = |text| compiled(&[text], &[]).entries.into_iter().collect::<Vec<_>>();
        let server = Some(SERVER);
        assert_eq!(entries("*@eno1,vlan=5"), [(Place::new(Some(ENO1), None, Some(5)), Grant::DHCP)]);
        assert_eq!(entries("52:54:00:12:34:56@*,pxe"), [(Place::new(None, server, None), Grant::PXE)]);
        let first_seen = Grant::DHCP.where_first_seen();
        assert_eq!(entries("52:54:00:12:34:56,vlan=0"), [(Place::new(None, server, Some(0)), first_seen)]);
        let at_port = entries("52:54:00:12:34:56@eno1");
        assert_eq!(at_port.len(), 2);
        assert!(at_port.contains(&(Place::new(Some(ENO1), server, None), Grant::DHCP)));
        assert!(at_port.contains(&(Place::new(None, server, None), Grant::ELSEWHERE)));
    }

    #[test]
    fn a_trusted_address_at_another_port_is_a_spoof() {
        let policy = compiled(&["52:54:00:12:34:56@eno1"], &[]);
        assert_eq!(policy.standing(ENO1, SERVER, 0), TRUSTED);
        assert_eq!(policy.standing(TAP0, SERVER, 0), Standing::Spoof);
        assert_eq!(policy.standing(TAP0, [2; 6], 0), Standing::Untrusted);
    }

    #[test]
    fn a_guest_is_trusted_at_each_of_its_ports() {
        let policy = compiled(&["*@vm:100,pxe", "52:54:00:12:34:56@vm:100", "*@vm:101"], &[]);
        for port in [TAP0, TAP1] {
            assert_eq!(policy.standing(port, SERVER, 0), TRUSTED);
            assert_eq!(policy.standing(port, [2; 6], 0), Standing::Trusted(Class::Pxe));
        }
        assert_eq!((policy.standing(ENO1, SERVER, 0), policy.absent.as_slice()), (Standing::Spoof, [2].as_slice()));
    }

    #[test]
    fn the_wider_of_two_trusts_counts_in_any_order() {
        for texts in [["*@eno1,pxe", "*@eno1"], ["*@eno1", "*@eno1,pxe"]] {
            assert_eq!(compiled(&texts, &[]).standing(ENO1, SERVER, 0), TRUSTED, "{texts:?}");
        }
        let (here, anywhere) = ("52:54:00:12:34:56@eno1", "52:54:00:12:34:56@*");
        for texts in [[here, anywhere], [anywhere, here]] {
            assert_eq!(compiled(&texts, &[]).standing(TAP0, SERVER, 0), TRUSTED, "{texts:?}");
        }
    }

    #[test]
    fn a_bound_address_is_trusted_at_its_port_only() {
        let policy = compiled(&["52:54:00:12:34:56"], &["tap0"]);
        assert_eq!(policy.bound, BTreeMap::from([(SERVER, TAP0)]));
        assert_eq!(policy.standing(TAP0, SERVER, 0), TRUSTED);
        assert_eq!(policy.standing(ENO1, SERVER, 0), Standing::Spoof);
    }

    #[test]
    fn an_address_whose_port_is_away_is_nobodys() {
        let policy = compiled(&["52:54:00:12:34:56"], &["tap9"]);
        assert_eq!((policy.absent.as_slice(), policy.bound.len()), ([0].as_slice(), 0));
        assert_eq!(policy.standing(ENO1, SERVER, 0), Standing::Spoof);
    }

    #[test]
    fn a_trust_in_a_port_that_is_away_is_told_and_does_not_open_another() {
        let policy = compiled(&["*@tap9", "52:54:00:12:34:56@tap9", "*@eno1"], &[]);
        assert_eq!(policy.absent, [0, 1]);
        assert_eq!(policy.standing(TAP0, SERVER, 0), Standing::Spoof);
        assert_eq!(policy.standing(ENO1, SERVER, 0), TRUSTED);
    }
}
