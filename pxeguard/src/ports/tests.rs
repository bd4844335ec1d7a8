//! Against the kernel, each test in a network namespace of its own, and against an Open vSwitch.

mod changes;
mod device;
mod forwarding_table;
mod messages;
mod namespace;
mod open_vswitch;
mod snapshot;
mod xdp;

use super::Targets;

/// Names of what is guarded.
fn names(targets: &Targets) -> Vec<&str> {
    targets.ports.iter().map(|target| target.link.name.as_str()).collect()
}

/// What was given to `--iface`.
fn ifaces<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).to_vec()
}
