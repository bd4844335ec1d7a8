//! Random cases that are the same in every run, and can be had again.

use std::env;
use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseResult, TestError, TestRng, TestRunner};

/// Another number makes other cases.
const SEED: &str = "PXEGUARD_SEED";

/// A generator of random numbers.
pub fn rng() -> TestRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number().to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}

/// A runner of `cases` random cases.
pub fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    TestRunner::new_with_rng(config, rng())
}

/// Runs `cases` random cases.
///
/// # Panics
/// If one fails, with the smallest one that does and how to have it again.
pub fn check<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value) -> TestCaseResult)
where
    S::Value: Debug,
{
    match runner(cases).run(strategy, test) {
        Ok(()) => {}
        Err(TestError::Fail(why, case)) => panic!("{why}\n{SEED}={}: {case:?}", number()),
        Err(abort) => panic!("{abort}"),
    }
}

fn number() -> u64 {
    env::var(SEED).map_or(0x7078_6567, |number| number.parse().expect("the seed is a number"))
}
