//! Frames: what must not pass, what must, and what is counted.

mod corpus;
mod counting;
mod cpus;
mod crossing;
mod disguises;
mod encapsulation;
mod encapsulations;
mod flood;
mod generated;
mod innocents;
mod kernel_and_host;
mod live_traffic;
mod seed;
