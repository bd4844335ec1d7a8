//! ISC's perfdhcp: leases from DISCOVER to ACK, at a rate.

use std::time::Duration;

use anyhow::{Context, Result};

use crate::Host;

/// As a UEFI client on x64 says (RFC 4578): options 60, 93, 94 and 97.
pub const PXE: [&str; 8] = [
    "-o",
    "60,505845436c69656e743a417263683a30303030373a554e44493a303033303136",
    "-o",
    "93,0007",
    "-o",
    "94,010300",
    "-o",
    "97,0055555555555555555555555555555555",
];

/// What it counted of one half of the exchanges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exchanges {
    /// Messages of clients.
    pub sent: u64,
    /// Their answers.
    pub received: u64,
    /// Those that were not answered.
    pub drops: u64,
    /// Answers to nobody, or one more.
    pub orphans: u64,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Leases {
    /// DISCOVER and OFFER.
    pub offers: Exchanges,
    /// REQUEST and ACK.
    pub acks: Exchanges,
    /// Leases in a second.
    pub per_s: f64,
    /// All it said.
    pub output: String,
}

/// Asks for `count` leases of as many clients from a host that has an address; `per_s` in a second, or as many as there can be.
pub fn lease(host: &Host, count: u32, per_s: Option<u32>, more: &[&str]) -> Result<Leases> {
    let (count, wait) = (count.to_string(), Duration::from_secs(2).as_micros().to_string());
    let rate = per_s.map(|rate| rate.to_string());
    let rate = rate.iter().flat_map(|rate| ["-r", rate]);
    let words = ["perfdhcp", "-4", "-B", "-l", "eth0", "-n", &count, "-R", &count, "-W", &wait];
    let words = words.into_iter().chain(rate).chain(more.iter().copied()).chain(["255.255.255.255"]);
    // It fails where something was dropped, which is for the caller to judge.
    let ran = host.output(words)?;
    Leases::read(String::from_utf8_lossy(&ran.output.stdout).into_owned()).with_context(|| ran.shown)
}

impl Leases {
    /// From all that it said.
    pub fn read(output: String) -> Result<Self> {
        let read = |output: &str| {
            let (offers, acks) = output.split_once("DISCOVER-OFFER")?.1.split_once("REQUEST-ACK")?;
            let per_s = number(output, "Rate: ")?;
            Some((Exchanges::read(offers)?, Exchanges::read(acks)?, per_s))
        };
        let (offers, acks, per_s) = read(&output).with_context(|| format!("perfdhcp tells no statistics: {output}"))?;
        Ok(Self { offers, acks, per_s, output })
    }
}

impl Exchanges {
    fn read(statistics: &str) -> Option<Self> {
        let count = |what| number(statistics, what).map(|number| number as u64);
        Some(Self {
            sent: count("sent packets: ")?,
            received: count("received packets: ")?,
            drops: count("drops: ")?,
            orphans: count("orphans: ")?,
        })
    }
}

/// The number behind a name at the beginning of a line.
fn number(text: &str, name: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split(|c: char| !c.is_ascii_digit() && c != '.').next()?.parse().ok()
}
