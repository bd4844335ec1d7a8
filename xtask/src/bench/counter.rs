//! A counter of a network device, and how fast it grows.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use pxeguard_lab::Host;

/// One of the files below `/sys/class/net/DEVICE/statistics`, kept open.
pub struct Counter(File);

impl Counter {
    /// Such as `rx_packets` of `eth0`.
    pub fn open(host: &Host, device: &str, name: &str) -> Result<Self> {
        let path = format!("/sys/class/net/{device}/statistics/{name}");
        let file = host.enter(|| File::open(&path))?;
        file.map(Self).with_context(|| format!("{}: cannot open {path}", host.name()))
    }

    /// Its value.
    pub fn read(&self) -> Result<u64> {
        let mut text = [0; 32];
        let length = self.0.read_at(&mut text, 0).context("cannot read a counter")?;
        Ok(str::from_utf8(&text[..length])?.trim().parse()?)
    }

    /// By how much it grows in a second, in this time from now on.
    pub fn per_s(&self, window: Duration) -> Result<f64> {
        let (began, before) = (Instant::now(), self.read()?);
        thread::sleep(window);
        let grown = self.read()? - before;
        Ok(grown as f64 / began.elapsed().as_secs_f64())
    }
}
