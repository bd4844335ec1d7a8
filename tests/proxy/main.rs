//! What PXE clients are answered, beside real DHCP servers.

mod beside;
mod changes;
mod fast_path;
mod golden;
mod learning;
mod leases;
mod networks;
mod own_replies;
mod refusals;
mod responders;
mod scene;
#[path = "../lifecycle/wire.rs"]
#[expect(dead_code, reason = "the guard's tests use all of it")]
mod wire;
