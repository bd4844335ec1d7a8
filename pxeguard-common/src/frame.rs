//! A frame is anything that yields bytes at an offset.

use core::mem::MaybeUninit;

/// One Ethernet frame, read at byte offsets.
pub trait Frame {
    /// Whether all but the Ethernet header can lie where [`Self::head`] does not reach.
    const SPLITS: bool = true;

    /// The first `N` bytes in place, where they are at hand: the cheapest way to read what stands at fixed offsets.
    ///
    /// `None` does not tell that the frame is shorter.  In the kernel the rest can lie elsewhere: of a frame that was
    /// sent through a packet socket's TX ring only 14 bytes are at hand.
    fn head<const N: usize>(&self) -> Option<&[u8; N]>;

    /// Reads at any offset; `None` past the frame's end.  In the kernel this is a helper's call, 15 to 20 ns.
    fn load<const N: usize>(&self, at: usize) -> Option<[u8; N]>;

    /// The same into a place that is there already; false past the frame's end.
    #[inline(always)]
    fn load_into<const N: usize>(&self, at: usize, to: &mut MaybeUninit<[u8; N]>) -> bool {
        let bytes = self.load(at);
        if let Some(bytes) = bytes {
            to.write(bytes);
        }
        bytes.is_some()
    }

    /// The same in a few ns where the bytes are at hand.
    ///
    /// The verifier follows each range of offsets by itself: all should be known to be up to [`MAX_OFFSET`], no more
    /// and no less.
    #[inline(always)]
    fn near<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.load(at)
    }

    /// The tag control information of the 802.1Q tag that the card or the kernel took out of the frame and keeps
    /// beside it.  An XDP program cannot see it.
    fn offloaded_tag(&self) -> Option<u16>;
}

/// A frame of which the first `FROM` bytes are at hand, and the next `LEN` were read ahead: in the kernel, one call of
/// a helper for many fields.
pub struct ReadAhead<'a, F, const FROM: usize, const LEN: usize> {
    frame: &'a F,
    head: &'a [u8; FROM],
    ahead: &'a [u8; LEN],
}

/// Bytes of which the compiler knows that they can be read by whole words.
#[repr(align(8))]
pub struct Room<const LEN: usize>(MaybeUninit<[u8; LEN]>);

impl<const LEN: usize> Default for Room<LEN> {
    #[inline(always)]
    fn default() -> Self {
        Self(MaybeUninit::uninit())
    }
}

impl<'a, F: Frame, const FROM: usize, const LEN: usize> ReadAhead<'a, F, FROM, LEN> {
    /// Reads ahead; `None` where the frame ends before, or begins elsewhere.
    #[inline(always)]
    pub fn new(frame: &'a F, room: &'a mut Room<LEN>) -> Option<Self> {
        let head = frame.head()?;
        // SAFETY: written, because it did not fail.
        frame.load_into(FROM, &mut room.0).then(|| Self { frame, head, ahead: unsafe { room.0.assume_init_ref() } })
    }
}

impl<F: Frame, const FROM: usize, const LEN: usize> Frame for ReadAhead<'_, F, FROM, LEN> {
    #[inline(always)]
    fn head<const N: usize>(&self) -> Option<&[u8; N]> {
        self.frame.head()
    }

    #[inline(always)]
    fn load<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let (bytes, from) = if at < FROM { (&self.head[..], 0) } else { (&self.ahead[..], FROM) };
        let known = bytes.get(at - from..).and_then(|bytes| bytes.first_chunk());
        known.copied().or_else(|| self.frame.load(at))
    }

    #[inline(always)]
    fn offloaded_tag(&self) -> Option<u16> {
        self.frame.offloaded_tag()
    }
}

/// An offset at which no frame has bytes, nor a while after it.
pub const NOWHERE: usize = 0x7fff_0000;

/// What an offset for [`Frame::near`] is masked with.
pub const MAX_OFFSET: usize = 0x3fff;

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
    #[inline(always)]
    fn head<const N: usize>(&self) -> Option<&[u8; N]> {
        self.bytes.first_chunk()
    }

    #[inline(always)]
    fn load<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes.get(at..)?.first_chunk().copied()
    }

    #[inline(always)]
    fn offloaded_tag(&self) -> Option<u16> {
        self.tag
    }
}
