//! Port 4011, kept from saying that nobody is there.
//!
//! Requests to it are read from packet sockets.  The kernel does not know that, and would answer each with an ICMP "port
//! unreachable" unless some socket had the port: one of ours that takes nothing, or a DHCP server's.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use socket2::{Domain, SockFilter, Socket, Type};

use super::answer::port;
use crate::networks::Networks;

/// A socket at each of our addresses where nobody else has one.
#[derive(Debug, Default)]
pub struct BootServerPort(BTreeMap<Ipv4Addr, Socket>);

impl BootServerPort {
    /// Takes the port at addresses that came, and lets go of it at those that went.
    pub fn follow(&mut self, networks: &Networks) {
        let addresses = networks.addresses();
        self.0.retain(|address, _| addresses.contains(address));
        for address in addresses {
            if self.0.contains_key(&address) {
                continue;
            }
            match deaf(address) {
                Ok(socket) => drop(self.0.insert(address, socket)),
                // Then somebody has it, which is as good.
                Err(why) => log::debug!("port {} of {address} is left to others: {why}", port::BOOT_SERVER),
            }
        }
    }
}

/// A socket that takes no datagram, and leaves the port to others who also allow that (`SO_REUSEADDR`; dnsmasq does).
fn deaf(address: Ipv4Addr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    socket.set_reuse_address(true)?;
    // BPF_RET | BPF_K, 0: no byte of any datagram.
    socket.attach_filter(&[SockFilter::new(0x06, 0, 0, 0)])?;
    socket.bind(&SocketAddrV4::new(address, port::BOOT_SERVER).into())?;
    Ok(socket)
}
