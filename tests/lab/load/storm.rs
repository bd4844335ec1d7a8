//! A boot storm: many PXE clients that are switched on at once, and boot as UEFI does.
//!
//! Each asks, is offered a boot program, asks at port 4011 for its name where the offer has none, and fetches it.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::mpsc::{self, Sender as Queue};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use macaddr::MacAddr6;
use nix::libc;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, sendmsg, setsockopt, sockopt};

use crate::frames::{BOOTREPLY, COOKIE, Message, code, kind, port};
use crate::load::tftp::{self, Client, Request};
use crate::packet_socket::Sender;
use crate::{Guest, udp};

/// As edk2 asks (`PcdPxeTftpWindowSize`).
const WINDOWSIZE: u16 = 4;
/// What fits an Ethernet frame.
const BLKSIZE: u16 = 1468;
/// How long a client waits for an answer before it asks again.
const TIMEOUT: Duration = Duration::from_secs(2);
/// When it gives up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often is looked for answers while there are none.
const TICK: Duration = Duration::from_micros(250);
/// Room for answers to all clients at once.
const RECEIVE_BUFFER_BYTES: usize = 64 << 20;

/// The clients, and what they boot from.
#[derive(Clone, Debug)]
pub struct Storm<'a> {
    /// Their addresses, as if a DHCP server had given them ([`tftp::addresses`]).
    pub clients: &'a [Ipv4Addr],
    /// The boot server.
    pub server: Ipv4Addr,
    /// What the boot program holds.
    pub program: &'a [u8],
}

/// What came of it.
#[derive(Debug)]
pub struct Weathered {
    /// Clients that have their boot program, whole.
    pub served: usize,
    /// From the first request until the last had.
    pub elapsed: Duration,
    /// How many asked at port 4011.
    pub asked_twice: usize,
    /// Of the others, why one of them has not.
    pub why_not: Option<anyhow::Error>,
}

impl Storm<'_> {
    /// All clients of a guest boot.
    ///
    /// # Errors
    /// If it cannot be tried; that a client is not served is none.
    pub fn run(&self, guest: &Guest) -> Result<Weathered> {
        let mut asking = Asking::new(self, guest)?;
        let began = Instant::now();
        let (queue, incoming) = mpsc::channel();
        let (asked, ended) = thread::scope(|scope| {
            let fetching = scope.spawn(move || tftp::run(&incoming));
            let asked = guest.enter(|| asking.run(&queue)).flatten();
            drop(queue);
            (asked, fetching.join().expect("the fetching thread does not panic"))
        });
        asked?;
        let ended = ended?;
        Ok(Weathered {
            served: ended.whole,
            elapsed: began.elapsed(),
            asked_twice: asking.stages.iter().filter(|stage| stage.asked_twice).count(),
            why_not: ended.failed.into_iter().next(),
        })
    }
}

/// The clients until they know what to fetch.
struct Asking<'a> {
    storm: &'a Storm<'a>,
    sender: Sender,
    /// Where offers are broadcast to.
    offers: UdpSocket,
    /// Where the answers of port 4011 come, as edk2 asks from there.
    answers: UdpSocket,
    stages: Vec<Stage>,
}

/// How far a client is.
#[derive(Clone, Default)]
struct Stage {
    asked_at: Option<Instant>,
    asked_twice: bool,
    is_over: bool,
}

/// A server's reply, as far as a client looks at it.
struct Reply {
    client: usize,
    siaddr: Ipv4Addr,
    file: String,
}

impl<'a> Asking<'a> {
    fn new(storm: &'a Storm<'a>, guest: &Guest) -> Result<Self> {
        let [offers, answers] = [port::CLIENT, port::PXE].map(|port| udp(guest, &format!("0.0.0.0:{port}")));
        let (offers, answers) = (offers?, answers?);
        for socket in [&offers, &answers] {
            setsockopt(socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_BYTES)?;
            socket.set_nonblocking(true)?;
        }
        let stages = vec![Stage::default(); storm.clients.len()];
        Ok(Self { storm, sender: Sender::open(guest, "eth0")?, offers, answers, stages })
    }

    /// Asks until each client knows, or has given up.
    fn run(&mut self, queue: &Queue<Client<'a>>) -> Result<()> {
        let began = Instant::now();
        while self.stages.iter().any(|stage| !stage.is_over) && began.elapsed() < PATIENCE {
            self.ask()?;
            let mut is_idle = true;
            while let Some(reply) = self.receive()? {
                is_idle = false;
                if let Some(reply) = reply {
                    self.take(&reply, queue)?;
                }
            }
            if is_idle {
                thread::sleep(TICK);
            }
        }
        Ok(())
    }

