//! Which interfaces are to be guarded: what the kernel has, and what `--iface` means by it.
//!
//! Everything is level-triggered.  A [`Watch`] only says *that* something changed; the reader then takes a
//! [`Snapshot`] of all there is, asks it for its [`Targets`], and makes the guard equal to them.  So a
//! notification that is lost, doubled or late does no harm.
//!
//! ```no_run
//! # async fn follow(ifaces: &[String]) -> Result<(), pxeguard::ports::PortsError> {
//! let mut watch = pxeguard::ports::Watch::open()?;
//! loop {
//!     let targets = watch.snapshot().await?.targets(ifaces).await;
//!     println!("{} ports, {} problems", targets.ports.len(), targets.problems.len());
//!     watch.changed().await?;
//! }
//! # }
//! ```

mod device;
mod driver;
mod fdb;
mod generic_netlink;
mod kind;
mod link;
pub(crate) mod netlink;
mod open_vswitch;
mod problem;
mod snapshot;
mod targets;
mod watch;

#[cfg(test)]
mod tests;

use std::io;

pub use device::{Device, Joining, Queues, XdpFeatures};
pub use kind::Kind;
pub use link::{Address, Link, VlanOf, XdpAttached, XdpMode};
pub use problem::Problem;
pub use snapshot::Snapshot;
pub use targets::{Target, Targets};
pub use watch::Watch;

/// The kernel did not tell what interfaces there are.
///
/// None of these says that an interface is gone: whoever guards it goes on doing so, and asks again.
#[derive(Debug, thiserror::Error)]
pub enum PortsError {
    /// No netlink socket: no descriptor left, or a sandbox without `AF_NETLINK`.
    #[error("cannot open a netlink socket (a systemd unit needs AF_NETLINK in RestrictAddressFamilies)")]
    Open(#[source] io::Error),
    /// The notifications cannot be read; an overrun is not among these.
    #[error("cannot read what changed about the network interfaces")]
    Read(#[source] io::Error),
    /// A table cannot be read.
    #[error("cannot read the kernel's table of {table}")]
    Table {
        /// What is in the table, such as `network interfaces`.
        table: &'static str,
        /// What the kernel answered.
        #[source]
        source: io::Error,
    },
    /// A table was never whole, because it changed each time it was read.
    #[error("the kernel's table of {table} changed during each of {tries} readings; trying again later")]
    Unsettled {
        /// What is in the table.
        table: &'static str,
        /// How often it was read.
        tries: u32,
    },
}
