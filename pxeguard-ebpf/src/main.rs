//! pxeguard's kernel programs: one at the ingress of each guarded port, by XDP or by tc, and one at its egress.
//!
//! They hold no policy of their own: `pxeguard-common` parses and decides, this crate lends it packets and maps.
#![no_std]
#![no_main]
#![expect(missing_docs, reason = "the attributes make a second, public function of each entry")]
#![feature(asm_experimental_arch, core_intrinsics)]
#![expect(internal_features, reason = "atomic addition is not stable for this target, which has no compare-and-swap")]

mod account;
mod frame;
mod limit;
mod maps;
mod policy;
mod respond;

use core::mem::MaybeUninit;

use aya_ebpf::bindings::{TC_ACT_SHOT, TC_ACT_UNSPEC, xdp_action};
use aya_ebpf::macros::{classifier, xdp};
use aya_ebpf::programs::{TcContext, XdpContext};
use pxeguard_common::event::Event;
use pxeguard_common::net::Ifindex;
use pxeguard_common::reply::{Ignore, ServerReply};
use pxeguard_common::trust::Policy;
use pxeguard_common::verdict::Judged;

use crate::account::account;
use crate::frame::{Capture, SkbFrame, XdpFrame};
use crate::maps::RESPOND;
use crate::policy::{AT_EGRESS, AT_INGRESS};

/// Ingress of a port whose driver runs XDP.
#[xdp(frags)]
pub fn pxeguard_xdp(ctx: XdpContext) -> u32 {
    let frame = XdpFrame(ctx);
    if Ignore::at_a_glance(&frame).is_some() {
        return xdp_action::XDP_PASS;
    }
    let port = Ifindex(frame.ifindex());
    match guard(frame, &AT_INGRESS, port, 0) {
        Guarded::Ends => xdp_action::XDP_DROP,
        Guarded::ClientAsks if limit::exceeds(port) => xdp_action::XDP_DROP,
        Guarded::ClientAsks | Guarded::GoesOn => xdp_action::XDP_PASS,
    }
}

/// Ingress of every other port.
#[classifier]
pub fn pxeguard_ingress(ctx: TcContext) -> i32 {
    let frame = SkbFrame(TcContext::new(ctx.skb.skb));
    if Ignore::at_a_glance(&frame).is_some() {
        return GO_ON;
    }
    let port = Ifindex(frame.ifindex());
    match guard(frame, &AT_INGRESS, port, 0) {
        Guarded::Ends => return TC_ACT_SHOT,
        // The copy of a question that was answered: it was counted before.
        Guarded::ClientAsks if respond::was_answered(&ctx) => {}
        Guarded::ClientAsks if limit::exceeds(port) => return TC_ACT_SHOT,
        // SAFETY: the program that is there takes the same context; what it does with the frame is the last thing done.
        Guarded::ClientAsks => unsafe { RESPOND.tail_call(&ctx, 0) },
        Guarded::GoesOn => {}
    }
    GO_ON
}

/// Answers PXE clients; the guard's ingress program goes on to it, and behind XDP it stands by itself.
#[classifier]
pub fn pxeguard_respond(ctx: TcContext) -> i32 {
    let frame = SkbFrame(TcContext::new(ctx.skb.skb));
    if Ignore::at_a_glance(&frame).is_some() || respond::was_answered(&ctx) {
        return GO_ON;
    }
    respond::respond(&ctx).unwrap_or(GO_ON)
}

/// Egress of a bridge's port: what came in by a port that nobody guards yet is judged where it would leave.
#[classifier]
pub fn pxeguard_egress(ctx: TcContext) -> i32 {
    let frame = SkbFrame(ctx);
    if Ignore::at_a_glance(&frame).is_some() {
        return GO_ON;
    }
    let port = Ifindex(frame.ingress_ifindex());
    if policy::came_unjudged(port) && matches!(guard(frame, &AT_EGRESS, port, Event::AT_EGRESS), Guarded::Ends) {
        TC_ACT_SHOT
    } else {
        GO_ON
    }
}

/// What becomes of a frame.
enum Guarded {
    /// It ends here.
    Ends,
    /// It goes on.
    GoesOn,
    /// It goes on, and is a client's message to a DHCP or PXE server.
    ClientAsks,
}

/// Looks closely at one of the few frames that a glance leaves over.
///
/// Inlined, for a call and its return cost 7 ns where the CPU needs Linux's return thunks (AMD's SRSO).
#[inline(always)]
fn guard(frame: impl Capture, policy: &impl Policy, port: Ifindex, at_hook: u32) -> Guarded {
    let mut reply = MaybeUninit::uninit();
    match ServerReply::read(&frame, &mut reply) {
        Ok(()) => {}
        Err(Ignore::FromClient) => return Guarded::ClientAsks,
        Err(_) => return Guarded::GoesOn,
    }
    // SAFETY: written, because it did not fail.
    let reply = unsafe { reply.assume_init_mut() };
    reply.read_options(&frame);
    let mut judged = Judged::NOT_YET;
    let drops = judged.judge(policy, port, reply);
    account(&frame, port, reply, &judged, at_hook);
    if drops { Guarded::Ends } else { Guarded::GoesOn }
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
