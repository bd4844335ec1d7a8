//! A frame is anything that yields bytes at an offset.

/// One Ethernet frame, read at byte offsets; `None` past its end.
pub trait Frame {
    /// Reads at an offset the compiler knows (direct packet access in the kernel).
    fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]>;

    /// Reads at an offset found at run time, such as a DHCP option's.
    ///
    /// The verifier refuses direct access there (seen on Linux 6.18), so that in the kernel this is a helper's call.
    fn load<const N: usize>(&self, at: usize) -> Option<[u8; N]>;

    /// The tag control information of the 802.1Q tag that the card or the kernel took out of the frame and keeps
    /// beside it.  An XDP program cannot see it.
    fn offloaded_tag(&self) -> Option<u16>;
}

/// A frame in memory, as user space has it.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a> {
    bytes: &'a [u8],
    tag: Option<u16>,
}

impl<'a> Bytes<'a> {
    /// A frame with all its tags in it.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, tag: None }
    }

    /// A frame whose outermost 802.1Q tag was taken out; `tag` is its tag control information.
    pub const fn with_offloaded_tag(bytes: &'a [u8], tag: u16) -> Self {
        Self { bytes, tag: Some(tag) }
    }
}

impl Frame for Bytes<'_> {
    fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..)?.first_chunk().copied()
    }

    fn load<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.read(at)
    }

    fn offloaded_tag(&self) -> Option<u16> {
        self.tag
    }
}
