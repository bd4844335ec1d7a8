//! A cable behind which a relay's messages are its clients' own: perfdhcp asks as a relay does, and PXE clients do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use macaddr::MacAddr6;

use crate::frames::{BOOTREPLY, BOOTREQUEST, internet_checksum, port};
use crate::wire::Manner;

/// Offsets in a frame with an IPv4 header without options, and in the BOOTP message that it holds (RFC 2131, figure 1).
mod at {
    pub const IPV4: usize = 14;
    pub const CHECKSUM: usize = IPV4 + 10;
    pub const SOURCE: usize = IPV4 + 12;
    pub const DESTINATION: usize = IPV4 + 16;
    pub const SOURCE_PORT: usize = IPV4 + 20;
    pub const DESTINATION_PORT: usize = IPV4 + 22;
    pub const UDP_CHECKSUM: usize = IPV4 + 26;
    pub const BOOTP: usize = IPV4 + 28;
    pub const HOPS: usize = BOOTP + 3;
    pub const FLAGS: usize = BOOTP + 10;
    pub const YIADDR: usize = BOOTP + 16;
    pub const GIADDR: usize = BOOTP + 24;
    pub const CHADDR: usize = BOOTP + 28;
}

/// Makes a relay's questions its clients' own, who want their answers broadcast, and sends the answers to the relay.
///
/// It takes the first offer for an address, whatever it says, so those of a proxy are only counted.
pub(crate) fn of_clients(relay: MacAddr6, proxy_offers: Arc<AtomicU64>) -> [Manner; 2] {
    let mut relays_address = [0; 4];
    let address = Arc::new(AtomicU64::new(0));
    let known = Arc::clone(&address);
    let from = move |frame: Option<Vec<u8>>| {
        let Some(mut frame) = frame.filter(|frame| is_bootp(frame, BOOTREQUEST)) else { return Vec::new() };
        relays_address.copy_from_slice(&frame[at::SOURCE..at::DESTINATION]);
        known.store(u32::from_be_bytes(relays_address).into(), Ordering::Relaxed);
        let chaddr: [u8; 6] = frame[at::CHADDR..][..6].try_into().expect("there are six");
        put(&mut frame, 6, &chaddr);
        put(&mut frame, at::SOURCE, &[0; 4]);
        put(&mut frame, at::SOURCE_PORT, &port::CLIENT.to_be_bytes());
        put(&mut frame, at::HOPS, &[0]);
        put(&mut frame, at::FLAGS, &[0x80, 0]);
        put(&mut frame, at::GIADDR, &[0; 4]);
        vec![with_checksums(frame)]
    };
    let to = move |frame: Option<Vec<u8>>| {
        let Some(mut frame) = frame.filter(|frame| is_bootp(frame, BOOTREPLY)) else { return Vec::new() };
        if frame[at::YIADDR..][..4] == [0; 4] {
            proxy_offers.fetch_add(1, Ordering::Relaxed);
            return Vec::new();
        }
        put(&mut frame, 0, relay.as_bytes());
        put(&mut frame, at::DESTINATION, &(address.load(Ordering::Relaxed) as u32).to_be_bytes());
        put(&mut frame, at::DESTINATION_PORT, &port::SERVER.to_be_bytes());
        vec![with_checksums(frame)]
    };
    [Box::new(from), Box::new(to)]
}

/// Whether a frame is a client's or a server's message; nothing else comes through.
fn is_bootp(frame: &[u8], op: u8) -> bool {
    frame.len() > at::CHADDR + 6 && frame[12..15] == [8, 0, 0x45] && frame[at::IPV4 + 9] == 17 && frame[at::BOOTP] == op
}

fn put(frame: &mut [u8], at: usize, bytes: &[u8]) {
    frame[at..at + bytes.len()].copy_from_slice(bytes);
}

/// UDP goes without (RFC 768).
fn with_checksums(mut frame: Vec<u8>) -> Vec<u8> {
    put(&mut frame, at::UDP_CHECKSUM, &[0; 2]);
    put(&mut frame, at::CHECKSUM, &[0; 2]);
    let checksum = internet_checksum(&[&frame[at::IPV4..at::SOURCE_PORT]]);
    put(&mut frame, at::CHECKSUM, &checksum.to_be_bytes());
    frame
}
