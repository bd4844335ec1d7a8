//! How a program gets to a hook without a moment in between.

use std::fs;
use std::io;

use aya::programs::links::{FdLink, LinkError, LinkOrder, PinnedLink};
use aya::programs::tc::{SchedClassifierLink, TcAttachOptions};
use aya::programs::xdp::XdpLink;
use aya::programs::{ProgramError, TcAttachType, XdpMode};
use nix::errno::Errno;
use nix::libc;
use pxeguard_common::net::Ifindex;

use super::choice::{Guarded, Port, candidates};
use super::pins::{Direction, Pin, Pins};
use super::refusal::{os_error, refusal};
use super::{DataPlane, DataPlaneError, EGRESS, INGRESS, RESPOND, classifier, clsact, link_detach, xdp};
use crate::hook::{Hook, HookChoice};

/// See [`DataPlane::guard`].
pub fn guard(plane: &mut DataPlane, port: &Port<'_>) -> Result<Guarded, DataPlaneError> {
    plane.maps.add_slot(port.index)?;
    let mut refused = Vec::new();
    let mut last_error = None;
    for (hook, reason) in candidates(port) {
        make_room(plane, port, hook)?;
        match attach_ingress(plane, port, hook) {
            Ok(got) => {
                remove_others(plane, port, got)?;
                respond(plane, port, got)?;
                let since_ns = plane.maps.add_port(port.index)?;
                let older = if got == hook { "" } else { "no TCX before Linux 6.6" };
                let reason = [refused, vec![reason, older.to_owned()]].concat();
                let reason = reason.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
                return Ok(Guarded { hook: got, reason, since_ns });
            }
            Err(error) => {
                let why = refusal(plane.pins.bpffs(), port, hook, &error);
                log::warn!("{}: {why}{}", port.name, if port.only_xdp { "" } else { "; using tcx" });
                refused.push(why);
                last_error = Some(DataPlaneError::Attach {
                    port: port.name.to_owned(),
                    hook: hook.name(),
                    source: Box::new(error),
                });
            }
        }
    }
    Err(last_error.expect("at least one hook was tried"))
}

/// See [`DataPlane::guard_egress`].
pub fn guard_egress(plane: &mut DataPlane, port: &Port<'_>) -> Result<(), DataPlaneError> {
    match port.bridge_port {
        true => attach_tc(plane, port, Direction::Egress).map(drop),
        false => Ok(()),
    }
}

/// Answers PXE clients behind XDP, which cannot pass a question on and answer it; at tc the guard's own program goes on to
/// that.  Where it cannot be attached the daemon answers, and behind generic XDP: that copies most frames into a new skb
/// (`skb_pp_cow_data`), which has no `mac_len` any more, so that tc is shown the frame from its IPv4 header on (Linux 6.18).
fn respond(plane: &mut DataPlane, port: &Port<'_>, hook: Hook) -> Result<(), DataPlaneError> {
    let pin = Pin { port: port.index, hook: Hook::Tcx, direction: Direction::Respond };
    match (hook == Hook::Xdp && plane.responds, plane.attached.contains(&pin)) {
        (true, false) => {
            if let Err(error) = attach_tcx(plane, port.name, pin) {
                let why = os_error(&error).map_or_else(|| error.to_string(), |code| Errno::from_raw(code).to_string());
                log::info!("{}: PXE clients are answered by the daemon, not in the kernel: {why}", port.name);
            }
        }
        (false, true) => {
            remove(&plane.pins, pin)?;
            plane.attached.remove(&pin);
        }
        _ => {}
    }
    Ok(())
}

/// Attaches at ingress, by one hook; where the kernel has no TCX, clsact is the same hook by an older way.
fn attach_ingress(plane: &mut DataPlane, port: &Port<'_>, hook: Hook) -> Result<Hook, ProgramError> {
    match hook {
        Hook::Xdp | Hook::XdpGeneric => attach_xdp(plane, port, hook).map(|()| hook),
        Hook::Tcx if port.choice == HookChoice::Clsact => unreachable!("clsact was asked for"),
        Hook::Tcx | Hook::Clsact => attach_tc_at(plane, port, hook, Direction::Ingress),
    }
}

