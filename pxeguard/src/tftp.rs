//! The TFTP server (RFC 1350, 2347, 2348, 2349, 7440), read only.
//!
//! `packet` is what goes over the wire, `options` what a client may ask for, `transfer` the protocol without any input
//! or output.  Around it: `admission`, who may be served; `conversation`, one request from its beginning to its end,
//! over a `channel` of its own, with blocks from `reader`; and `server`, which listens.

mod admission;
mod channel;
mod conversation;
mod options;
mod packet;
mod reader;
mod round_trip;
mod server;
#[cfg(test)]
mod tests;
mod transfer;

pub use server::{Ignored, Limits, TftpError, TftpServer};
