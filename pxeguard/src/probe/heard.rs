//! Replies that came, and who they are of.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use pxeguard_common::arch::Transport;
use pxeguard_common::net::Mac;

use super::question::Asker;
use super::reply::Reply;
use super::wire::Checksum;
use crate::oui;
use crate::report::{ClientAnswer, Responder};
use crate::trust::MacAddress;

/// A reply that came.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Of whom we asked as.
    pub asker: Asker,
    /// Whether it answers an INFORM.
    pub is_inform: bool,
    /// In which VLAN, 0 for none.
    pub vlan: u16,
    /// The frame's source.
    pub mac: Mac,
    /// The datagram's source.
    pub ip: Ipv4Addr,
    /// Whether its checksum is right.
    pub checksum: Checksum,
    /// When it came, after the question.
    pub after: Duration,
    /// What it says.
    pub reply: Reply,
}

/// Responders that are listed; whoever invents more shows that something is wrong, and what, well before.
const LIMIT: usize = 64;

/// Who they are of, in the order in which each first came.
pub fn responders(heard: &[Heard]) -> Vec<Responder> {
    let mut order = Vec::new();
    let mut all: BTreeMap<_, Vec<&Heard>> = BTreeMap::new();
    for one in heard {
        let key = (one.vlan, one.mac, one.ip, one.reply.server_id);
        if !all.contains_key(&key) {
            order.push(key);
        }
        all.entry(key).or_default().push(one);
    }
    order.into_iter().take(LIMIT).map(|key| responder(&all[&key])).collect()
}

/// One responder, from at least one reply.
fn responder(heard: &[&Heard]) -> Responder {
    let first = heard[0];
    let leases = heard.iter().map(|one| &one.reply).find(|reply| reply.gives_address());
    let tells = leases.unwrap_or(&first.reply);
    let relays = || heard.iter().map(|one| one.reply.giaddr);
    // An INFORM is answered with the same, less the address.
    let offers = heard.iter().filter(|one| !one.is_inform);
    Responder {
        vlan: first.vlan,
        mac: MacAddress(first.mac),
        vendor: oui::vendor(first.mac).map(|name| name.into_owned()),
        ip: first.ip,
        server_id: first.reply.server_id,
        port: None,
        is_host: false,
        trust: None,
        gives_addresses: leases.is_some(),
        boots: heard.iter().any(|one| way(one).is_some_and(|way| way != "plain")),
        address: leases.map(|reply| reply.yiaddr),
        mask: tells.mask,
        lease_s: tells.lease_s,
        routers: tells.routers.clone(),
        dns: tells.dns.clone(),
        relay: relays().find(|relay| !relay.is_unspecified()),
        informs: heard.iter().any(|one| one.is_inform),
        checksum: heard.iter().map(|one| one.checksum).max().expect("there is at least one"),
        replies: u32::try_from(heard.len()).unwrap_or(u32::MAX),
        first_reply_ms: first.after.as_millis() as u64,
        answers: offers.map(|one| answer(one)).collect(),
        port_4011: Vec::new(),
    }
}

fn answer(heard: &Heard) -> ClientAnswer {
    let reply = &heard.reply;
    ClientAnswer {
        client: heard.asker.to_string(),
        message: reply.kind.map(|kind| kind.name().to_owned()),
        class: reply.class.clone(),
        next_server: Some(reply.siaddr).filter(|address| !address.is_unspecified()),
        tftp_server: reply.tftp_server.clone(),
        file: Some(reply.file.clone()).filter(|file| !file.is_empty()),
        discovery_control: reply.pxe.as_ref().and_then(|pxe| pxe.control),
        boot_servers: reply.pxe.as_ref().map_or_else(Vec::new, |pxe| pxe.servers.clone()),
        way: way(heard).map(str::to_owned),
    }
}

/// How a client of this kind takes a reply, by what edk2 makes of it (`PxeBcParseDhcp4Packet`, `HttpBootParseDhcp4Packet`).
pub fn way(heard: &Heard) -> Option<&'static str> {
    let reply = &heard.reply;
    match heard.asker.transport()? {
        Transport::Http => (reply.is_http() && !reply.file.is_empty()).then_some("http"),
        Transport::Tftp if reply.is_direct() => Some("direct"),
        Transport::Tftp if reply.is_pxe() => match &reply.pxe {
            Some(pxe) if pxe.item.is_some() => Some("menu"),
            _ => Some("binl"),
        },
        Transport::Tftp => (!reply.file.is_empty()).then_some("plain"),
    }
}
