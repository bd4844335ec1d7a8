//! What the loaded kernel programs make of frames from memory: the answer of user space, byte by byte, or nothing.
//!
//! Tags are not in such frames: the kernel refuses to be told of one.  The tests of the wire have them.

use std::cell::RefCell;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use pxeguard_common::request::Asker;
use pxeguard_common::responder::{ANSWERED, Answers, Special, Variant};
use pxeguard_common::template::checksum;
use pxeguard_common::trust::Mode;
use pxeguard_lab::{Host, skip_unless};

use super::kinds::{Everything, Kind, change, changed, raspberry_pi};
use super::*;
use crate::dataplane::{AnswerCounters, DataPlane, Ran, Reply, ResponderMaps, TestRun};
use crate::proxy::fast_path::{Group, replies};

/// The interface by which the frames of a test run come in.
const LO: Ifindex = Ifindex(1);

/// Of `linux/pkt_cls.h`.
mod action {
    pub const UNSPEC: u32 = u32::MAX;
    pub const REDIRECT: u32 = 7;
}

/// The programs, with the replies that a host like [`Bench`] prepares.
pub struct Kernel {
    pub programs: DataPlane,
    pub maps: ResponderMaps,
    counters: AnswerCounters,
}

impl Kernel {
    /// With these ports served.
    pub fn new(ports: &[Ifindex]) -> Self {
        let mut programs = DataPlane::open(Path::new("/sys/fs/bpf")).unwrap();
        programs.maps.set_policy(Mode::Observe, &[]).unwrap();
        let mut maps = programs.responder.take().unwrap();
        maps.set_served(&ports.iter().map(|port| (*port, IFACE)).collect()).unwrap();
        maps.set_replies(&prepared(&Everything)).unwrap();
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

    pub fn counted(&self) -> Answers {
        self.counters.read().unwrap()
    }
}

/// Runs a test where programs can be loaded and leave nothing behind.
fn on_a_host(test: impl FnOnce() + Send) {
    Host::new("kernel").unwrap().enter(test).unwrap();
}

fn prepared(offers: &dyn Offers) -> Vec<Reply> {
    let bench = Bench::new();
    replies(&bench.networks, &bench.settings, offers, &Group::of_all())
}

fn by_user_space(frame: &[u8]) -> Option<Vec<u8>> {
    let mut bench = Bench { offers: &Everything, ..Bench::new() };
    bench.respond(frame, None)
}

#[test]
fn each_kind_of_client_gets_the_same_bytes_of_the_loaded_program_as_of_user_space() {
    skip_unless!();
    on_a_host(|| {
        let mut kernel = Kernel::new(&[LO]);
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
fn a_raspberry_pi_gets_nothing_for_a_bios() {
    skip_unless!();
    on_a_host(|| {
        let mut kernel = Kernel::new(&[LO]);
        let mut bios = raspberry_pi();
        assert_eq!(kernel.answer(&bios.frame()), None);
        bios.envelope.from_mac[0] = 2;
        let mac = bios.envelope.from_mac;
        bios.message.set_chaddr(&mac);
        assert!(kernel.answer(&bios.frame()).is_some());
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
        let kernel = RefCell::new(Kernel::new(&[LO]));
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
        let mut kernel = Kernel::new(&[LO]);
        let frame = bytes(OVMF_DISCOVER);
        let untouched = |mark| Ran { action: action::UNSPEC, frame: frame.clone(), mark };
        for which in [TestRun::Ingress, TestRun::Respond] {
            assert_eq!(kernel.run(which, &frame, ANSWERED), untouched(ANSWERED), "{which:?}");
            assert_eq!(kernel.run(which, &frame, ANSWERED ^ 1).action, action::REDIRECT, "{which:?}");
        }
        // Of a machine each program is left by itself.
        kernel.maps.set_special(Special::new(CLIENT_MAC, Asker::Ipxe as u8), Variant::LEFT).unwrap();
        assert!(kernel.answer(&frame).is_some());
        kernel.maps.set_special(Special::new(CLIENT_MAC, Asker::Pxe as u8), Variant::LEFT).unwrap();
        assert_eq!(kernel.answer(&frame), None);
        kernel.maps.unset_special(Special::new(CLIENT_MAC, Asker::Pxe as u8)).unwrap();
        assert!(kernel.answer(&frame).is_some());
        kernel.maps.switch_off().unwrap();
        assert_eq!(kernel.answer(&frame), None);
    });
}

/// A boot folder with one program, of this name.
pub struct Only(pub &'static str);

impl Offers for Only {
    fn offer(&self, client: &Client) -> Result<Offer, NoOffer> {
        self.offer_as_if(client, &ClientSettings::default())
    }

    fn offer_as_if(&self, _: &Client, _: &ClientSettings) -> Result<Offer, NoOffer> {
        Ok(Offer { file: self.0.into(), len: None })
    }

    fn generation(&self) -> u64 {
        0
    }
}

/// A client never hears the old policy of one question and the new one of the question before.
#[test]
fn a_new_policy_holds_for_all_questions_at_once() {
    const CHANGES: usize = 100;
    skip_unless!();
    on_a_host(|| {
        let Kernel { mut programs, mut maps, .. } = Kernel::new(&[LO]);
        let names = ["a.efi", "another-one-with-a-long-name.efi"];
        let policies = names.map(|name| prepared(Box::leak(Box::new(Only(name)))));
        maps.set_replies(&policies[0]).unwrap();
        // The answers to a plain offer, and to the last of what is written.
        let questions = [bytes(OVMF_DISCOVER), bytes(OVMF_BOOT_SERVER_REQUEST), bytes(IPXE_DISCOVER)];
        let answers = names.map(|name| {
            questions.each_ref().map(|question| {
                let mut bench = Bench { offers: Box::leak(Box::new(Only(name))), ..Bench::new() };
                bench.respond(question, None).unwrap()
            })
        });
        let is_over = AtomicBool::new(false);
        let seen = thread::scope(|scope| {
            let changing = scope.spawn(|| {
                for change in 1..=CHANGES {
                    maps.set_replies(&policies[change % 2]).unwrap();
                }
                is_over.store(true, Ordering::Relaxed);
            });
            let mut seen = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                for (number, question) in questions.iter().enumerate() {
                    let ran = programs.test_run_on(TestRun::Ingress, question, 0).unwrap();
                    // One that is looked for when it has just gone is left to user space.
                    if ran.action == action::REDIRECT {
                        let which = answers.iter().position(|answers| answers[number] == ran.frame);
                        seen.push(which.unwrap_or_else(|| panic!("neither the old nor the new one: {ran:02x?}")));
                    }
                }
            }
            changing.join().unwrap();
            seen
        });
        let changes = seen.windows(2).filter(|pair| pair[0] != pair[1]).count();
        eprintln!("{changes} of {CHANGES} changes are seen in {} answers", seen.len());
        assert!((CHANGES / 10..=CHANGES).contains(&changes), "{changes} changes are seen of {CHANGES}");
    });
}

/// As much as is sent for what came: whoever asks in another's name gains little.
#[test]
fn what_is_much_longer_than_its_question_is_not_answered_by_the_loaded_program() {
    const NAME: &str = "a-name-that-goes-on-and-on-for-as-long-as-it-takes-until-the-answer-is-much-longer-than-what-asked\
                        /and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on-and-on/boot.efi";
    skip_unless!();
    on_a_host(|| {
        let mut kernel = Kernel::new(&[LO]);
        kernel.maps.set_replies(&prepared(&Only(NAME))).unwrap();
        // As short as a DISCOVER can be, and then longer and longer.
        let short = [55, 57, 61, 94, 97, 128, 129, 130, 131, 132, 133, 134, 135];
        let short = short.into_iter().fold(Asking::of(OVMF_DISCOVER), Asking::without).option(60, b"PXEClient");
        let (mut silent, mut answered) = (0, 0);
        for len in 0..250 {
            let asked = short.clone().option(12, &vec![b'a'; len]).option(57, &1500_u16.to_be_bytes()).frame();
            let mut bench = Bench { offers: &Only(NAME), ..Bench::new() };
            let answer = bench.respond(&asked, None).expect("user space answers");
            let is_much = answer.len() * 2 > asked.len() * 3;
            assert_eq!(kernel.answer(&asked), Some(answer).filter(|_| !is_much), "{len}");
            *if is_much { &mut silent } else { &mut answered } += 1;
        }
        assert!(silent > 10 && answered > 10, "{silent} {answered}");
    });
}

/// The card would write its checksum over that of the answer.
#[test]
fn a_question_whose_checksum_is_left_to_a_card_is_left_to_user_space() {
    skip_unless!();
    on_a_host(|| {
        let mut kernel = Kernel::new(&[LO]);
        let mut frame = bytes(OVMF_DISCOVER);
        assert!(kernel.answer(&frame).is_some());
        // As senders write it: the sum of the pseudo header, not inverted.
        let pseudo_header = sum(&frame[26..34], 0) + 17 + sum(&frame[38..40], 0);
        frame[40..42].copy_from_slice(&(!checksum(pseudo_header)).to_be_bytes());
        assert_eq!(kernel.answer(&frame), None);
        assert!(by_user_space(&frame).is_some());
    });
}
