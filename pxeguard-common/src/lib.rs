//! What pxeguard's kernel programs, daemon, tests and fuzzers share.
//!
//! Read in this order: a [`frame`] yields bytes; [`net`] finds the IPv4 packet in it; [`reply`] tells whether that
//! packet is a DHCP server's reply; [`trust`] says who may send one; [`verdict`] decides.  [`server`], [`port`] and
//! [`event`] are what the kernel programs write down about it and the daemon reads.  [`limit`] is about the messages of
//! clients.
//!
//! [`arch`] is the table of what boots where; a [`template`] is a reply to a PXE client.
#![no_std]
#![forbid(unsafe_op_in_unsafe_fn)]

pub mod arch;
pub mod dhcp;
pub mod event;
pub mod frame;
pub mod limit;
pub mod net;
mod pod;
pub mod port;
pub mod reply;
pub mod request;
pub mod responder;
pub mod server;
mod steps;
pub mod template;
pub mod trust;
pub mod verdict;

/// Changes whenever a map's key or value does; pinned maps of another layout are not adopted.
pub const LAYOUT: u32 = 7;