fn attach_tc(plane: &mut DataPlane, port: &Port<'_>, direction: Direction) -> Result<Hook, DataPlaneError> {
    let hook = if port.choice == HookChoice::Clsact { Hook::Clsact } else { Hook::Tcx };
    let hook = attach_tc_at(plane, port, hook, direction).map_err(|source| DataPlaneError::Attach {
        port: port.name.to_owned(),
        hook: hook.name(),
        source: Box::new(source),
    })?;
    let other = if hook == Hook::Tcx { Hook::Clsact } else { Hook::Tcx };
    let other = Pin { port: port.index, hook: other, direction };
    if plane.pins.path(other).exists() {
        remove(&plane.pins, other)?;
    }
    Ok(hook)
}

fn attach_xdp(plane: &mut DataPlane, port: &Port<'_>, hook: Hook) -> Result<(), ProgramError> {
    let pin = Pin { port: port.index, hook, direction: Direction::Ingress };
    if plane.attached.contains(&pin) {
        return Ok(());
    }
    if let Some(why) = &plane.xdp_refused {
        return Err(ProgramError::IOError(io::Error::other(format!("the kernel refused the XDP program: {why}"))));
    }
    let mode = if hook == Hook::Xdp { XdpMode::Driver } else { XdpMode::Skb };
    if hook == Hook::Xdp && port.physical {
        log::info!("{}: attaching XDP; some drivers reset their rings now, a pause of the link", port.name);
    }
    let program = xdp(&mut plane.programs);
    let id = program.attach_to_if_index(port.index.0, mode)?;
    let link: FdLink = program.take_link(id)?.try_into().map_err(link_error)?;
    keep(plane, pin, link)
}

fn attach_tc_at(
    plane: &mut DataPlane,
    port: &Port<'_>,
    hook: Hook,
    direction: Direction,
) -> Result<Hook, ProgramError> {
    let pin = Pin { port: port.index, hook, direction };
    if plane.attached.contains(&pin) {
        return Ok(hook);
    }
    if hook == Hook::Clsact {
        clsact::attach(plane, port.name, pin)?;
        return Ok(hook);
    }
    match attach_tcx(plane, port.name, pin) {
        Ok(()) => Ok(hook),
        // Before Linux 6.6 there is no such kind of link.
        Err(error) if os_error(&error) == Some(libc::EINVAL) => {
            let pin = Pin { hook: Hook::Clsact, ..pin };
            if !plane.attached.contains(&pin) {
                clsact::attach(plane, port.name, pin)?;
            }
            Ok(Hook::Clsact)
        }
        Err(error) => Err(error),
    }
}

fn attach_tcx(plane: &mut DataPlane, port: &str, pin: Pin) -> Result<(), ProgramError> {
    let first = TcAttachOptions::TcxOrder(LinkOrder::first());
    let program = classifier(&mut plane.programs, program_name(pin.direction));
    let id = program.attach_with_options(port, attach_type(pin.direction), first)?;
    let link: FdLink = program.take_link(id)?.try_into().map_err(link_error)?;
    keep(plane, pin, link)
}

/// Pins a new link, in the place of a dead one's pin.
fn keep(plane: &mut DataPlane, pin: Pin, link: FdLink) -> Result<(), ProgramError> {
    let path = plane.pins.path(pin);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    link.pin(&path).map_err(|error| ProgramError::IOError(io::Error::other(error)))?;
    plane.attached.insert(pin);
    Ok(())
}

/// See [`DataPlane::adopt`].
pub fn adopt(plane: &mut DataPlane) -> Result<Vec<Ifindex>, DataPlaneError> {
    let mut ports = Vec::new();
    for pin in plane.pins.links()? {
        match replace(plane, pin) {
            Ok(()) => {
                plane.attached.insert(pin);
                if pin.direction == Direction::Ingress {
                    ports.push(pin.port);
                }
            }
            // The port is gone, and its link with it.
            Err(error) => {
                log::debug!("the link {pin} is not adopted: {error}");
                remove(&plane.pins, pin)?;
            }
        }
    }
    plane.pins.remove_other_layouts();
    Ok(ports)
}

