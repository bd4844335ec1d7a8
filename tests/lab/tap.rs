//! A virtual machine's network card: the descriptor of a tap device.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use nix::libc;

use crate::Host;
use crate::packet_socket::wait_readable;

/// The virtual machine's side of a tap device, which exists as long as this value.
#[derive(Debug)]
pub struct Tap {
    file: File,
}

impl Tap {
    /// Makes the device `name` in a host, up and in no bridge.
    pub fn new(host: &Host, name: &str) -> Result<Self> {
        Self::with_flags(host, name, 0)
    }

    /// The same for a machine that sends packets which are still to be cut: before each frame it writes a
    /// `struct virtio_net_hdr`.
    pub fn with_offloads(host: &Host, name: &str) -> Result<Self> {
        Self::with_flags(host, name, libc::IFF_VNET_HDR)
    }

    fn with_flags(host: &Host, name: &str, flags: libc::c_int) -> Result<Self> {
        let file = host.enter(|| open(name, flags))?.with_context(|| format!("cannot make tap {name}"))?;
        host.ip(&format!("link set {name} up\n"))?;
        Ok(Self { file })
    }

    /// The virtual machine sends a frame.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        let sent = (&self.file).write(frame).context("cannot write to the tap")?;
        ensure!(sent == frame.len(), "the tap took {sent} of {} bytes", frame.len());
        Ok(())
    }

    /// The next frame to the virtual machine; `None` at the deadline.
    pub fn receive(&self, deadline: Instant) -> Result<Option<Vec<u8>>> {
        let mut frame = vec![0; 65536];
        loop {
            match (&self.file).read(&mut frame) {
                Ok(length) => {
                    frame.truncate(length);
                    return Ok(Some(frame));
                }
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {
                    if !wait_readable(self.file.as_fd(), deadline)? {
                        return Ok(None);
                    }
                }
                Err(why) => return Err(why).context("cannot read from the tap"),
            }
        }
    }
}

fn open(name: &str, flags: libc::c_int) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/net/tun")?;
    // SAFETY: all zero is a value of this C struct.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1).zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI | flags) as libc::c_short;
    // SAFETY: TUNSETIFF reads and writes one ifreq.
    if unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &mut request) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(file)
}
