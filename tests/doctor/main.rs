//! The doctor: each cause is built for real, is named first, and is gone once its remedy was run.

mod booting;
mod bridge;
mod dhcp;
mod filters;
mod healthy;
#[path = "../proxy/program.rs"]
mod program;
mod scene;
