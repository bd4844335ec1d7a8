//! Which hook a port gets, and why it gets no other.

use pxeguard_common::net::Ifindex;

use super::objection::{self, Objection, VlanUse, driver, objections};
use crate::hook::{Hook, HookChoice};
use crate::ports::Device;

/// A port to guard, and all that decides how.
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
    /// The longest packet that it takes, in bytes.
    pub mtu: u32,
    /// What is behind it.
    pub device: &'a Device,
    /// Why VLANs matter here, if they do.
    pub vlan_use: Option<VlanUse>,
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

/// The reason for what the operator wants.
const ASKED: &str = "asked for";

/// Hooks to try, each with the reason for it.
///
/// Never a hook at which frames come in unseen, whoever asks for it.
pub fn candidates(port: &Port<'_>) -> Vec<(Hook, String)> {
    let objections = objections(port);
    let tcx = |reason: String| (Hook::Tcx, reason);
    // Where VLANs matter, that is an objection of its own.
    let is_tagless = port.device.takes_vlan_tags && port.vlan_use.is_none();
    let tagless = if is_tagless { ", but without VLAN tags" } else { "" };
    let forbidden = objections.iter().find(|objection| objection.forbids());
    match port.choice {
        _ if port.only_xdp => {
            let why = "Open vSwitch takes the frames of this port before tc sees them".to_owned();
            let native = forbidden.is_none().then(|| (Hook::Xdp, why.clone()));
            native.into_iter().chain([(Hook::XdpGeneric, why)]).collect()
        }
        HookChoice::Auto => match objections.first() {
            Some(objection) => vec![tcx(objection.to_string())],
            None => {
                let runs = format!("the driver {} runs XDP{tagless}", driver(port));
                vec![(Hook::Xdp, runs), tcx(String::new())]
            }
        },
        HookChoice::Xdp => match forbidden {
            Some(objection) => vec![tcx(format!("XDP was asked for, but {objection}"))],
            None => {
                let losses = objections.iter().filter(|objection| !objection.refuses());
                vec![(Hook::Xdp, with_losses(format!("{ASKED}{tagless}"), losses)), tcx(String::new())]
            }
        },
        HookChoice::XdpGeneric => {
            let copies = format!("{ASKED}{tagless}; XDP behind the driver copies what it could pass");
            let joined = objections.iter().filter(|objection| matches!(objection, Objection::Joined(_)));
            vec![
                (Hook::XdpGeneric, with_losses(copies, objection::tagless(port).iter().chain(joined))),
                tcx(String::new()),
            ]
        }
        HookChoice::Tcx => vec![tcx(ASKED.to_owned())],
        HookChoice::Clsact => vec![(Hook::Clsact, ASKED.to_owned())],
    }
}

fn with_losses<'a>(reason: String, losses: impl Iterator<Item = &'a Objection>) -> String {
    losses.fold(reason, |reason, loss| format!("{reason}; {loss}"))
}

#[cfg(test)]
pub mod tests;
