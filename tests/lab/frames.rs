//! Frames by hand: DHCP messages as servers and clients send them, as attackers disguise them, and
//! what is none of a DHCP guard's business.  Pure functions, without any I/O.
//!
//! ```
//! use pxeguard_lab::frames::{Message, mutations};
//!
//! let mut offer = Message::offer();
//! offer.bootp.xid = 0x1234_5678;
//! offer.udp.source_port = 9999;
//! let frame: Vec<u8> = offer.frame();
//! let disguises = mutations::of(&offer);
//! # assert!(disguises.len() > 100 && frame.len() > 240);
//! ```

mod bootp;
mod carried;
pub mod innocent;
mod ipv4;
mod message;
pub mod mutations;
#[cfg(test)]
mod tests;

pub use bootp::{BOOTREPLY, BOOTREQUEST, Bootp, COOKIE, Overload, code, kind};
pub use carried::{Carried, ether_type, oui};
pub use innocent::innocent;
pub use ipv4::{DONT_FRAGMENT, Ipv4, MORE_FRAGMENTS, Udp, UdpChecksum, internet_checksum, protocol};
pub use message::{ClientRequest, Message, PROXY, SERVER, port};
pub use mutations::{Mutation, mutations};
