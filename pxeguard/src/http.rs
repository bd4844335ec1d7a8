//! The HTTP server of boot files (RFC 9110, 9112): GET and HEAD, ranges, conditions, persistent connections.
//!
//! It is written on httparse, not on hyper: hyper takes a body's bytes from memory, so that each byte of a large file is
//! copied twice before it is sent, while `sendfile(2)` copies none.

mod answer;
mod body;
mod connection;
mod range;
mod request;
mod server;
#[cfg(test)]
mod tests;

pub use server::{HttpError, HttpServer};
