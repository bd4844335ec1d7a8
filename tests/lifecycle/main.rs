//! The daemon's life: ports that come and go, restarts, upgrades, the end.

mod alerts;
mod attached;
mod detach;
mod flood;
mod hooks;
mod host_traffic;
mod hosts;
mod interfaces;
mod join;
mod occupied;
mod ports;
mod restart;
mod scene;
mod second_daemon;
mod service;
mod wire;
