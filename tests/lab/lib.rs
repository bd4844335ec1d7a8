//! A lab of network namespaces: hosts, a bridge, real DHCP servers and clients, frames by hand.
//!
//! Everything is made by the process that uses it and ends with it, also when that process is killed:
//! the namespaces are anonymous, and a host's programs live in a pid namespace whose first process reads
//! a pipe of ours ([`Host`]).  No frame leaves the lab.  It needs root.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use pxeguard_lab::{Client, Lab, Pool, Server};
//!
//! let lab = Lab::new()?;
//! let (trusted, client) = (lab.attach("trusted")?, lab.attach("client")?);
//! let _server = Server::Dnsmasq.start(&trusted, &Pool::TRUSTED)?;
//! assert_eq!(Client::Udhcpc.lease(&client)?.server_id, Pool::TRUSTED.server);
//! # Ok(())
//! # }
//! ```

mod bad_wire;
mod cache;
mod client_wire;
pub mod clients;
mod deadline;
pub mod firmware;
pub mod frames;
pub mod guard;
mod host;
pub mod load;
mod packet_socket;
mod process;
pub mod servers;
pub mod skip;
mod slow_wire;
mod tap;
mod terminal;
#[cfg(test)]
mod tests;
mod topology;
mod wire;

pub use bad_wire::Trouble;
pub use cache::{UNPACKED, cache, provided};
pub use clients::{Client, Lease, TftpClient};
pub use deadline::until;
pub use firmware::Machine;
pub use guard::Guard;
pub use host::Host;
pub use packet_socket::{Raw, Sender, udp};
pub use process::Process;
pub use servers::{Pool, Server};
pub use tap::Tap;
pub use terminal::Terminal;
pub use topology::{BRIDGE, Guest, Lab};
