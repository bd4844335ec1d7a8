//! Which driver an interface has, as `ethtool -i` shows it.

use std::os::fd::AsRawFd;

use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// `ETHTOOL_GDRVINFO` of linux/ethtool.h.
const GDRVINFO: u32 = 0x0000_0003;

/// `struct ethtool_drvinfo` of linux/ethtool.h.
#[repr(C)]
struct DrvInfo {
    cmd: u32,
    driver: [u8; 32],
    rest: [u8; 32 * 4 + 12 + 4 * 5],
}
const _: () = assert!(size_of::<DrvInfo>() == 196);

/// The driver's name; `None` if there is no such interface, or it does not say.
pub(super) fn of(interface: &str) -> Option<String> {
    // SAFETY: all zero is a value of this C struct.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if interface.len() >= request.ifr_name.len() {
        return None;
    }
    for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *to = from as libc::c_char;
    }
    let mut info = DrvInfo { cmd: GDRVINFO, driver: [0; 32], rest: [0; 160] };
    request.ifr_ifru.ifru_data = (&raw mut info).cast();
    let flags = SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Inet, SockType::Datagram, flags, None).ok()?;
    // SAFETY: SIOCETHTOOL reads one ifreq, and GDRVINFO fills the struct that it points to; both outlive the call.
    let outcome = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &mut request) };
    let driver = info.driver.split(|byte| *byte == 0).next().unwrap_or_default();
    (outcome == 0 && !driver.is_empty()).then(|| String::from_utf8_lossy(driver).into_owned())
}
