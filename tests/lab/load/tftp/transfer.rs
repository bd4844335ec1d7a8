//! One transfer as its client sees it: no I/O, no clock.

use anyhow::{Context, Result, bail, ensure};

/// Opcodes (RFC 1350 §5, RFC 2347).
mod opcode {
    pub const READ_REQUEST: u16 = 1;
    pub const DATA: u16 = 3;
    pub const ACKNOWLEDGEMENT: u16 = 4;
    pub const ERROR: u16 = 5;
    pub const OPTION_ACKNOWLEDGEMENT: u16 = 6;
}

/// Where nothing else is agreed (RFC 1350 §5).
const DEFAULT_BLKSIZE: usize = 512;

/// What to do after a datagram.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Wait,
    /// Send an ACK of this block.
    Acknowledge(u16),
    /// Send an ACK of this block: the file is whole.
    Finish(u16),
}

/// How far a transfer is.
#[derive(Debug)]
pub(super) struct Transfer<'a> {
    expected: Option<&'a [u8]>,
    /// What was asked for; nothing larger may be agreed.
    asked_windowsize: u16,
    blksize: usize,
    windowsize: u16,
    /// Blocks received.
    blocks: u64,
    bytes: u64,
    /// Blocks received since the last ACK.
    unacknowledged: u16,
    /// Whether the gap after the last good block has been told already.
    is_gap_told: bool,
}

impl<'a> Transfer<'a> {
    pub(super) fn new(asked_windowsize: u16, expected: Option<&'a [u8]>) -> Self {
        Self {
            expected,
            asked_windowsize,
            blksize: DEFAULT_BLKSIZE,
            windowsize: 1,
            blocks: 0,
            bytes: 0,
            unacknowledged: 0,
            is_gap_told: false,
        }
    }

    /// Bytes received so far, in order.
    pub(super) fn received(&self) -> u64 {
        self.bytes
    }

    /// Takes a datagram of the server's.
    ///
    /// # Errors
    /// An ERROR, what no server may send, and a block that does not hold what it should.
    pub(super) fn take(&mut self, datagram: &[u8]) -> Result<Step> {
        let (opcode, rest) = datagram.split_first_chunk().context("a datagram without an opcode")?;
        match u16::from_be_bytes(*opcode) {
            opcode::DATA => {
                let (block, data) = rest.split_first_chunk().context("DATA without a block number")?;
                self.take_block(u16::from_be_bytes(*block), data)
            }
            opcode::OPTION_ACKNOWLEDGEMENT if self.blocks == 0 => self.agree(rest),
            // Sent again, because our ACK was lost or late.
            opcode::OPTION_ACKNOWLEDGEMENT => Ok(Step::Wait),
            opcode::ERROR => bail!("the server says {}", String::from_utf8_lossy(rest)),
            opcode => bail!("the server sends opcode {opcode}"),
        }
    }

    fn take_block(&mut self, block: u16, data: &[u8]) -> Result<Step> {
        ensure!(data.len() <= self.blksize, "a block of {} bytes, {} were agreed", data.len(), self.blksize);
        if block != (self.blocks + 1) as u16 {
            // RFC 7440 §4: the last good block, once.  Nobody answers for what came twice (RFC 1123 §4.2.3.1).
            let is_ahead = block.wrapping_sub(self.blocks as u16) < self.windowsize.saturating_mul(2);
            if !is_ahead || self.is_gap_told || self.windowsize == 1 {
                return Ok(Step::Wait);
            }
            self.is_gap_told = true;
            self.unacknowledged = 0;
            return Ok(Step::Acknowledge(self.blocks as u16));
        }
        if let Some(expected) = self.expected {
            let at = self.bytes as usize;
            ensure!(expected.get(at..at + data.len()) == Some(data), "block {block} does not hold what it should");
        }
        self.blocks += 1;
        self.bytes += data.len() as u64;
        self.unacknowledged += 1;
        self.is_gap_told = false;
        if data.len() < self.blksize {
            let whole = self.expected.is_none_or(|expected| expected.len() as u64 == self.bytes);
            ensure!(whole, "the file ends after {} bytes", self.bytes);
            return Ok(Step::Finish(block));
        }
        if self.unacknowledged < self.windowsize {
            return Ok(Step::Wait);
        }
        self.unacknowledged = 0;
        Ok(Step::Acknowledge(block))
    }

