//! The client that asks: who it is, and what it has heard.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use pxeguard_common::net::Mac;

use super::heard::{Heard, way};
use super::question::{Ask, Asker, Question, random};
use super::reply::Reply;
use super::wire::{Datagram, Wire};
use crate::proxy::answer::port;
use crate::proxy::frame::Envelope;
use crate::report::BootServerAnswer;

/// How long an answer from port 4011 is waited for: iPXE and edk2 give up or ask again after one or two seconds.
pub const BOOT_SERVER_PATIENCE: Duration = Duration::from_secs(2);
/// Questions to port 4011, for one may be lost.
const BOOT_SERVER_TRIES: u32 = 2;
/// How long an INFORM's answers are waited for: no server looks for a free address first.
const INFORM_PATIENCE: Duration = Duration::from_millis(500);
/// How long ARP's answer is waited for.
const ARP_PATIENCE: Duration = Duration::from_secs(1);
/// Replies that are kept: a flood of them shows what is wrong well before.
const MAX_HEARD: usize = 1024;

/// The client.
#[derive(Debug)]
pub struct Client {
    /// Its card.
    pub wire: Wire,
    /// Its hardware address, as it says it.
    pub chaddr: Mac,
    /// What it has heard.
    pub heard: Vec<Heard>,
    /// The number of its next transaction; a row of numbers tells whose answer is whose.
    xid: u32,
}

/// A question under way.
#[derive(Clone, Copy, Debug)]
struct Asked {
    question: Question,
    vlan: u16,
    at: Instant,
}

impl Client {
    /// One with a number of its own for its transactions.
    pub fn new(wire: Wire, chaddr: Mac) -> Self {
        Self { wire, chaddr, heard: Vec::new(), xid: random() as u32 }
    }

    /// Asks for offers as each of these, in each VLAN, and listens for so long.
    ///
    /// All under one hardware address: a server holds one address back for it at the most.
    pub fn discover(&mut self, askers: &[Asker], vlans: &[u16], patience: Duration) -> io::Result<()> {
        let mut asked = Vec::new();
        for vlan in vlans {
            for asker in askers {
                asked.push(self.broadcast(*asker, Ask::Discover, *vlan)?);
            }
        }
        self.listen(&asked, Instant::now() + patience)
    }

    /// Asks in the VLAN of each offered address what there is to know there, from that address.
    pub fn inform(&mut self, vlans: &[u16]) -> io::Result<()> {
        for vlan in vlans {
            let Some(from) = self.offered(*vlan) else { continue };
            self.wire.speak_from(Some((from, *vlan)));
            let asked = self.broadcast(Asker::Plain, Ask::Inform { from }, *vlan)?;
            let deadline = Instant::now() + INFORM_PATIENCE;
            while !self.all_have_informed(*vlan) && self.listen_once(&[asked], deadline)? {}
        }
        self.wire.speak_from(None);
        Ok(())
    }

    /// Whether all who have offered an address in a VLAN have answered an INFORM there.
    fn all_have_informed(&self, vlan: u16) -> bool {
        let of =
            |is_inform: bool| self.heard.iter().filter(move |heard| heard.vlan == vlan && heard.is_inform == is_inform);
        let has_informed = |offer: &Heard| of(true).any(|heard| (heard.mac, heard.ip) == (offer.mac, offer.ip));
        of(false).filter(|heard| heard.reply.gives_address()).all(has_informed)
    }

    /// An address that was offered in a VLAN: nobody else is given it meanwhile.
    fn offered(&self, vlan: u16) -> Option<Ipv4Addr> {
        let offers = self.heard.iter().filter(|heard| heard.vlan == vlan).map(|heard| &heard.reply);
        offers.map(|reply| reply.yiaddr).find(|address| !address.is_unspecified())
    }

