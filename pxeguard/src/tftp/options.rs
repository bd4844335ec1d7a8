//! Options of a request (RFC 2347): what the client asks for, and what it gets.
//!
//! Clients are strict.  Whatever they did not ask for ends the transfer (pxelinux, edk2), and so does a value above the
//! one that they asked for (edk2) or a name that is not in lower case (GRUB).

use std::time::Duration;

use super::packet::{DATA_HEADER, Read, option_ack};

/// Bytes of a block, where nothing is agreed (RFC 1350 §2).
const DEFAULT_BLOCK_SIZE: u16 = 512;
/// What can be agreed (RFC 2348 §2).
const BLOCK_SIZES: std::ops::RangeInclusive<u64> = 8..=65464;
/// Seconds until something is sent again (RFC 2349 §2).
const TIMEOUTS_S: std::ops::RangeInclusive<u64> = 1..=255;
/// Blocks of a window at the most, of 65535 that can be asked for (RFC 7440 §3).
const MAX_WINDOW: u64 = 64;
/// Bytes of a window at the most: a socket of the client's has to take it all.  Linux gives one 208 KiB, of which each
/// packet on the wire needs 2304 bytes, also as a fragment.  What does not fit is lost, each time again.
const MAX_WINDOW_BYTES: u64 = 96 * 1024;
/// Headers of IPv4 and UDP.
const UDP_HEADERS: u16 = 20 + 8;
/// The largest block whose datagram fits into an Ethernet frame; firmware asks for no more.
const ETHERNET_BLOCK_SIZE: u16 = 1500 - UDP_HEADERS - DATA_HEADER as u16;

/// What is agreed for a transfer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Terms {
    /// Bytes of each block but the last.
    pub(super) block_size: u16,
    /// Blocks that are sent before the client acknowledges.
    pub(super) window: u16,
    /// Time after which the client wants something sent again.
    pub(super) timeout: Option<Duration>,
    /// Whether the client asked how long the file is: it may go once it knows.
    pub(super) is_size_asked: bool,
    /// The OACK that says so; `None` where the client asked for nothing that is known here.
    pub(super) answer: Option<Vec<u8>>,
}

impl Terms {
    /// Answers a request for a file of `len` bytes, by a client that is reached by datagrams of `mtu` bytes.
    pub(super) fn agree(request: &Read<'_>, len: u64, mtu: u16) -> Self {
        let mut terms =
            Self { block_size: DEFAULT_BLOCK_SIZE, window: 1, timeout: None, is_size_asked: false, answer: None };
        let mut answers = Vec::new();
        let mut window = None;
        for (name, value) in request.options() {
            let Some(known) = KNOWN.into_iter().find(|known| known.as_bytes().eq_ignore_ascii_case(name)) else {
                continue;
            };
            let (Some(value), false) = (number(value), answers.iter().any(|(name, _)| *name == known)) else {
                continue;
            };
            let answer = match known {
                BLKSIZE if value >= *BLOCK_SIZES.start() => {
                    terms.block_size = block_size(value, mtu);
                    terms.block_size.into()
                }
                TIMEOUT if TIMEOUTS_S.contains(&value) => {
                    terms.timeout = Some(Duration::from_secs(value));
                    value
                }
                TSIZE => {
                    terms.is_size_asked = true;
                    len
                }
                WINDOWSIZE if value >= 1 => {
                    window = Some(answers.len());
                    value
                }
                _ => continue,
            };
            answers.push((known, answer));
        }
        // The size of blocks may be asked for behind it.
        if let Some(index) = window {
            let fit = (MAX_WINDOW_BYTES / u64::from(terms.block_size)).clamp(1, MAX_WINDOW);
            answers[index].1 = answers[index].1.min(fit);
            terms.window = answers[index].1 as u16;
        }
        terms.answer = (!answers.is_empty()).then(|| option_ack(&answers));
        terms
    }
}

const BLKSIZE: &str = "blksize";
const TIMEOUT: &str = "timeout";
const TSIZE: &str = "tsize";
const WINDOWSIZE: &str = "windowsize";
const KNOWN: [&str; 4] = [BLKSIZE, TIMEOUT, TSIZE, WINDOWSIZE];

/// The size of blocks, of what was asked for.
///
/// A client that asks for what fits into an Ethernet frame expects whole packets: boot ROMs cannot put fragments together
/// (dnsmasq's tftp.c).  Where the way to it is narrower than Ethernet, as in a VXLAN, it gets smaller blocks.  One that asks
/// for more counts on fragments, or on jumbo frames.
fn block_size(asked: u64, mtu: u16) -> u16 {
    let asked = asked.min(*BLOCK_SIZES.end()) as u16;
    if asked > ETHERNET_BLOCK_SIZE {
        return asked;
    }
    let whole = mtu.saturating_sub(UDP_HEADERS + DATA_HEADER as u16);
    asked.min(whole.max(*BLOCK_SIZES.start() as u16))
}

fn number(value: &[u8]) -> Option<u64> {
    // `parse` would take a sign.
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    is_number.then(|| str::from_utf8(value).ok()?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;
