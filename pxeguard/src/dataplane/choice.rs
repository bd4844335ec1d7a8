//! Which hook a port gets, and why it gets no other.

use std::io;
use std::path::Path;

use aya::programs::ProgramError;
use aya::programs::tc::TcError;
use nix::libc;
use pxeguard_common::net::Ifindex;

use super::owner;
use crate::hook::{Hook, HookChoice};

/// A port to guard.
#[derive(Clone, Copy, Debug)]
pub struct Port<'a> {
    /// Its number.
    pub index: Ifindex,
    /// Its name.
    pub name: &'a str,
    /// What it is, in a word.
    pub kind: &'a str,
    /// Whether there is a card with a driver behind it.
    pub physical: bool,
    /// Whether a bridge forwards out of it, so that its egress is guarded, too.
    pub bridge_port: bool,
    /// Whether only XDP stops a frame here.
    pub only_xdp: bool,
    /// What the operator asks for.
    pub choice: HookChoice,
    /// The XDP program that is there already, by number.
    pub xdp_program: Option<u32>,
}

/// How a port is guarded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Guarded {
    /// Where.
    pub hook: Hook,
    /// Why there.
    pub reason: String,
    /// Since when, in nanoseconds of `CLOCK_REALTIME`.
    pub since_ns: u64,
}

/// Hooks to try, each with the reason for it.
pub fn candidates(port: &Port<'_>) -> Vec<(Hook, String)> {
    let tcx = |reason: String| (Hook::Tcx, reason);
    let asked = "asked for".to_owned();
    match port.choice {
        _ if port.only_xdp => {
            let why = "Open vSwitch takes the frames of this port before tc sees them".to_owned();
            vec![(Hook::Xdp, why.clone()), (Hook::XdpGeneric, why)]
        }
        HookChoice::Auto if port.physical => {
            vec![(Hook::Xdp, "a card's driver runs XDP before anything else".to_owned()), tcx(String::new())]
        }
        HookChoice::Auto => {
            vec![tcx(format!("a {} port: XDP would cost bulk throughput", port.kind))]
        }
        HookChoice::Xdp => vec![(Hook::Xdp, asked), tcx(String::new())],
        HookChoice::XdpGeneric => vec![(Hook::XdpGeneric, asked), tcx(String::new())],
        HookChoice::Tcx => vec![tcx(asked)],
        HookChoice::Clsact => vec![(Hook::Clsact, asked)],
    }
}

/// Why a hook could not be had, in words.
pub fn refusal(bpffs: &Path, port: &Port<'_>, hook: Hook, error: &ProgramError) -> String {
    match (hook.is_xdp(), os_error(error)) {
        // EEXIST: in the other of the two modes, native and generic.
        (true, Some(libc::EBUSY | libc::EEXIST)) if port.xdp_program.is_some_and(|id| id != 0) => {
            let owner = owner::of_program(bpffs, port.xdp_program.unwrap_or_default());
            format!("{owner} holds this port")
        }
        (true, Some(libc::EBUSY)) => "another XDP program holds this port".to_owned(),
        (true, Some(libc::EEXIST)) => "an XDP program on the bridge or bond above keeps XDP off this port".to_owned(),
        (true, Some(libc::EOPNOTSUPP)) => "the driver does not run XDP".to_owned(),
        (true, Some(libc::ERANGE)) => "the MTU is too large for XDP in this driver".to_owned(),
        (_, Some(code)) => format!("{hook} was refused ({})", io::Error::from_raw_os_error(code)),
        (_, None) => format!("{hook} was refused ({error})"),
    }
}

pub fn os_error(error: &ProgramError) -> Option<i32> {
    match error {
        ProgramError::SyscallError(error) => error.io_error.raw_os_error(),
        ProgramError::IOError(error) => error.raw_os_error(),
        ProgramError::TcError(TcError::NetlinkError(error)) => error.raw_os_error(),
        ProgramError::TcError(TcError::IoError(error)) => error.raw_os_error(),
        _ => None,
    }
}
