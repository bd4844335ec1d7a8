//! Takes a link's program off its hook at once (`BPF_LINK_DETACH`, Linux 5.9), which aya does not offer.
//!
//! Removing the pin is not enough: the BPF file system lets go of a link some time later (after an RCU grace period,
//! seen on Linux 6.18), and until then the program runs on, and an XDP link holds its slot.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::libc;

/// Commands of bpf(2), from `enum bpf_cmd` of linux/bpf.h.
const BPF_OBJ_GET: libc::c_long = 7;
const BPF_LINK_DETACH: libc::c_long = 34;

/// `union bpf_attr`, as far as `BPF_OBJ_GET` reads it.
#[repr(C)]
struct ObjectGet {
    pathname: u64,
    bpf_fd: u32,
    file_flags: u32,
}

/// `union bpf_attr`, as far as `BPF_LINK_DETACH` reads it.
#[repr(C)]
struct LinkDetach {
    link_fd: u32,
}

/// Leaves the pinned link without a hook; the pin stays.
pub fn detach(pin: &Path) -> io::Result<()> {
    let path = CString::new(pin.as_os_str().as_bytes())?;
    let get = ObjectGet { pathname: path.as_ptr() as u64, bpf_fd: 0, file_flags: 0 };
    // SAFETY: the attributes refer to a path that lives longer than the call.
    let fd = unsafe { bpf(BPF_OBJ_GET, &get) }?;
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
    let link = unsafe { OwnedFd::from_raw_fd(fd as i32) };
    // SAFETY: the attributes refer to no memory.
    unsafe { bpf(BPF_LINK_DETACH, &LinkDetach { link_fd: link.as_raw_fd() as u32 }) }.map(drop)
}

/// # Safety
/// The memory that the attributes refer to is there, as this command wants it.
unsafe fn bpf<T>(command: libc::c_long, attributes: &T) -> io::Result<libc::c_long> {
    let attributes: *const T = attributes;
    // SAFETY: the attributes are as long as is said; for the rest the caller answers.
    let done = unsafe { libc::syscall(libc::SYS_bpf, command, attributes, size_of::<T>()) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(done) }
}