/// Puts our program into a link that another daemon left, in one step.
fn replace(plane: &mut DataPlane, pin: Pin) -> Result<(), ProgramError> {
    if pin.hook == Hook::Clsact {
        let name = name_of(pin.port).ok_or_else(|| ProgramError::IOError(io::ErrorKind::NotFound.into()))?;
        return clsact::attach(plane, &name, pin);
    }
    let link = FdLink::from(PinnedLink::from_pin(plane.pins.path(pin)).map_err(link_error)?);
    if pin.hook.is_xdp() {
        let link: XdpLink = link.try_into().map_err(link_error)?;
        let program = xdp(&mut plane.programs);
        let id = program.attach_to_link(link)?;
        drop(FdLink::try_from(program.take_link(id)?).map_err(link_error)?); // the pin keeps it
    } else {
        let link: SchedClassifierLink = link.try_into().map_err(link_error)?;
        let program = classifier(&mut plane.programs, program_name(pin.direction));
        let id = program.attach_to_link(link)?;
        drop(FdLink::try_from(program.take_link(id)?).map_err(link_error)?);
    }
    Ok(())
}

/// Takes away our own XDP program of the other mode, which would keep this one off; tc stands in for it meanwhile.
fn make_room(plane: &mut DataPlane, port: &Port<'_>, hook: Hook) -> Result<(), DataPlaneError> {
    let other = match hook {
        Hook::Xdp => Hook::XdpGeneric,
        Hook::XdpGeneric => Hook::Xdp,
        Hook::Tcx | Hook::Clsact => return Ok(()),
    };
    let other = Pin { port: port.index, hook: other, direction: Direction::Ingress };
    if plane.attached.contains(&other) {
        attach_tc(plane, port, Direction::Ingress)?;
        remove(&plane.pins, other)?;
        plane.attached.remove(&other);
    }
    Ok(())
}

/// Removes what an earlier choice left at the ingress of a port that is guarded by `hook` now.
fn remove_others(plane: &mut DataPlane, port: &Port<'_>, hook: Hook) -> Result<(), DataPlaneError> {
    let others: Vec<Pin> = plane
        .attached
        .iter()
        .copied()
        .filter(|pin| pin.port == port.index && pin.direction == Direction::Ingress && pin.hook != hook)
        .collect();
    for pin in others {
        if pin.hook == Hook::Xdp && port.physical {
            log::info!("{}: taking XDP off; some drivers reset their rings now, a pause of the link", port.name);
        }
        remove(&plane.pins, pin)?;
        plane.attached.remove(&pin);
    }
    Ok(())
}

/// See [`DataPlane::release`].
pub fn release(plane: &mut DataPlane, port: Ifindex) -> Result<(), DataPlaneError> {
    // From now on, what comes in by it is judged where it leaves by another port.
    plane.maps.remove_port(port)?;
    for pin in plane.pins.links()?.into_iter().filter(|pin| pin.port == port) {
        remove(&plane.pins, pin)?;
        plane.attached.remove(&pin);
    }
    Ok(())
}

/// Takes a program off its port.
pub fn remove(pins: &Pins, pin: Pin) -> Result<(), DataPlaneError> {
    let path = pins.path(pin);
    let removed = if pin.hook == Hook::Clsact {
        if let Some(name) = name_of(pin.port) {
            clsact::remove_filter(&name, pin.direction);
        }
        fs::remove_dir(&path)
    } else {
        if let Err(error) = link_detach::detach(&path) {
            // It ends with its pin then.
            log::debug!("the link {pin} is not detached at once: {error}");
        }
        fs::remove_file(&path)
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(pins.error("remove", &path, error)),
        _ => Ok(()),
    }
}

fn name_of(port: Ifindex) -> Option<String> {
    nix::net::if_::if_indextoname(port.0).ok()?.into_string().ok()
}

/// The program for a direction of tc.
pub const fn program_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => INGRESS,
        Direction::Egress => EGRESS,
        Direction::Respond => RESPOND,
    }
}

/// The direction, as tc has it.
pub const fn attach_type(direction: Direction) -> TcAttachType {
    match direction {
        Direction::Ingress | Direction::Respond => TcAttachType::Ingress,
        Direction::Egress => TcAttachType::Egress,
    }
}

fn link_error(error: LinkError) -> ProgramError {
    match error {
        LinkError::SyscallError(error) => error.into(),
        other => ProgramError::IOError(io::Error::other(other)),
    }
}
