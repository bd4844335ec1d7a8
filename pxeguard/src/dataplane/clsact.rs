//! The hook of tc that there was before TCX: a filter of the clsact qdisc.
//!
//! It is no BPF link and cannot be pinned: it stays by itself, and a folder among the pins stands for it.

use std::fs;
use std::io;
use std::mem;

use aya::programs::ProgramError;
use aya::programs::tc::{NlOptions, SchedClassifierLink, TcAttachOptions, TcError, TcHandle, qdisc_add_clsact};
use nix::libc;

use super::attach::{attach_type, program_name};
use super::pins::{Direction, Pin};
use super::refusal::os_error;
use super::{DataPlane, classifier};

/// The filter's place among others: before all that is numbered by the kernel.
const PRIORITY: u16 = 1;
const HANDLE: TcHandle = TcHandle::new(0, 1);

/// Puts our program into a filter at a port, in the place of one that is there.
pub fn attach(plane: &mut DataPlane, name: &str, pin: Pin) -> Result<(), ProgramError> {
    match qdisc_add_clsact(name) {
        Err(TcError::NetlinkError(error)) if error.raw_os_error() != Some(libc::EEXIST) => {
            return Err(TcError::NetlinkError(error).into());
        }
        Err(error @ (TcError::IoError(_) | TcError::NulError(_))) => return Err(error.into()),
        _ => {}
    }
    let program = classifier(&mut plane.programs, program_name(pin.direction));
    let new = NlOptions { priority: PRIORITY, handle: HANDLE, classid: None };
    let id = match program.attach_with_options(name, attach_type(pin.direction), TcAttachOptions::Netlink(new)) {
        // Our filter is there: the program takes the place of the one in it.
        Err(error) if os_error(&error) == Some(libc::EEXIST) => program.attach_to_link(link(name, pin.direction)?)?,
        made => made?,
    };
    mem::forget(program.take_link(id)?); // dropping it would remove the filter
    match fs::create_dir(plane.pins.path(pin)) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
        _ => {}
    }
    plane.attached.insert(pin);
    Ok(())
}

/// Takes our filter off a port, if it is there.
pub fn remove_filter(name: &str, direction: Direction) {
    // The filter goes with the link.
    drop(link(name, direction));
}

fn link(name: &str, direction: Direction) -> Result<SchedClassifierLink, ProgramError> {
    Ok(SchedClassifierLink::attached(name, attach_type(direction), PRIORITY, HANDLE, None)?)
}
