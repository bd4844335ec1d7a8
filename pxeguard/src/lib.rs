//! The daemon and the command line.

pub mod cli;
pub mod config;
pub mod control;
pub mod daemon;
pub mod dataplane;
pub mod exit;
pub mod hook;
pub mod metrics;
pub mod ports;
pub mod report;
pub mod state;
pub mod time;
pub mod trust;
