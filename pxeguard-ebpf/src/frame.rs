//! Packet access: the only pointer arithmetic of the kernel side.

use core::mem::MaybeUninit;

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::{bpf_skb_load_bytes, bpf_xdp_get_buff_len, bpf_xdp_load_bytes};
use aya_ebpf::programs::{TcContext, XdpContext};
use pxeguard_common::frame::Frame;

/// A frame of which an event can keep the first bytes.
pub trait Capture: Frame {
    /// Length of the whole frame.
    fn len(&self) -> u32;

    /// Copies the first `len` bytes, not 0; false where the frame is shorter.
    ///
    /// # Safety
    /// There is room for `len` bytes at `to`.
    unsafe fn copy_to(&self, to: *mut u8, len: u32) -> bool;
}

/// Reads directly what lies before `data_end`; `None` where the linear part falls short, though the frame may not.
#[inline(always)]
fn direct<const N: usize>(data: usize, data_end: usize, at: usize) -> Option<[u8; N]> {
    if data + at + N > data_end {
        return None;
    }
    // SAFETY: the N bytes lie before `data_end`; a byte array has no alignment.
    Some(unsafe { *((data + at) as *const [u8; N]) })
}

/// What an XDP program is given.
pub struct XdpFrame<'a>(pub &'a XdpContext);

impl Frame for XdpFrame<'_> {
    #[inline(always)]
    fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        direct(self.0.data(), self.0.data_end(), at).or_else(|| self.load(at))
    }

    #[inline(always)]
    fn load<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let mut bytes = MaybeUninit::<[u8; N]>::uninit();
        // SAFETY: the helper writes N bytes or fails.
        let failed =
            unsafe { bpf_xdp_load_bytes(self.0.ctx, at as u32, bytes.as_mut_ptr().cast(), N as u32) };
        // SAFETY: written where it did not fail.
        (failed == 0).then(|| unsafe { bytes.assume_init() })
    }

    #[inline(always)]
    fn offloaded_tag(&self) -> Option<u16> {
        None
    }
}

impl Capture for XdpFrame<'_> {
    #[inline(always)]
    fn len(&self) -> u32 {
        // SAFETY: the context is the program's own.
        unsafe { bpf_xdp_get_buff_len(self.0.ctx) as u32 }
    }

    #[inline(always)]
    unsafe fn copy_to(&self, to: *mut u8, len: u32) -> bool {
        // SAFETY: the caller has the room.
        unsafe { bpf_xdp_load_bytes(self.0.ctx, 0, to.cast(), len) == 0 }
    }
}

/// What a tc program is given.
pub struct SkbFrame<'a>(pub &'a TcContext);

impl SkbFrame<'_> {
    /// The interface whose hook runs.
    #[inline(always)]
    pub fn ifindex(&self) -> u32 {
        // SAFETY: the context is the program's own.
        unsafe { (*self.0.skb.skb).ifindex }
    }

    /// The interface by which the frame came into this host; 0 for the host's own.
    #[inline(always)]
    pub fn ingress_ifindex(&self) -> u32 {
        // SAFETY: the context is the program's own.
        unsafe { (*self.0.skb.skb).ingress_ifindex }
    }
}

impl Frame for SkbFrame<'_> {
    #[inline(always)]
    fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        direct(self.0.data(), self.0.data_end(), at).or_else(|| self.load(at))
    }

    #[inline(always)]
    fn load<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let mut bytes = MaybeUninit::<[u8; N]>::uninit();
        // SAFETY: the helper writes N bytes or fails.
        let failed = unsafe {
            bpf_skb_load_bytes(self.0.as_ptr(), at as u32, bytes.as_mut_ptr().cast(), N as u32)
        };
        // SAFETY: written where it did not fail.
        (failed == 0).then(|| unsafe { bytes.assume_init() })
    }

    #[inline(always)]
    fn offloaded_tag(&self) -> Option<u16> {
        // SAFETY: the context is the program's own.
        let skb = unsafe { &*self.0.skb.skb };
        (skb.vlan_present != 0).then_some(skb.vlan_tci as u16)
    }
}

impl Capture for SkbFrame<'_> {
    #[inline(always)]
    fn len(&self) -> u32 {
        self.0.len()
    }

    #[inline(always)]
    unsafe fn copy_to(&self, to: *mut u8, len: u32) -> bool {
        // SAFETY: the caller has the room.
        unsafe { bpf_skb_load_bytes(self.0.as_ptr(), 0, to.cast(), len) == 0 }
    }
}
