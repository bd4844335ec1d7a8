//! The wire as a client sees it: questions out, servers' frames in, ARP for an address that we speak from.

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use pxeguard_common::net::{Ifindex, Mac};
use pxeguard_common::template::sum;
use socket2::{Domain, Protocol, Socket, Type};

mod arp;
mod checksum;
mod filter;

pub use checksum::Checksum;

use crate::proxy::frame::{self, Envelope};
use crate::proxy::socket::{address, set};

/// The longest frame that is read: what fits an Ethernet frame with a tag, and more than any DHCP message has.
const FRAME: usize = 2048;

/// A server's datagram, and what is known of the frame that it came in.
#[derive(Clone, Debug)]
pub struct Datagram {
    /// Its headers.
    pub envelope: Envelope,
    /// What it carries.
    pub payload: Vec<u8>,
    /// Whether its checksum is right.
    pub checksum: Checksum,
    /// When it came.
    pub at: Instant,
}

/// A packet socket on a client's card.
#[derive(Debug)]
pub struct Wire {
    socket: Socket,
    /// The source of our frames.
    mac: Mac,
    /// The address that we answer ARP for, and its VLAN.
    address: Option<(Ipv4Addr, u16)>,
}

impl Wire {
    /// Opens a card in the network namespace of the calling thread; `is_shared` if it is somebody's who has another address.
    pub fn open(card: Ifindex, mac: Mac, is_shared: bool) -> io::Result<Self> {
        // Without a protocol it receives nothing before all is set.
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
        socket.set_nonblocking(true)?;
        socket.attach_filter(&filter::answers())?;
        set(&socket, libc::PACKET_AUXDATA, 1)?;
        set(&socket, libc::PACKET_IGNORE_OUTGOING, 1)?;
        if is_shared {
            // Some servers answer to the client's hardware address whatever it asks for, which is not the card's.
            let promiscuous = libc::packet_mreq {
                mr_ifindex: card.0 as i32,
                mr_type: libc::PACKET_MR_PROMISC as u16,
                mr_alen: 0,
                mr_address: [0; 8],
            };
            set(&socket, libc::PACKET_ADD_MEMBERSHIP, promiscuous)?;
        }
        socket.bind(&address(card))?;
        Ok(Self { socket, mac, address: None })
    }

    /// The source of our frames.
    pub fn mac(&self) -> Mac {
        self.mac
    }

    /// Answers ARP for this address from now on; `None` for no address.
    pub fn speak_from(&mut self, address: Option<(Ipv4Addr, u16)>) {
        self.address = address;
    }

    /// Sends a datagram.
    pub fn send(&self, envelope: &Envelope, payload: &[u8]) -> io::Result<()> {
        let headers = envelope.headers_len();
        let mut frame = vec![0; headers];
        frame.extend(payload);
        envelope.write(&mut frame, sum(payload, 0));
        self.socket.send(&frame).map(drop)
    }

    /// The next datagram of a server; `None` at the deadline.
    pub fn receive(&self, deadline: Instant) -> io::Result<Option<Datagram>> {
        let mut room = [0; FRAME];
        while let Some(taken) = self.take(&mut room, deadline)? {
            let frame = &room[..taken.len];
            if let Some(datagram) = read(frame, &taken) {
                return Ok(Some(datagram));
            }
            self.answer_arp(frame, taken.tag)?;
        }
        Ok(None)
    }

    /// The address of whoever has an IPv4 address, by ARP from the address that we speak from; `None` if nobody says so
    /// within `limit`.
    pub fn resolve(&self, wanted: Ipv4Addr, limit: Duration) -> io::Result<Option<Mac>> {
        let Some((own, vlan)) = self.address else { return Ok(None) };
        self.socket.send(&arp::question(self.mac, own, wanted, vlan))?;
        let deadline = Instant::now() + limit;
        let mut room = [0; FRAME];
        while let Some(taken) = self.take(&mut room, deadline)? {
            let frame = &room[..taken.len];
            match arp::Said::read(frame) {
                Some(said) if said.is_reply && said.sender_ip == wanted => return Ok(Some(said.sender_mac)),
                _ => self.answer_arp(frame, taken.tag)?,
            }
        }
        Ok(None)
    }

    fn answer_arp(&self, frame: &[u8], tag: Option<u16>) -> io::Result<()> {
        let Some((own, vlan)) = self.address else { return Ok(()) };
        let asked = arp::Said::read(frame).filter(|said| !said.is_reply && said.target_ip == own);
        match asked {
            Some(said) if tag.map_or(0, vlan_id) == vlan => {
                self.socket.send(&arp::answer(self.mac, own, &said, vlan)).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// The next frame; `None` at the deadline.
    fn take(&self, room: &mut [u8; FRAME], deadline: Instant) -> io::Result<Option<Taken>> {
        // Whoever floods the wire does not keep us beyond the deadline.
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            match receive(&self.socket, room) {
                Err(none) if none.kind() == io::ErrorKind::WouldBlock => {}
                Err(again) if again.kind() == io::ErrorKind::Interrupted => continue,
                taken => return taken.map(Some),
            }
            // A millisecond more, so that it does not look again and again within the last one.
            let left = PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)], left) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(None)
    }
}

/// What the kernel tells beside a frame.
struct Taken {
    len: usize,
    /// The tag control information that it took out.
    tag: Option<u16>,
    status: u32,
    at: Instant,
}

fn vlan_id(tag: u16) -> u16 {
    tag & 0x0fff
}

fn read(frame: &[u8], taken: &Taken) -> Option<Datagram> {
    let (envelope, payload) = frame::read(frame, taken.tag)?;
    let checksum = Checksum::of(frame, taken.status)?;
    Some(Datagram { envelope, payload: payload.to_vec(), checksum, at: taken.at })
}

/// Room for one control message with a `tpacket_auxdata`, aligned as the kernel wants it.
type Control = [u64; 8];
const _: () = assert!(size_of::<Control>() >= size_of::<libc::cmsghdr>() + size_of::<libc::tpacket_auxdata>() + 16);

fn receive(socket: &Socket, room: &mut [u8; FRAME]) -> io::Result<Taken> {
    let mut part = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: FRAME };
    let mut control: Control = [0; 8];
    // SAFETY: all zero is a value of this C struct.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    // Its type is not the same in every C library.
    message.msg_controllen = size_of::<Control>() as _;
    // SAFETY: the message refers to buffers that live longer than the call, with their lengths.
    let len = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, 0) };
    let len = usize::try_from(len).map_err(|_| io::Error::last_os_error())?;
    let mut taken = Taken { len: len.min(FRAME), tag: None, status: 0, at: Instant::now() };
    // SAFETY: the kernel has filled in the control messages and their length.
    let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    // SAFETY: a pointer to a control message or null.
    if let Some(header) = unsafe { header.as_ref() }
        && (header.cmsg_level, header.cmsg_type) == (libc::SOL_PACKET, libc::PACKET_AUXDATA)
    {
        let mut auxdata = MaybeUninit::<libc::tpacket_auxdata>::uninit();
        // SAFETY: the data of this kind of message is such a struct; it need not be aligned.
        let auxdata = unsafe {
            let data = libc::CMSG_DATA(header);
            data.copy_to_nonoverlapping(auxdata.as_mut_ptr().cast(), size_of::<libc::tpacket_auxdata>());
            auxdata.assume_init()
        };
        taken.status = auxdata.tp_status;
        taken.tag = (auxdata.tp_status & libc::TP_STATUS_VLAN_VALID != 0).then_some(auxdata.tp_vlan_tci);
    }
    Ok(taken)
}
