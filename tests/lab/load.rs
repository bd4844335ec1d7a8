//! Load for boot servers: clients that cost so little that the server is what is measured.

use std::time::Duration;

pub mod discovers;
pub mod http;
pub mod perfdhcp;
pub mod storm;
pub mod tftp;

/// What came of many downloads at once.
#[derive(Clone, Copy, Debug)]
pub struct Fetched {
    /// Bytes of all files together.
    pub bytes: u64,
    /// From the first request until the last file was whole.
    pub elapsed: Duration,
}

impl Fetched {
    /// Megabytes a second.
    pub fn mb_per_s(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.elapsed.as_secs_f64()
    }
}
