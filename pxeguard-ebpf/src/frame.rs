//! Packet access: the only pointer arithmetic of the kernel side.

use core::arch::asm;
use core::mem::MaybeUninit;

use aya_ebpf::EbpfContext;
use aya_ebpf::helpers::{bpf_skb_load_bytes, bpf_xdp_get_buff_len, bpf_xdp_load_bytes};
use aya_ebpf::programs::{TcContext, XdpContext};
use pxeguard_common::frame::{Frame, MAX_OFFSET};

/// A frame of which an event can keep the first bytes.
pub trait Capture: Frame {
    /// What the program was given.
    type Context: EbpfContext;

    /// What the program was given, for its log.
    fn context(&self) -> &Self::Context;

    /// Length of the whole frame.
    fn len(&self) -> u32;

    /// Copies the first `len` bytes, not 0; false where the frame is shorter.
    ///
    /// # Safety
    /// There is room for `len` bytes at `to`.
    unsafe fn copy_to(&self, to: *mut u8, len: u32) -> bool;
}

/// The first bytes in place; `None` where the linear part falls short of them, though the frame may not.
#[inline(always)]
fn head<'a, const N: usize>(data: usize, data_end: usize) -> Option<&'a [u8; N]> {
    if data + N > data_end {
        return None;
    }
    // SAFETY: the N bytes lie before `data_end`, and nothing moves them while the program runs.
    Some(unsafe { &*(data as *const [u8; N]) })
}

/// Reads at any offset; `None` where the linear part falls short of it, though the frame may not.
#[inline(always)]
fn near<const N: usize>(data: usize, data_end: usize, at: usize) -> Option<[u8; N]> {
    // The verifier follows a pointer as long as it stays in one register, and a number as long as that is checked in
    // the register in which it is used.  So both are hidden from the compiler, which would compute them twice.
    let at = hidden(at);
    if at > MAX_OFFSET {
        return None;
    }
    let start = hidden(data + at);
    if start + N > data_end {
        return None;
    }
    // SAFETY: the N bytes lie before `data_end`; a byte array has no alignment.
    Some(unsafe { *(start as *const [u8; N]) })
}

/// The same number, of which the compiler knows nothing.
#[inline(always)]
fn hidden(mut number: usize) -> usize {
    // An instruction, because without one two lines of debug information would share the next, which Linux refuses.
    // SAFETY: it moves a register to itself.
    unsafe { asm!("{0} = {0}", inlateout(reg) number, options(pure, nomem, nostack)) };
    number
}

/// What an XDP program is given.
pub struct XdpFrame(pub XdpContext);

impl XdpFrame {
    /// The interface whose hook runs.
    #[inline(always)]
    pub fn ifindex(&self) -> u32 {
        self.0.ingress_ifindex() as u32
    }
}

impl Frame for XdpFrame {
    /// Drivers give XDP all of a page, and generic XDP makes the frame linear.
    const SPLITS: bool = false;

    #[inline(always)]
    fn head<const N: usize>(&self) -> Option<&[u8; N]> {
        head(self.0.data(), self.0.data_end())
    }

    #[inline(always)]
    fn load<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let mut bytes = MaybeUninit::uninit();
        // SAFETY: written where it did not fail.
        self.load_into(at, &mut bytes).then(|| unsafe { bytes.assume_init() })
    }

    #[inline(always)]
    fn load_into<const N: usize>(&self, at: usize, to: &mut MaybeUninit<[u8; N]>) -> bool {
        // SAFETY: the helper writes N bytes or fails.
        unsafe { bpf_xdp_load_bytes(self.0.ctx, at as u32, to.as_mut_ptr().cast(), N as u32) == 0 }
    }

    #[inline(always)]
    fn near<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        near(self.0.data(), self.0.data_end(), at).or_else(|| self.load(at))
    }

    #[inline(always)]
    fn offloaded_tag(&self) -> Option<u16> {
        None
    }
}

impl Capture for XdpFrame {
    type Context = XdpContext;

    #[inline(always)]
    fn context(&self) -> &XdpContext {
        &self.0
    }

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
pub struct SkbFrame(pub TcContext);

impl SkbFrame {
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

impl Frame for SkbFrame {
    #[inline(always)]
    fn head<const N: usize>(&self) -> Option<&[u8; N]> {
        head(self.0.data(), self.0.data_end())
    }

    #[inline(always)]
    fn load<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let mut bytes = MaybeUninit::uninit();
        // SAFETY: written where it did not fail.
        self.load_into(at, &mut bytes).then(|| unsafe { bytes.assume_init() })
    }

    #[inline(always)]
    fn load_into<const N: usize>(&self, at: usize, to: &mut MaybeUninit<[u8; N]>) -> bool {
        // SAFETY: the helper writes N bytes or fails.
        unsafe { bpf_skb_load_bytes(self.0.as_ptr(), at as u32, to.as_mut_ptr().cast(), N as u32) == 0 }
    }

    #[inline(always)]
    fn near<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        near(self.0.data(), self.0.data_end(), at).or_else(|| self.load(at))
    }

    #[inline(always)]
    fn offloaded_tag(&self) -> Option<u16> {
        // SAFETY: the context is the program's own.
        let skb = unsafe { &*self.0.skb.skb };
        (skb.vlan_present != 0).then_some(skb.vlan_tci as u16)
    }
}

impl Capture for SkbFrame {
    type Context = TcContext;

    #[inline(always)]
    fn context(&self) -> &TcContext {
        &self.0
    }

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