    /// Sends the requests that are due.
    fn ask(&mut self) -> Result<()> {
        let now = Instant::now();
        for (number, stage) in self.stages.iter_mut().enumerate() {
            let is_due = stage.asked_at.is_none_or(|asked_at| now - asked_at > TIMEOUT);
            if !stage.is_over && is_due {
                stage.asked_at = Some(now);
                self.sender.send_all(&[discover(number as u32).frame()])?;
            }
        }
        Ok(())
    }

    /// The next datagram, if there is one; `Some(None)` if it is no reply to us.
    fn receive(&self) -> Result<Option<Option<Reply>>> {
        let mut bytes = [0; 2048];
        for socket in [&self.answers, &self.offers] {
            match socket.recv(&mut bytes) {
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
                length => return Ok(Some(Reply::read(&bytes[..length.context("cannot receive a reply")?]))),
            }
        }
        Ok(None)
    }

    /// Goes on with what a server said.
    fn take(&mut self, reply: &Reply, queue: &Queue<Client<'a>>) -> Result<()> {
        let Some(stage) = self.stages.get_mut(reply.client).filter(|stage| !stage.is_over) else { return Ok(()) };
        let address = self.storm.clients[reply.client];
        if reply.file.is_empty() {
            stage.asked_twice = true;
            return self.ask_boot_server(reply, address);
        }
        stage.is_over = true;
        let request = Request {
            server: self.storm.server,
            file: &reply.file,
            blksize: BLKSIZE,
            windowsize: WINDOWSIZE,
            expected: None,
        };
        queue.send(Client::open(address, &request, Some(self.storm.program))?).ok().context("nobody fetches any more")
    }

    /// Asks at port 4011, from there and from the client's own address.
    fn ask_boot_server(&self, offer: &Reply, address: Ipv4Addr) -> Result<()> {
        let mut request = discover(offer.client as u32);
        request.bootp.set(code::MESSAGE_TYPE, [kind::REQUEST]);
        request.bootp.flags = 0;
        request.bootp.ciaddr = address;
        let source = libc::in_addr { s_addr: u32::from(address).to_be() };
        let source = libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: source, ipi_addr: source };
        let server = if offer.siaddr.is_unspecified() { self.storm.server } else { offer.siaddr };
        let server = SockaddrIn::from(SocketAddrV4::new(server, port::PXE));
        let bytes = request.bootp.bytes();
        let (parts, control) = ([io::IoSlice::new(&bytes)], [ControlMessage::Ipv4PacketInfo(&source)]);
        let sent = sendmsg(self.answers.as_raw_fd(), &parts, &control, MsgFlags::empty(), Some(&server));
        sent.map(drop).context("cannot ask at port 4011")
    }
}

impl Reply {
    /// `None` if it is no whole reply.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (head, options) = bytes.split_at_checked(236)?;
        let options = options.strip_prefix(&COOKIE)?;
        let word = |at: usize| head[at..at + 4].try_into().map(u32::from_be_bytes).ok();
        if head[0] != BOOTREPLY {
            return None;
        }
        let file = option(options, code::BOOT_FILE).unwrap_or(&head[108..236]);
        let file = String::from_utf8_lossy(file.split(|byte| *byte == 0).next()?).into_owned();
        Some(Self { client: word(4)? as usize, siaddr: word(20)?.into(), file })
    }
}

fn option(mut options: &[u8], wanted: u8) -> Option<&[u8]> {
    loop {
        match options {
            [code::PAD, rest @ ..] => options = rest,
            [code::END, ..] => return None,
            [code, length, rest @ ..] => {
                let (value, rest) = rest.split_at_checked((*length).into())?;
                if *code == wanted {
                    return Some(value);
                }
                options = rest;
            }
            _ => return None,
        }
    }
}

/// What client `number` asks: its transaction id is the number, and its MAC has it.
pub(super) fn discover(number: u32) -> Message {
    let [a, b, c, d] = number.to_be_bytes();
    let mut discover = Message::pxe_discover();
    discover.bootp.xid = number;
    discover.bootp.chaddr = MacAddr6::new(0x02, 0x10, a, b, c, d);
    discover.source_mac = discover.bootp.chaddr;
    let uuid = [&[0; 13][..], &number.to_be_bytes()].concat();
    discover.bootp.set(code::CLIENT_UUID, uuid);
    discover
}
