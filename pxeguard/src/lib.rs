//! The daemon and the command line.

pub mod boot;
pub mod cli;
pub mod clients;
pub mod config;
pub mod control;
pub mod daemon;
pub mod dataplane;
pub mod exit;
pub mod hook;
pub mod http;
pub mod manual;
pub mod metrics;
pub mod networks;
pub mod port_holder;
pub mod ports;
pub mod proxy;
pub mod report;
pub mod state;
pub mod tftp;
pub mod time;
pub mod trust;
