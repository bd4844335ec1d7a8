//! What the loaded kernel programs make of frames from memory: the answer of user space, byte by byte, or nothing.
//!
//! Tags are not in such frames: the kernel refuses to be told of one.  The tests of the wire have them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use pxeguard_common::request::Asker;
use pxeguard_common::responder::{ANSWERED, Answers, Left};
use pxeguard_common::trust::Mode;
use pxeguard_lab::{Host, skip_unless};

use super::kinds::{Everything, Kind, change, changed};
use super::*;
use crate::dataplane::{AnswerCounters, DataPlane, Ran, ResponderMaps, TestRun};
use crate::proxy::fast_path::replies;

/// The interface by which the frames of a test run come in.
const LO: Ifindex = Ifindex(1);

/// Of `linux/pkt_cls.h`.
mod action {
    pub const UNSPEC: u32 = u32::MAX;
    pub const REDIRECT: u32 = 7;
}

/// The programs, with the replies that a host like [`Bench`] prepares.
struct Kernel {
    programs: DataPlane,
    maps: ResponderMaps,
    counters: AnswerCounters,
}

impl Kernel {
    fn new() -> Self {
        let mut programs = DataPlane::open(Path::new("/sys/fs/bpf")).unwrap();
        programs.maps.set_policy(Mode::Observe, &[]).unwrap();
        let mut maps = programs.responder.take().unwrap();
        let bench = Bench::new();
        maps.set_served(&BTreeMap::from([(LO, IFACE)])).unwrap();
        maps.set_replies(&replies(&bench.networks, &bench.settings, &Everything)).unwrap();
        let counters = maps.take_counters().unwrap();
        Self { programs, maps, counters }
    }

    fn run(&mut self, which: TestRun, frame: &[u8], mark: u32) -> Ran {
        let ran = self.programs.test_run_on(which, frame, mark).unwrap();
        assert_eq!(ran.mark, mark, "{frame:02x?}");
        ran
    }

    /// The answer; a frame that is not answered is left as it was.
    fn answer(&mut self, frame: &[u8]) -> Option<Vec<u8>> {
        let ran = self.run(TestRun::Ingress, frame, 0);
        match ran.action {
            action::REDIRECT => Some(ran.frame),
            _ => {
                assert_eq!(ran, Ran { action: action::UNSPEC, frame: frame.to_vec(), mark: 0 });
                None
            }
        }
    }

    fn counted(&self) -> Answers {
        self.counters.read().unwrap()
    }
}

/// Runs a test where programs can be loaded and leave nothing behind.
fn on_a_host(test: impl FnOnce() + Send) {
    Host::new("kernel").unwrap().enter(test).unwrap();
}

fn by_user_space(frame: &[u8]) -> Option<Vec<u8>> {
    let mut bench = Bench { offers: &Everything, ..Bench::new() };
    bench.respond(frame, None)
}

#[test]
fn each_kind_of_client_gets_the_same_bytes_of_the_loaded_program_as_of_user_space() {
    skip_unless!();
    on_a_host(|| {
        let mut kernel = Kernel::new();
        let kinds = Kind::all();
        for kind in &kinds {
            let frame = kind.asking().frame();
            let answer = by_user_space(&frame);
            assert!(answer.is_some(), "{kind:?}");
            assert_eq!(kernel.answer(&frame), answer, "{kind:?}");
            // Behind XDP the same program stands by itself.
            let ran = kernel.run(TestRun::Respond, &frame, 7);
            assert_eq!((ran.action, Some(ran.frame)), (action::REDIRECT, answer), "{kind:?}");
        }
        let counted = kernel.counted();
        assert_eq!(counted.offers + counted.boot_server, 2 * kinds.len() as u64);
        assert_eq!((counted.offers, counted.failed), (2 * kinds.len() as u64 / 3, 0));
    });
}

#[test]
fn no_kind_of_client_gets_much_more_than_it_sent() {
    for kind in Kind::all() {
        let asked = kind.asking().frame();
        let answer = by_user_space(&asked).expect("it is answered");
        assert!(answer.len() * 2 <= asked.len() * 3, "{} bytes for {}: {kind:?}", answer.len(), asked.len());
    }
}

#[test]
fn ten_thousand_requests_get_the_same_bytes_of_the_loaded_program_as_of_user_space_or_none() {
    const REQUESTS: u32 = 10_000;
    skip_unless!();
    on_a_host(|| {
        let kernel = RefCell::new(Kernel::new());
        let (answered, left, silent) = (RefCell::new(0), RefCell::new(0), RefCell::new(0));
        let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(REQUESTS) };
        let requests = (prop::sample::select(Kind::all()), prop::collection::vec(change(), 0..4));
        let outcome = TestRunner::new(config).run(&requests, |(kind, changes)| {
            let frame = changed(kind.asking(), &changes);
            let (by_kernel, by_user_space) = (kernel.borrow_mut().answer(&frame), by_user_space(&frame));
            *match (&by_kernel, &by_user_space) {
                (Some(_), _) => &answered,
                (None, Some(_)) => &left,
                (None, None) => &silent,
            }
            .borrow_mut() += 1;
            prop_assert!(by_kernel.is_none() || by_kernel == by_user_space, "{by_kernel:02x?} {by_user_space:02x?}");
            Ok(())
        });
        outcome.unwrap_or_else(|why| panic!("{why}"));
        let (answered, left, silent) = (answered.into_inner(), left.into_inner(), silent.into_inner());
        eprintln!("{answered} are answered by the kernel, {left} left to user space, {silent} answered by nobody");
        assert!(answered > REQUESTS / 4 && left > REQUESTS / 20 && silent > REQUESTS / 20);
        let counted = kernel.borrow().counted();
        assert_eq!((counted.offers + counted.boot_server, counted.failed), (answered.into(), 0));
    });
}

#[test]
fn a_question_that_was_answered_and_a_client_that_is_left_go_on_as_they_are() {
    skip_unless!();
    on_a_host(|| {
        let mut kernel = Kernel::new();
        let frame = bytes(OVMF_DISCOVER);
        let untouched = |mark| Ran { action: action::UNSPEC, frame: frame.clone(), mark };
        for which in [TestRun::Ingress, TestRun::Respond] {
            assert_eq!(kernel.run(which, &frame, ANSWERED), untouched(ANSWERED), "{which:?}");
            assert_eq!(kernel.run(which, &frame, ANSWERED ^ 1).action, action::REDIRECT, "{which:?}");
        }
        // Of a machine each program is left by itself.
        kernel.maps.leave(Left::new(CLIENT_MAC, Asker::Ipxe as u8)).unwrap();
        assert!(kernel.answer(&frame).is_some());
        kernel.maps.leave(Left::new(CLIENT_MAC, Asker::Pxe as u8)).unwrap();
        assert_eq!(kernel.answer(&frame), None);
        kernel.maps.stop_leaving(Left::new(CLIENT_MAC, Asker::Pxe as u8)).unwrap();
        assert!(kernel.answer(&frame).is_some());
        kernel.maps.switch_off().unwrap();
        assert_eq!(kernel.answer(&frame), None);
    });
}
