//! Which process holds a port that cannot be bound.

use std::fmt;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;

/// A kind of port, by the kernel's tables of sockets: IPv4's, and IPv6's, whose sockets may take IPv4 too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PortKind {
    /// UDP.
    Udp,
    /// TCP, where somebody listens.
    Tcp,
}

/// A process that holds a port.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PortHolder {
    /// Its process id.
    pub pid: u32,
    /// Its name, as the kernel has it: 15 bytes at the most.
    pub name: String,
}

/// Holders of one port that are looked for: all processes are looked through for each.
const MAX_HOLDERS: usize = 8;

impl fmt::Display for PortHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.name, self.pid)
    }
}

impl PortHolder {
    /// Finds it; `None` if nobody holds the port any more, or a process that is not seen from here.
    pub fn find(kind: PortKind, address: SocketAddrV4) -> Option<Self> {
        inodes(kind, address).first().and_then(|inode| Self::of(*inode))
    }

    /// All of them, where several sockets share the port; `None` for a process that is not seen from here.
    pub fn all(kind: PortKind, address: SocketAddrV4) -> Vec<Option<Self>> {
        let mut holders: Vec<_> = inodes(kind, address).into_iter().take(MAX_HOLDERS).map(Self::of).collect();
        holders.dedup();
        holders
    }

    fn of(inode: u64) -> Option<Self> {
        let socket = format!("socket:[{inode}]");
        let processes = fs::read_dir("/proc").ok()?;
        let holds = |process: &Path| {
            let files = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
            files
                .into_iter()
                .any(|file| fs::read_link(file.path()).is_ok_and(|link| link.as_os_str() == socket.as_str()))
        };
        processes.flatten().find_map(|process| {
            let pid = process.file_name().to_str()?.parse().ok()?;
            let name = holds(&process.path()).then(|| fs::read_to_string(process.path().join("comm")))?.ok()?;
            Some(Self { pid, name: name.trim_end().to_owned() })
        })
    }
}

/// Sockets that are in the way of an address.
fn inodes(kind: PortKind, address: SocketAddrV4) -> Vec<u64> {
    let tables = match kind {
        PortKind::Udp => ["udp", "udp6"],
        PortKind::Tcp => ["tcp", "tcp6"],
    };
    // The calling thread's network, which need not be the process's.
    let tables = tables.map(|table| fs::read_to_string(format!("/proc/thread-self/net/{table}")).unwrap_or_default());
    tables.iter().flat_map(|table| table.lines()).filter_map(|line| inode(line, kind, address)).collect()
}

/// Who holds a port, also where that could not be found out.
pub fn in_words(holder: &Option<PortHolder>) -> String {
    holder.as_ref().map_or_else(|| "another program".to_owned(), PortHolder::to_string)
}

/// The socket of a line of such a table, if it is in the way of this address (`net/ipv4/udp.c`, `udp4_format_sock`):
///
/// ```text
///   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ...
///  373: 0100000A:0045 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12345 ...
/// ```
fn inode(line: &str, kind: PortKind, address: SocketAddrV4) -> Option<u64> {
    /// `TCP_LISTEN` of net/tcp_states.h.
    const LISTEN: &str = "0A";
    let mut words = line.split_whitespace().skip(1);
    let (local, port) = words.next()?.split_once(':')?;
    let state = words.nth(1)?;
    if u16::from_str_radix(port, 16).ok()? != address.port() || (kind == PortKind::Tcp && state != LISTEN) {
        return None;
    }
    // The last four bytes of an IPv6 address, which are an IPv4 one's if it is mapped; in memory's order.
    let last = local.get(local.len().checked_sub(8)?..)?;
    let local = Ipv4Addr::from(u32::from_str_radix(last, 16).ok()?.to_ne_bytes());
    let is_in_the_way = local.is_unspecified() || local == *address.ip() || address.ip().is_unspecified();
    is_in_the_way.then(|| words.nth(5)?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn whoever_holds_a_port_is_found_and_nobody_once_it_is_free() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let held = [(PortKind::Udp, socket.local_addr()), (PortKind::Tcp, listener.local_addr())];
        let held = held.map(|(kind, address)| (kind, SocketAddrV4::new(Ipv4Addr::LOCALHOST, address.unwrap().port())));
        for (kind, address) in held {
            assert_eq!(PortHolder::find(kind, address).map(|holder| holder.pid), Some(std::process::id()), "{kind:?}");
        }
        drop((socket, listener));
        for (kind, address) in held {
            assert_eq!(PortHolder::find(kind, address), None, "{kind:?}");
        }
    }

    #[test]
    fn a_socket_of_another_address_is_not_in_the_way() {
        let line =
            "  373: 0100000A:0045 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12345 2";
        let inode = |address: &str| inode(line, PortKind::Udp, address.parse().unwrap());
        assert_eq!(inode("10.0.0.1:69"), Some(12345));
        assert_eq!(inode("10.0.0.2:69"), None);
        assert_eq!(inode("10.0.0.1:70"), None);
    }

    #[test]
    fn a_socket_of_ipv6_takes_ipv4_too() {
        let line = "   1: 00000000000000000000000000000000:0045 00000000000000000000000000000000:0000 07 \
                    00000000:00000000 00:00000000 00000000     0        0 77 2";
        assert_eq!(inode(line, PortKind::Udp, "10.0.0.1:69".parse().unwrap()), Some(77));
    }
}
