//! `pxeguard probe`: each cause of trouble is built for real, and named first.

mod boot;
mod causes;
mod guarded;
mod leases;
#[path = "../proxy/program.rs"]
mod program;
mod scene;
mod segment;
