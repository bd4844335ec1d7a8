//! What is installed: the Debian package in Debians of their own, its unit, and what the service may do.

mod contents;
mod debian;
#[path = "../lifecycle/flood.rs"]
mod flood;
#[path = "../lifecycle/hosts.rs"]
mod hosts;
mod installed;
mod rights;
mod unit;
#[path = "../lifecycle/wire.rs"]
mod wire;
