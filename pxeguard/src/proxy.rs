//! proxyDHCP: PXE clients are told what to load, beside the DHCP server that gives them their address.

mod strategy;

pub use strategy::Strategy;
