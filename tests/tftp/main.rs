//! Real TFTP clients fetch files, on good wires and bad ones.

mod bad_wire;
mod client;
mod input;
mod interop;
mod port;
mod refusals;
mod scene;
mod storm;
