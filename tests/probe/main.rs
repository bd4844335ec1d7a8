//! `pxeguard probe`: each cause of trouble is built for real, and named first.

mod boot;
mod causes;
mod guarded;
mod leases;
mod scene;
mod segment;
