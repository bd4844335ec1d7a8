//! Bad input: each has its exit code and one line that helps, and takes nothing away that was guarded.
//!
//! And what others read of the guard: JSON and metrics, judged by their own programs.

mod boot_choice;
mod boot_root;
mod booting;
mod bpffs;
mod config_file;
mod control_socket;
mod ended;
mod hostile_peers;
mod http;
mod interfaces;
mod json;
mod kernel;
mod listen;
mod metrics;
mod monitoring;
mod open_vswitch;
mod prometheus;
mod queries;
mod root;
mod seccomp;
mod state_file;
mod trust;
mod usage;

use std::time::Duration;

/// How long anything may take that is awaited.
const SOON: Duration = Duration::from_secs(20);
