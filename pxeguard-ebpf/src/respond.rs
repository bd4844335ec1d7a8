//! PXE clients answered on the spot: the request becomes its own reply, and a copy of it goes on to its DHCP server.
//!
//! A program of its own, with a stack of its own; the guard's ingress program ends in it where a client asks.

use aya_ebpf::bindings::{BPF_F_INGRESS, BPF_RB_NO_WAKEUP, TC_ACT_SHOT};
use aya_ebpf::helpers::{
    bpf_clone_redirect, bpf_jiffies64, bpf_redirect, bpf_skb_change_tail, bpf_skb_load_bytes, bpf_skb_store_bytes,
};
use aya_ebpf::programs::TcContext;
use pxeguard_common::request::{Ask, Desk, Envelope, ROOM, Request};
use pxeguard_common::responder::{
    ANSWERED as ANSWERED_MARK, Answers, HEAD, HEADERS, Prepared, ReplyKey, Special, TOLD_A_TICK, Told, Variant,
};
use pxeguard_common::template::{BOOT_ITEM, CAPACITY, UUID};

use crate::maps::{ANSWERED, ANSWERS, DESK, REPLIES, RESPONDER, SERVED, SPECIAL};

/// Whether a frame is the copy of a question that was answered.
#[inline(always)]
pub fn was_answered(ctx: &TcContext) -> bool {
    // SAFETY: the context is the program's own.
    unsafe { (*ctx.skb.skb).mark == ANSWERED_MARK }
}

/// Answers a client, if its request is plain and a reply is prepared; `None` leaves the frame as it was.
#[inline(always)]
pub fn respond(ctx: &TcContext) -> Option<i32> {
    let skb = ctx.skb.skb;
    // SAFETY: the context is the program's own.
    let (mark, ifindex) = unsafe { ((*skb).mark, (*skb).ifindex) };
    let generation = RESPONDER.get(0)?.generation;
    if generation == 0 {
        return None;
    }
    // SAFETY: an aligned word; a removed entry is read as it was or as the next one is.
    let iface = *unsafe { SERVED.get(ifindex) }?;
    // SAFETY: the map's own memory, which belongs to this CPU: ingress programs run with softirqs off, one at a time.
    let desk = unsafe { &mut *DESK.get_ptr_mut(0)? };
    // SAFETY: there is room for as many bytes.
    if unsafe { bpf_skb_load_bytes(skb.cast(), 0, desk.head.as_mut_ptr().cast(), HEADERS as u32) } != 0 {
        return None;
    }
    let envelope = Envelope::read(&desk.head)?;
    let len = envelope.message_len;
    // SAFETY: there is room for as many bytes as the mask lets through.
    let failed = unsafe {
        let len = ((len - 1) & (ROOM - 1)) + 1;
        bpf_skb_load_bytes(skb.cast(), HEADERS as u32, desk.message.as_mut_ptr().cast(), len as u32)
    };
    if failed != 0 {
        return None;
    }
    if !desk.read(len) {
        return None;
    }
    let request = &desk.request;
    let variant = variant(request, generation)?;
    let key = ReplyKey { generation, iface, kind: request.kind, vlan: vlan(ctx)?, variant };
    // SAFETY: the map's own memory; that of a removed reply is used anew by the next policy at the earliest.
    let prepared = unsafe { &*REPLIES.get_ptr(key)? };
    let to = envelope.destination(request, prepared)?;
    let is_offer = request.kind.ask == Ask::Offer as u8;
    prepared.write_head(&request.values, &to, &mut desk.head);
    if is_offer && !pass_on(ctx, ifindex, mark) {
        return None;
    }
    // SAFETY: the map's own memory, which belongs to this CPU, as above.
    let answers = unsafe { &mut *ANSWERS.get_ptr_mut(0)? };
    if !become_reply(ctx, prepared, desk) {
        answers.failed += 1;
        return Some(TC_ACT_SHOT);
    }
    *(if is_offer { &mut answers.offers } else { &mut answers.boot_server }) += 1;
    tell(answers, &desk.request, iface, key.vlan, envelope.from_port);
    // SAFETY: no memory is touched.
    Some(unsafe { bpf_redirect(ifindex, 0) } as i32)
}