    /// An address that was offered in the network of who has offered this: by itself, or by another server there.
    fn offered_near(&self, offer: &Heard) -> Option<Ipv4Addr> {
        let heard = self.heard.iter().filter(|heard| heard.vlan == offer.vlan && heard.reply.gives_address());
        let is_its = |heard: &&Heard| (heard.mac, heard.ip) == (offer.mac, offer.ip);
        let is_near = |heard: &&Heard| {
            let mask = u32::from(heard.reply.mask.unwrap_or(Ipv4Addr::BROADCAST));
            (u32::from(heard.reply.yiaddr) ^ u32::from(offer.ip)) & mask == 0
        };
        let near = heard.clone().find(is_its).or_else(|| heard.clone().find(is_near));
        near.map(|heard| heard.reply.yiaddr).or_else(|| self.offered(offer.vlan))
    }

    /// Asks the boot server that an offer names, from an offered address, as a client would that has leased it.
    ///
    /// `None` where nobody offers an address to ask from.
    pub fn ask_boot_server(&mut self, offer: &Heard) -> io::Result<Option<BootServerAnswer>> {
        let Some(from) = self.offered_near(offer) else { return Ok(None) };
        let server = offer.reply.boot_server().unwrap_or(offer.ip);
        let mut answer = BootServerAnswer {
            server,
            client: offer.asker.to_string(),
            way: way(offer).unwrap_or_default().to_owned(),
            is_needed: matches!(way(offer), Some("binl" | "menu")),
            answered: false,
            file: None,
            next_server: None,
            after_ms: None,
        };
        self.wire.speak_from(Some((from, offer.vlan)));
        let to_mac = self.way_to(server, offer)?;
        let began = Instant::now();
        for _ in 0..BOOT_SERVER_TRIES {
            let Some(to_mac) = to_mac else { break };
            if let Some(reply) = self.ask_at(server, to_mac, from, offer)? {
                answer.answered = true;
                answer.next_server = Some(reply.siaddr).filter(|address| !address.is_unspecified());
                answer.file = Some(reply.file).filter(|file| !file.is_empty());
                answer.after_ms = Some(began.elapsed().as_millis() as u64);
                break;
            }
        }
        self.wire.speak_from(None);
        Ok(Some(answer))
    }

    /// The next hop to a server: who has offered, if it is the same, else by ARP; behind a router that one.
    fn way_to(&self, server: Ipv4Addr, offer: &Heard) -> io::Result<Option<Mac>> {
        if server == offer.ip || !offer.reply.giaddr.is_unspecified() {
            return Ok(Some(offer.mac));
        }
        match self.wire.resolve(server, ARP_PATIENCE)? {
            Some(mac) => Ok(Some(mac)),
            None => match self.router(offer.vlan) {
                Some(router) => self.wire.resolve(router, ARP_PATIENCE),
                None => Ok(None),
            },
        }
    }

    fn router(&self, vlan: u16) -> Option<Ipv4Addr> {
        let offers = self.heard.iter().filter(|heard| heard.vlan == vlan && heard.reply.gives_address());
        offers.flat_map(|heard| heard.reply.routers.first()).next().copied()
    }

    /// One question to port 4011, from there, and its answer.
    fn ask_at(&mut self, server: Ipv4Addr, to_mac: Mac, from: Ipv4Addr, offer: &Heard) -> io::Result<Option<Reply>> {
        let item = offer.reply.pxe.as_ref().and_then(|pxe| pxe.item);
        let question = self.question(offer.asker, Ask::BootServer { from, item });
        let envelope = Envelope {
            from_mac: self.wire.mac(),
            to_mac,
            vlan: offer.vlan,
            from: SocketAddrV4::new(from, port::BOOT_SERVER),
            to: SocketAddrV4::new(server, port::BOOT_SERVER),
        };
        self.wire.send(&envelope, &question.bytes())?;
        let deadline = Instant::now() + BOOT_SERVER_PATIENCE / BOOT_SERVER_TRIES;
        while let Some(datagram) = self.wire.receive(deadline)? {
            let reply = Reply::read(&datagram.payload).filter(|reply| reply.xid == question.xid);
            if let Some(reply) = reply.filter(|_| !datagram.checksum.is_wrong()) {
                return Ok(Some(reply));
            }
        }
        Ok(None)
    }

