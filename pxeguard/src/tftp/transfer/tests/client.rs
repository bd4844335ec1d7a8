//! A client without input or output: takes blocks, says what to acknowledge.

/// How a client treats a block that it does not expect.
#[derive(Clone, Copy, Debug)]
pub(super) enum Manner {
    /// It acknowledges again what it has, for each such block (edk2).
    Eager,
    /// It does so once, until it has got a block further (RFC 7440 §4).
    Once,
}

pub(super) struct Client {
    block_size: usize,
    window: u64,
    manner: Manner,
    /// What has arrived.
    pub(super) bytes: Vec<u8>,
    blocks: u64,
    acknowledged: u64,
    has_complained: bool,
    pub(super) is_done: bool,
}

impl Client {
    pub(super) fn new(block_size: u16, window: u16, manner: Manner) -> Self {
        Self {
            block_size: block_size.into(),
            window: window.into(),
            manner,
            bytes: Vec::new(),
            blocks: 0,
            acknowledged: 0,
            has_complained: false,
            is_done: false,
        }
    }

    /// Takes a block; the number to acknowledge, if any.
    pub(super) fn take(&mut self, number: u16, data: &[u8]) -> Option<u16> {
        if self.is_done || number != (self.blocks + 1) as u16 {
            let says = matches!(self.manner, Manner::Eager) || !self.has_complained;
            self.has_complained = true;
            return (says || self.is_done).then(|| self.acknowledge());
        }
        self.has_complained = false;
        self.bytes.extend_from_slice(data);
        self.blocks += 1;
        self.is_done = data.len() < self.block_size;
        (self.is_done || self.blocks - self.acknowledged == self.window).then(|| self.acknowledge())
    }

    /// Says what it has: when a window is whole, when something is wrong, or after a while.
    pub(super) fn acknowledge(&mut self) -> u16 {
        self.acknowledged = self.blocks;
        self.blocks as u16
    }
}
