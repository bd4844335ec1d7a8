//! What the kernel tells of its answers: user space does all but the sending.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::PoisonError;
use std::time::Instant;

use pxeguard_common::net::Ifindex;
use pxeguard_common::request::{Ask, Asker};
use pxeguard_common::responder::Told;

use super::prepare;
use crate::clients::Step;
use crate::proxy::answer::{Arrival, Policy, answer, port};
use crate::proxy::record::Film;
use crate::proxy::responder::{answered, asked};
use crate::proxy::service::Parts;

/// Reads an entry of the ring; `None` if it is none of this version's.
pub fn read(entry: &[u8]) -> Option<Told> {
    if entry.len() < size_of::<Told>() {
        return None;
    }
    // SAFETY: it is plain old data of this length.
    Some(unsafe { entry.as_ptr().cast::<Told>().read_unaligned() })
}

/// Learns from an answer, and says what is to be told of it.
pub fn note(told: &Told, parts: &Parts, steps: &mut Vec<Step>, film: &mut Film) {
    let (kind, values) = (told.request.kind, &told.request.values);
    let Some(asker) = asker(kind.asker) else { return };
    let ciaddr = Ipv4Addr::from(values.ciaddr);
    let mut request = prepare::request(kind, asker, values.chaddr, ciaddr);
    request.xid = u32::from_be_bytes(values.xid);
    request.broadcast = told.request.broadcast();
    let networks = parts.networks.borrow().clone();
    let own = networks.own.iter().find(|network| (network.iface.0, network.vlan) == (told.iface, told.vlan));
    let Some(own) = own else { return };
    let is_offer = kind.ask == Ask::Offer as u8;
    let (to_mac, to) = match is_offer {
        true => ([0xff; 6], SocketAddrV4::new(Ipv4Addr::BROADCAST, port::SERVER)),
        false => (own.mac, SocketAddrV4::new(own.address.addr(), port::BOOT_SERVER)),
    };
    let at = Arrival {
        iface: Ifindex(told.iface),
        vlan: told.vlan,
        from_mac: values.chaddr,
        to_mac,
        from: SocketAddrV4::new(ciaddr, told.from_port),
        to,
    };
    let settings = parts.settings.borrow().clone();
    let mut learning = parts.learning.lock().unwrap_or_else(PoisonError::into_inner);
    if !is_offer {
        learning.has_address(values.chaddr);
        steps.push(Step::Addressed { mac: values.chaddr, ip: ciaddr, server: None });
    }
    let mut policy =
        Policy { networks: &networks, settings: &settings, offers: &*parts.offers, learning: &mut learning };
    // Else the policy has changed just now.
    let now = Instant::now();
    if let Ok(answer) = answer(&request, &at, &mut policy, now) {
        film.take_kernel_answer(&own.name, &answer, now);
        steps.extend([asked(&request, &at), answered(&request, answer)]);
    }
}

fn asker(number: u8) -> Option<Asker> {
    super::ASKERS.into_iter().find(|asker| *asker as u8 == number)
}