    /// Asks for the lease of an offered address, under the number of its offer; what was answered, or `None`.
    pub fn lease(&mut self, offer: &Heard, server: Ipv4Addr, patience: Duration) -> io::Result<Option<Heard>> {
        let ask = Ask::Lease { address: offer.reply.yiaddr, server };
        let question = Question { asker: offer.asker, ask, xid: offer.reply.xid, chaddr: self.chaddr };
        let deadline = Instant::now() + patience;
        let mut next = Instant::now();
        while next < deadline {
            let asked = self.send(question, offer.vlan)?;
            // Half of it, for one question may be lost.
            next = (Instant::now() + patience / 2).min(deadline);
            while let Some(datagram) = self.wire.receive(next)? {
                let heard = self.hear(&[asked], &datagram);
                let is_last = |heard: &Heard| heard.reply.kind.is_some_and(|kind| kind.is_final());
                // What others offer may come late.
                if let Some(heard) = heard.filter(is_last).filter(|heard| !heard.checksum.is_wrong()) {
                    return Ok(Some(heard));
                }
            }
        }
        Ok(None)
    }

    /// Gives a leased address back; nobody answers that.
    pub fn release(&mut self, lease: &Heard, server: Ipv4Addr) -> io::Result<()> {
        let address = lease.reply.yiaddr;
        let question = self.question(lease.asker, Ask::Release { address, server });
        let envelope = Envelope {
            from_mac: self.wire.mac(),
            to_mac: lease.mac,
            vlan: lease.vlan,
            from: SocketAddrV4::new(address, port::CLIENT),
            to: SocketAddrV4::new(server, port::SERVER),
        };
        self.wire.send(&envelope, &question.bytes())
    }

    fn question(&mut self, asker: Asker, ask: Ask) -> Question {
        self.xid = self.xid.wrapping_add(1);
        Question { asker, ask, xid: self.xid, chaddr: self.chaddr }
    }

    fn broadcast(&mut self, asker: Asker, ask: Ask, vlan: u16) -> io::Result<Asked> {
        let question = self.question(asker, ask);
        self.send(question, vlan)
    }

    fn send(&self, question: Question, vlan: u16) -> io::Result<Asked> {
        let from = match question.ask {
            Ask::Inform { from } => from,
            _ => Ipv4Addr::UNSPECIFIED,
        };
        let envelope = Envelope {
            from_mac: self.wire.mac(),
            to_mac: [0xff; 6],
            vlan,
            from: SocketAddrV4::new(from, port::CLIENT),
            to: SocketAddrV4::new(Ipv4Addr::BROADCAST, port::SERVER),
        };
        self.wire.send(&envelope, &question.bytes())?;
        Ok(Asked { question, vlan, at: Instant::now() })
    }

    fn listen(&mut self, asked: &[Asked], deadline: Instant) -> io::Result<()> {
        while self.listen_once(asked, deadline)? {}
        Ok(())
    }

    /// Takes one datagram; `false` at the deadline.
    fn listen_once(&mut self, asked: &[Asked], deadline: Instant) -> io::Result<bool> {
        let Some(datagram) = self.wire.receive(deadline)? else { return Ok(false) };
        if let Some(heard) = self.hear(asked, &datagram)
            && self.heard.len() < MAX_HEARD
        {
            self.heard.push(heard);
        }
        Ok(true)
    }

    /// What is an answer to one of these questions.
    fn hear(&self, asked: &[Asked], datagram: &Datagram) -> Option<Heard> {
        let reply = Reply::read(&datagram.payload).filter(|reply| reply.chaddr == self.chaddr)?;
        let asked =
            asked.iter().find(|asked| asked.question.xid == reply.xid && asked.vlan == datagram.envelope.vlan)?;
        Some(Heard {
            asker: asked.question.asker,
            is_inform: matches!(asked.question.ask, Ask::Inform { .. }),
            vlan: asked.vlan,
            mac: datagram.envelope.from_mac,
            ip: *datagram.envelope.from.ip(),
            checksum: datagram.checksum,
            after: datagram.at.saturating_duration_since(asked.at),
            reply,
        })
    }
}