    /// Takes the options that the server agrees to (RFC 2347).
    fn agree(&mut self, options: &[u8]) -> Result<Step> {
        let mut words = options.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            let number = || value.parse::<u16>().with_context(|| format!("{name} {value} is no number"));
            match name.to_ascii_lowercase().as_str() {
                "blksize" => self.blksize = number()?.into(),
                "windowsize" => self.windowsize = number()?,
                _ => bail!("the server agrees to {name}, for which nobody asked"),
            }
        }
        ensure!(
            (1..=self.asked_windowsize).contains(&self.windowsize),
            "the server chose windowsize {}",
            self.windowsize
        );
        Ok(Step::Acknowledge(0))
    }
}

/// RRQ in mode octet, with its options.
pub(super) fn read_request(file: &str, blksize: u16, windowsize: u16) -> Vec<u8> {
    let mut text = format!("{file}\0octet\0blksize\0{blksize}\0");
    if windowsize > 1 {
        text += &format!("windowsize\0{windowsize}\0");
    }
    [&opcode::READ_REQUEST.to_be_bytes()[..], text.as_bytes()].concat()
}

pub(super) fn acknowledgement(block: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (opcode::ACKNOWLEDGEMENT.to_be_bytes(), block.to_be_bytes());
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    const OACK: &[u8] = b"\0\x06blksize\x008\0windowsize\x004\0";

    fn data(block: u16, bytes: &[u8]) -> Vec<u8> {
        [&opcode::DATA.to_be_bytes()[..], &block.to_be_bytes(), bytes].concat()
    }

    fn agreed(expected: Option<&[u8]>) -> Transfer<'_> {
        let mut transfer = Transfer::new(4, expected);
        assert_eq!(transfer.take(OACK).unwrap(), Step::Acknowledge(0));
        transfer
    }

    #[test]
    fn a_window_is_acknowledged_by_its_last_block_and_the_file_by_the_short_one() {
        let mut transfer = agreed(None);
        let mut steps = (1..=5).map(|block| transfer.take(&data(block, &[0; 8])).unwrap());
        assert!(steps.by_ref().take(3).all(|step| step == Step::Wait));
        assert_eq!(steps.next(), Some(Step::Acknowledge(4)));
        assert_eq!(steps.next(), Some(Step::Wait));
        assert_eq!(transfer.take(&data(6, &[])).unwrap(), Step::Finish(6));
        assert_eq!(transfer.received(), 40);
    }

    #[test]
    fn a_lost_block_is_asked_for_once() {
        let mut transfer = agreed(None);
        assert_eq!(transfer.take(&data(1, &[0; 8])).unwrap(), Step::Wait);
        assert_eq!(transfer.take(&data(3, &[0; 8])).unwrap(), Step::Acknowledge(1));
        assert_eq!(transfer.take(&data(4, &[0; 8])).unwrap(), Step::Wait);
        assert_eq!(transfer.take(&data(2, &[0; 8])).unwrap(), Step::Wait);
    }

    #[test]
    fn block_numbers_begin_again_after_65535() {
        let mut transfer = Transfer::new(1, None);
        for block in 1..=0x1_0001_u32 {
            let step = transfer.take(&data(block as u16, &[0; DEFAULT_BLKSIZE])).unwrap();
            assert_eq!(step, Step::Acknowledge(block as u16));
        }
    }

    #[test]
    fn what_the_file_does_not_hold_is_an_error() {
        let mut transfer = agreed(Some(b"12345678abc"));
        assert_eq!(transfer.take(&data(1, b"12345678")).unwrap(), Step::Wait);
        assert!(transfer.take(&data(2, b"abX")).is_err());
        let mut cut_off = agreed(Some(b"12345678abc"));
        assert!(cut_off.take(&data(1, b"1234")).is_err());
    }
}
