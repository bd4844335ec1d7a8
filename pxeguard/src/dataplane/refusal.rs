//! Why a hook could not be had, in words.

use std::io;
use std::path::Path;

use aya::programs::ProgramError;
use aya::programs::tc::TcError;
use aya::programs::xdp::XdpError;
use nix::libc;

use super::choice::Port;
use super::objection::{ONE_BUFFER_MTU, driver, objections};
use super::owner;
use crate::hook::Hook;
use crate::ports::Joining;

/// Why a hook could not be had, in words.
pub fn refusal(bpffs: &Path, port: &Port<'_>, hook: Hook, error: &ProgramError) -> String {
    let code = os_error(error);
    match (hook.is_xdp(), code) {
        // EEXIST: in the other of the two modes, native and generic.
        (true, Some(libc::EBUSY | libc::EEXIST)) if port.xdp_program.is_some_and(|id| id != 0) => {
            let owner = owner::of_program(bpffs, port.xdp_program.unwrap_or_default());
            format!("{owner} holds this port")
        }
        (true, Some(libc::EBUSY)) => "another XDP program holds this port".to_owned(),
        (true, Some(libc::EEXIST)) => "an XDP program on the bridge or bond above keeps XDP off this port".to_owned(),
        (_, Some(code)) => match cause(port, hook, code) {
            Some(cause) => cause,
            None => format!("{hook} was refused ({})", io::Error::from_raw_os_error(code)),
        },
        (_, None) => format!("{hook} was refused ({error})"),
    }
}

/// What a driver means by an errno, as far as it can be known (drivers of Linux 6.12).
fn cause(port: &Port<'_>, hook: Hook, errno: i32) -> Option<String> {
    if hook != Hook::Xdp {
        return None;
    }
    let known = || objections(port).iter().find(|objection| objection.refuses()).map(ToString::to_string);
    of_driver(port, errno).map(str::to_owned).or_else(known).or_else(|| likely(port, errno))
}

