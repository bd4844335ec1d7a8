//! proxyDHCP: PXE clients are told what to load, beside the DHCP server that gives them their address.
//!
//! Read in this order: a `frame` yields a datagram; `request` is what a client asks; `answer`
//! decides, with what `learning` knows and by a [`Strategy`]; `reply` says it in bytes, which `templates` keeps;
//! `socket` and `service` do the rest.

pub(crate) mod answer;
mod boot_server_port;
mod counts;
mod fast_path;
pub(crate) mod frame;
mod learning;
mod record;
mod reply;
pub(crate) mod request;
mod responder;
mod service;
pub(crate) mod socket;
mod strategy;
mod templates;
#[cfg(test)]
mod tests;
mod url;

pub use counts::Counts;
pub use fast_path::{Doubts, FastPath};
pub use learning::{Learning, Learnt};
pub use request::Ignore;
pub use service::{Parts, Proxy, ProxyError};
pub use strategy::Strategy;
