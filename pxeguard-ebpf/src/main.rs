//! pxeguard's kernel programs: one at the ingress of each guarded port, by XDP or by tc, and one at its egress.
//!
//! They hold no policy of their own: `pxeguard-common` parses and decides, this crate lends it packets and maps.
#![no_std]
#![no_main]
#![expect(missing_docs, reason = "the attributes make a second, public function of each entry")]
#![feature(core_intrinsics)]
#![expect(internal_features, reason = "atomic addition is not stable for this target, which has no compare-and-swap")]

mod account;
mod frame;
mod maps;
mod policy;

use aya_ebpf::bindings::{TC_ACT_SHOT, TC_ACT_UNSPEC, xdp_action};
use aya_ebpf::macros::{classifier, xdp};
use aya_ebpf::programs::{TcContext, XdpContext};
use pxeguard_common::event::Event;
use pxeguard_common::net::Ifindex;
use pxeguard_common::reply::ServerReply;
use pxeguard_common::verdict::Judged;

use crate::account::account;
use crate::frame::{SkbFrame, XdpFrame};
use crate::policy::{AtEgress, AtIngress};

/// Ingress of a port whose driver runs XDP.
#[xdp(frags)]
pub fn pxeguard_xdp(ctx: XdpContext) -> u32 {
    let frame = XdpFrame(&ctx);
    let Ok(reply) = ServerReply::parse(&frame) else {
        return xdp_action::XDP_PASS;
    };
    let port = Ifindex(ctx.ingress_ifindex() as u32);
    let mut judged = Judged::NOT_YET;
    let drops = judged.judge(&AtIngress, port, &reply);
    account(&frame, port, &reply, &judged, 0);
    if drops { xdp_action::XDP_DROP } else { xdp_action::XDP_PASS }
}

/// Ingress of every other port.
#[classifier]
pub fn pxeguard_ingress(ctx: TcContext) -> i32 {
    let frame = SkbFrame(&ctx);
    let Ok(reply) = ServerReply::parse(&frame) else {
        return GO_ON;
    };
    let port = Ifindex(frame.ifindex());
    let mut judged = Judged::NOT_YET;
    let drops = judged.judge(&AtIngress, port, &reply);
    account(&frame, port, &reply, &judged, 0);
    if drops { TC_ACT_SHOT as i32 } else { GO_ON }
}

/// Egress of a bridge's port: what came in by a port that nobody guards yet is judged where it would leave.
#[classifier]
pub fn pxeguard_egress(ctx: TcContext) -> i32 {
    let frame = SkbFrame(&ctx);
    let Ok(reply) = ServerReply::parse(&frame) else {
        return GO_ON;
    };
    let port = Ifindex(frame.ingress_ifindex());
    if !policy::came_unjudged(port) {
        return GO_ON;
    }
    let mut judged = Judged::NOT_YET;
    let drops = judged.judge(&AtEgress, port, &reply);
    account(&frame, port, &reply, &judged, Event::AT_EGRESS);
    if drops { TC_ACT_SHOT as i32 } else { GO_ON }
}

/// Leaves the frame to the next filter of clsact; to the next program of TCX, where the same number is `TCX_NEXT`.
const GO_ON: i32 = TC_ACT_UNSPEC;

#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

/// The verifier lets only programs with a licence compatible with the GPL call some helpers.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