/// What one driver means by it.
fn of_driver(port: &Port<'_>, errno: i32) -> Option<&'static str> {
    Some(match (port.device.driver.as_deref()?, errno) {
        // `veth_xdp_set`.
        ("veth", libc::ENOSPC) => {
            "the other end of this veth sends by more queues than this end receives by (ip link add ... numrxqueues)"
        }
        ("veth", libc::ENOTCONN) => "the other end of this veth is gone",
        // `virtnet_xdp_set`, without VIRTIO_NET_F_CTRL_GUEST_OFFLOADS.
        ("virtio_net", libc::EOPNOTSUPP) => {
            "this virtio_net card cannot tell its host to send whole frames with checksums, as XDP needs them"
        }
        // `ixgbe_xdp_setup`.
        ("ixgbe", libc::EINVAL) if port.mtu <= ONE_BUFFER_MTU => "ixgbe runs no XDP with SR-IOV, DCB or LRO on",
        ("ixgbe", libc::ENOMEM) => "ixgbe has too few queues for XDP on so many CPUs",
        // `bnxt_xdp_set`.
        ("bnxt_en", libc::EOPNOTSUPP) => "bnxt_en runs XDP with combined queues only (ethtool -L ... combined)",
        _ => return None,
    })
}

/// What most drivers mean by it.
fn likely(port: &Port<'_>, errno: i32) -> Option<String> {
    let (driver, mtu) = (driver(port), port.mtu);
    Some(match errno {
        libc::EOPNOTSUPP | libc::EINVAL | libc::ERANGE if mtu > ONE_BUFFER_MTU => {
            format!("the driver {driver} probably does not run XDP with an MTU of {mtu}")
        }
        libc::ERANGE => format!("an MTU of {mtu} is too large for XDP in the driver {driver}"),
        libc::EOPNOTSUPP | libc::EINVAL if port.device.joins == Some(Joining::Lro) => {
            format!("the driver {driver} probably does not run XDP with LRO on")
        }
        libc::EOPNOTSUPP if port.device.xdp.is_some() => {
            format!("the driver {driver} does not run XDP as it is set up now; the kernel's log may say why")
        }
        libc::EOPNOTSUPP => format!("the driver {driver} does not run XDP"),
        libc::ENOMEM | libc::ENOSPC => format!("the driver {driver} has no queues or memory left for XDP"),
        _ => return None,
    })
}

/// The errno that is behind an error, if one is.
pub fn os_error(error: &ProgramError) -> Option<i32> {
    match error {
        ProgramError::SyscallError(error) => error.io_error.raw_os_error(),
        ProgramError::IOError(error) => error.raw_os_error(),
        ProgramError::TcError(TcError::NetlinkError(error)) => error.raw_os_error(),
        ProgramError::TcError(TcError::IoError(error)) => error.raw_os_error(),
        ProgramError::XdpError(XdpError::NetlinkError(error)) => error.raw_os_error(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataplane::choice::tests::{card, port};
    use crate::ports::{Device, Queues, XdpFeatures};

    fn told(port: &Port<'_>, errno: i32) -> String {
        let error = ProgramError::IOError(io::Error::from_raw_os_error(errno));
        refusal(Path::new("/nowhere"), port, Hook::Xdp, &error)
    }

    #[test]
    fn an_errno_is_told_by_what_the_driver_means_by_it() {
        for (driver, errno, expected) in [
            ("veth", libc::ENOSPC, "the other end of this veth sends by more queues than this end receives by"),
            ("virtio_net", libc::EOPNOTSUPP, "this virtio_net card cannot tell its host to send whole frames"),
            ("ixgbe", libc::EINVAL, "ixgbe runs no XDP with SR-IOV, DCB or LRO on"),
            ("bnxt_en", libc::EOPNOTSUPP, "bnxt_en runs XDP with combined queues only"),
            ("e1000e", libc::EOPNOTSUPP, "the driver e1000e does not run XDP"),
            ("e1000e", libc::EBUSY, "another XDP program holds this port"),
            ("e1000e", libc::EIO, "xdp was refused (Input/output error (os error 5))"),
        ] {
            let device = Device { xdp: None, ..card(driver) };
            let told = told(&port(&device), errno);
            assert!(told.starts_with(expected), "{driver} {errno}: {told}");
        }
    }

    #[test]
    fn what_is_known_of_the_card_is_the_cause() {
        let ena = Device { queues: Some(Queues { used: 8, most: 8 }), ..card("ena") };
        assert!(told(&port(&ena), libc::EINVAL).contains("8 of 8"));
        let jumbo = card("igc");
        let jumbo = Port { mtu: 9000, ..port(&jumbo) };
        assert!(told(&jumbo, libc::EOPNOTSUPP).starts_with("the MTU is 9000, and the driver igc"));
        let unknown = Device { xdp: None, ..card("mlx4_en") };
        let unknown = Port { mtu: 9000, ..port(&unknown) };
        assert!(told(&unknown, libc::EOPNOTSUPP).contains("with an MTU of 9000"));
        let lro = Device { joins: Some(Joining::Lro), ..card("hv_netvsc") };
        assert!(told(&port(&lro), libc::EOPNOTSUPP).contains("with LRO on"));
        let none = Device { xdp: Some(XdpFeatures(0)), ..card("r8169") };
        assert_eq!(told(&port(&none), libc::EOPNOTSUPP), "the driver r8169 does not run XDP");
    }

    #[test]
    fn what_was_refused_at_tc_is_not_put_down_to_xdp() {
        let device = card("e1000e");
        let error = ProgramError::IOError(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
        let told = refusal(Path::new("/nowhere"), &port(&device), Hook::Tcx, &error);
        assert_eq!(told, "tcx was refused (Operation not supported (os error 95))");
    }
}
