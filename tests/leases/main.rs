//! Real servers and real clients: who gets whose lease.

mod bridge;
mod first_seen;
#[path = "../lifecycle/hosts.rs"]
mod hosts;
mod observe;
mod pxe;
mod refusals;
mod reload;
mod rogues;
mod run_time;
mod scene;
mod spoof;
mod vlan;
#[path = "../lifecycle/wire.rs"]
mod wire;
