//! When the next strategy is tried, and when not.

use super::*;

const MAC: Mac = [2, 0, 0, 0, 0, 1];

/// A client, and what we know of it.
struct Bench {
    learning: Learning,
    start: Instant,
    chosen: Option<Strategy>,
}

impl Bench {
    fn new() -> Self {
        Self { learning: Learning::default(), start: Instant::now(), chosen: None }
    }

    fn at(&self, seconds: u64) -> Instant {
        self.start + Duration::from_secs(seconds)
    }

    /// The client asks, `seconds` after the start.
    fn asks(&mut self, xid: u32, seconds: u64) -> Strategy {
        let (file, now) = ("boot.efi".into(), self.at(seconds));
        let told = Told {
            mac: MAC,
            stage: Stage::Pxe,
            xid,
            platform: Some(Platform::EfiX64),
            chosen: self.chosen,
            is_remote: false,
            file: &file,
        };
        self.learning.strategy(&told, now)
    }

    fn fetches(&mut self, seconds: u64) -> Option<String> {
        let now = self.at(seconds);
        self.learning.fetched(MAC, "boot.efi", now)
    }
}

use Strategy::{Binl, Direct, Menu};

#[test]
fn edk2_hears_each_strategy_twice_within_one_attempt_and_then_the_next() {
    let mut bench = Bench::new();
    let answers = [0, 4, 12, 28].map(|seconds| bench.asks(7, seconds));
    assert_eq!(answers, [Direct, Direct, Binl, Menu]);
}

#[test]
fn another_transaction_is_another_attempt_once_the_client_can_have_tried() {
    let mut bench = Bench::new();
    assert_eq!(bench.asks(1, 0), Direct);
    assert_eq!(bench.asks(2, 1), Direct);
    assert_eq!(bench.asks(3, 3), Binl);
    assert_eq!(bench.asks(4, 6), Menu);
    assert_eq!(bench.asks(5, 9), Direct);
}

#[test]
fn a_client_that_has_fetched_its_file_is_answered_alike_for_ever() {
    let mut bench = Bench::new();
    bench.asks(1, 0);
    assert_eq!(bench.asks(2, 5), Binl);
    assert_eq!(bench.fetches(8), None);
    assert_eq!(bench.asks(3, 60), Binl);
    // Also by the next daemon.
    bench.learning = Learning::new(&bench.learning.learnt());
    assert_eq!(bench.asks(4, 1000), Binl);
}

#[test]
fn what_has_worked_is_given_up_after_two_attempts_with_an_address_and_without_a_file() {
    let mut bench = Bench::new();
    bench.asks(1, 0);
    bench.fetches(1);
    for (xid, seconds) in [(2, 100), (3, 200), (4, 300)] {
        assert_eq!(bench.asks(xid, seconds), Direct, "no DHCP server answers");
    }
    bench.learning.has_address(MAC);
    assert_eq!(bench.asks(5, 400), Direct);
    bench.learning.has_address(MAC);
    assert_eq!(bench.asks(6, 500), Binl);
}

#[test]
fn another_file_proves_nothing() {
    let mut bench = Bench::new();
    bench.asks(1, 0);
    let now = bench.at(1);
    assert_eq!(bench.learning.fetched(MAC, "ot.efi", now), None);
    assert_eq!(bench.asks(2, 5), Binl);
}

#[test]
fn what_the_operator_chose_stays() {
    let mut bench = Bench::new();
    bench.chosen = Some(Menu);
    for (xid, seconds) in [(1, 0), (2, 20), (3, 40), (4, 60)] {
        assert_eq!(bench.asks(xid, seconds), Menu);
    }
    bench.chosen = Some(Binl);
    assert_eq!(bench.asks(4, 61), Binl);
}

#[test]
fn a_loop_is_told_once() {
    let mut bench = Bench::new();
    let mut told = Vec::new();
    for round in 0..8 {
        bench.asks(round, u64::from(round) * 20);
        told.extend(bench.fetches(u64::from(round) * 20 + 5));
    }
    let [told] = &told[..] else { panic!("told {told:?}") };
    assert!(told.contains("02:00:00:00:00:01 has loaded boot.efi 5 times"), "{told}");
}

#[test]
fn a_machine_that_boots_once_an_hour_is_in_no_loop() {
    let mut bench = Bench::new();
    for hour in 0..20 {
        bench.asks(hour, u64::from(hour) * 3600);
        assert_eq!(bench.fetches(u64::from(hour) * 3600 + 5), None);
    }
}

#[test]
fn invented_addresses_do_not_push_out_what_has_worked() {
    let mut bench = Bench::new();
    bench.asks(1, 0);
    bench.asks(2, 5);
    bench.fetches(6);
    let file = "boot.efi".into();
    for number in 0..10_000_u32 {
        let [_, _, a, b] = number.to_be_bytes();
        let told = Told {
            mac: [2, 9, 9, 9, a, b],
            stage: Stage::Pxe,
            xid: 1,
            platform: None,
            chosen: None,
            is_remote: false,
            file: &file,
        };
        bench.learning.strategy(&told, bench.start);
    }
    assert_eq!(bench.asks(3, 100), Binl);
}