/// By which replies a client is answered; `None` leaves it to user space.
#[inline(always)]
fn variant(request: &Request, generation: u32) -> Option<u16> {
    // SAFETY: aligned words; a removed entry is read as it was or as the next one is.
    match unsafe { SPECIAL.get(Special::new(request.values.chaddr, request.kind.asker)) } {
        None => Some(Variant::COMMON),
        Some(variant) => (variant.generation == generation).then_some(variant.number),
    }
}

/// The VLAN; `None` where a tag names none.
#[inline(always)]
fn vlan(ctx: &TcContext) -> Option<u16> {
    // SAFETY: the context is the program's own.
    let skb = unsafe { &*ctx.skb.skb };
    if skb.vlan_present == 0 {
        return Some(0);
    }
    let vlan = skb.vlan_tci as u16 & 0x0fff;
    (vlan != 0 && skb.vlan_proto == u32::from(0x8100_u16.to_be())).then_some(vlan)
}

/// Sends a copy of the request on, as if it came in once more.
#[inline(always)]
fn pass_on(ctx: &TcContext, ifindex: u32, mark: u32) -> bool {
    let skb = ctx.skb.skb;
    // SAFETY: the context is the program's own.
    unsafe {
        (*skb).mark = ANSWERED_MARK;
        let failed = bpf_clone_redirect(skb, ifindex, BPF_F_INGRESS.into());
        (*skb).mark = mark;
        failed == 0
    }
}

/// Writes the reply where the request was.
#[inline(always)]
fn become_reply(ctx: &TcContext, prepared: &Prepared, desk: &Desk) -> bool {
    const REST: usize = HEAD - HEADERS;
    let (skb, message) = (ctx.skb.skb, &prepared.message);
    let store = |at: usize, from: *const u8, len: usize| {
        // SAFETY: there are as many bytes to read.
        unsafe { bpf_skb_store_bytes(skb, at as u32, from.cast(), len as u32, 0) == 0 }
    };
    // Bounds that the verifier can see.
    let rest = (message.message_len().wrapping_sub(REST + 1) & (ROOM - 1)) + 1;
    if rest > CAPACITY - REST {
        return false;
    }
    // SAFETY: no memory is touched.
    let is_as_long = unsafe { bpf_skb_change_tail(skb, prepared.frame_len() as u32, 0) == 0 };
    let uuid_at = message.uuid_at();
    let boot_item_at = message.boot_item_at();
    is_as_long
        && store(0, desk.head.as_ptr(), HEAD)
        && store(HEAD, message.bytes()[REST..].as_ptr(), rest)
        && (uuid_at == 0 || store(HEADERS + uuid_at, desk.request.values.uuid.as_ptr(), UUID))
        && (boot_item_at == 0 || store(HEADERS + boot_item_at, desk.request.values.boot_item.as_ptr(), BOOT_ITEM))
}

/// Tells user space, which learns from it and shows it; in a flood not of each.
#[inline(always)]
fn tell(answers: &mut Answers, request: &Request, iface: u32, vlan: u16, from_port: u16) {
    // SAFETY: no memory is touched.
    let tick = unsafe { bpf_jiffies64() };
    if answers.tick != tick {
        answers.tick = tick;
        answers.told = 0;
    }
    answers.told += 1;
    if answers.told > u64::from(TOLD_A_TICK) {
        answers.untold += 1;
        return;
    }
    let Some(mut told) = ANSWERED.reserve::<Told>(0) else {
        answers.untold += 1;
        return;
    };
    let to = told.as_mut_ptr();
    // SAFETY: the ring's entry is as large as a `Told`.
    unsafe {
        (*to).iface = iface;
        (*to).vlan = vlan;
        (*to).from_port = from_port;
        (*to).request = *request;
    }
    // To wake the reader takes longer than all of this; it looks again by itself for a while once it was woken.
    told.submit(if answers.told == 1 { 0 } else { BPF_RB_NO_WAKEUP.into() });
}
