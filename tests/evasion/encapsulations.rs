//! Random encapsulations, by every hook: of a reply none passes, of anything else every one.

use proptest::collection::vec;
use proptest::strategy::{BoxedStrategy, Strategy};
use proptest::test_runner::TestCaseError;
use pxeguard_lab::frames::{BOOTREQUEST, port};
use pxeguard_lab::{Guard, guard, skip_unless};

use crate::crossing::{Crossing, HOOKS, Way, dropped, missing, send};
use crate::encapsulation::{Encapsulation, MOST_LAYERS, encapsulation};
use crate::seed;

/// Each of [`BATCH`] frames at the most, sent both ways.
const CASES: u32 = 4;
const BATCH: usize = 200;

#[test]
fn no_reply_passes_however_it_is_encapsulated() {
    skip_unless!();
    let crossing = Crossing::new();
    let [trusted, rogue, client] =
        [&crossing.trusted, &crossing.rogue, &crossing.client].map(|guest| guest.raw().unwrap());
    let replies = encapsulation().boxed();

    for_each(&replies, |way, frames| {
        all(missing(frames, &send(&rogue, &client, way, frames)).len(), "the bridge itself")
    });
    for_each_hook(&crossing, |hook, guard| {
        for_each(&replies, |way, frames| {
            let before = dropped(guard, &crossing.rogue);
            let passed = send(&rogue, &client, way, frames).len();
            let dropped = dropped(guard, &crossing.rogue) - before;
            if passed != 0 || dropped != frames.len() as u64 {
                let sent = frames.len();
                return Err(TestCaseError::fail(format!(
                    "{hook}, {way:?}: {passed} pass and {dropped} are dropped of {sent}"
                )));
            }
            Ok(())
        });
        for_each(&replies, |way, frames| all(missing(frames, &send(&trusted, &client, way, frames)).len(), hook));
    });
}

#[test]
fn everything_else_passes_however_it_is_encapsulated() {
    skip_unless!();
    let crossing = Crossing::new();
    let [rogue, client] = [&crossing.rogue, &crossing.client].map(|guest| guest.raw().unwrap());
    let others = encapsulation().prop_filter_map("it is a reply to a client", other_than_reply).boxed();

    for_each_hook(&crossing, |hook, guard| {
        for_each(&others, |way, frames| all(missing(frames, &send(&rogue, &client, way, frames)).len(), hook));
        assert_eq!(dropped(guard, &crossing.rogue), 0);
    });
}

/// The same headers around a client's message, or around a datagram to the port beside a server's.
fn other_than_reply(mut encapsulation: Encapsulation) -> Option<Encapsulation> {
    encapsulation.layers.truncate(MOST_LAYERS);
    let reply = &mut encapsulation.reply;
    match reply.udp.destination_port {
        port::CLIENT => reply.udp.destination_port = port::CLIENT + 1,
        // Beyond the first fragment it is nobody's message.
        _ if reply.ip.fragment & 0x1fff != 0 => return None,
        _ => reply.bootp.op = BOOTREQUEST,
    }
    Some(encapsulation)
}

fn for_each_hook(crossing: &Crossing, test: impl Fn(&str, &Guard<'_>)) {
    for hook in HOOKS {
        let running = crossing.guard(hook);
        test(hook, &running);
        assert!(running.stop().unwrap().success());
        guard::run(crossing.lab.hypervisor(), ["detach"]).unwrap();
    }
}

fn for_each(encapsulations: &BoxedStrategy<Encapsulation>, test: impl Fn(Way, &[&[u8]]) -> Result<(), TestCaseError>) {
    seed::check(CASES, &vec(encapsulations.clone(), 1..=BATCH), |batch| {
        let frames: Vec<_> = batch.iter().map(Encapsulation::frame).collect();
        let frames: Vec<_> = frames.iter().map(Vec::as_slice).collect();
        Way::ALL.into_iter().try_for_each(|way| test(way, &frames))
    });
}

fn all(missing: usize, by: &str) -> Result<(), TestCaseError> {
    match missing {
        0 => Ok(()),
        count => Err(TestCaseError::fail(format!("{by} keeps {count} frames"))),
    }
}
