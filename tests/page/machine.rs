//! Machines that boot as far as they are let, and stay there to be looked at.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use macaddr::MacAddr6;
use pxeguard_lab::frames::{Message, code, kind};
use pxeguard_lab::{Guest, udp};

use crate::SOON;
use crate::scene::SERVER;

/// What fits an Ethernet frame.
const BLKSIZE: &str = "1468";

/// A machine behind a guest's cable.
pub struct Machine<'a> {
    cable: &'a Guest,
    number: u8,
    arch: u8,
}

impl<'a> Machine<'a> {
    /// `arch` is option 93 (RFC 4578 §2.1): 0 for BIOS, 7 for UEFI on x64.
    pub fn new(cable: &'a Guest, number: u8, arch: u8) -> Self {
        Self { cable, number, arch }
    }

    fn mac(&self) -> MacAddr6 {
        MacAddr6::new(0x52, 0x54, 0, 0x4a, 0x10, self.number)
    }

    fn ip(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 4, self.number)
    }

    /// It asks who can boot it, and takes an address.
    pub fn asks(&self) {
        let ask = |kind: u8| {
            let message = Message::pxe_discover().with(|message| {
                (message.source_mac, message.bootp.chaddr) = (self.mac(), self.mac());
                message.bootp.set(code::MESSAGE_TYPE, [kind]);
                message.bootp.set(code::ARCHITECTURE, [0, self.arch]);
                if kind == kind::REQUEST {
                    message.bootp.set(code::REQUESTED_ADDRESS, self.ip().octets());
                }
            });
            self.cable.raw().unwrap().send(&message.frame()).unwrap();
        };
        ask(kind::DISCOVER);
        ask(kind::REQUEST);
        self.cable.add_address(&format!("{}/16", self.ip())).unwrap();
    }

    /// It fetches a file, and stops after so many blocks or at the end.
    pub fn fetches(&self, file: &str, blocks: u16) -> UdpSocket {
        let socket = udp(self.cable, &format!("{}:0", self.ip())).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        let request = format!("\0\x01{file}\0octet\0blksize\0{BLKSIZE}\0tsize\00\0");
        socket.send_to(request.as_bytes(), (SERVER, 69)).unwrap();
        let mut datagram = [0; 2048];
        for block in 0..blocks {
            let Ok((length, from)) = socket.recv_from(&mut datagram) else { break };
            acknowledge(&socket, block, from);
            let is_last = block > 0 && length < 4 + 1468;
            if is_last || datagram[1] == 5 {
                break;
            }
        }
        socket
    }
}

fn acknowledge(socket: &UdpSocket, block: u16, to: SocketAddr) {
    let [high, low] = block.to_be_bytes();
    socket.send_to(&[0, 4, high, low], to).unwrap();
}
