//! Frames without end: golden ones, damaged, and bytes that have something of a frame.

use proptest::prelude::Rng;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRng;
use pxeguard_lab::frames::{innocent, mutations};

use crate::encapsulation::{Encapsulation, encapsulation};
use crate::seed;

/// What an Ethernet frame has at least, and the least that the kernel runs a program on.
const SHORTEST: usize = 14;

/// Values that parsers ask for: EtherTypes, tags, LLC, ports, IPv4 with its header's length, fragments, the cookie.
const TELLING: [u16; 24] = [
    0x0800, 0x0806, 0x86dd, 0x8100, 0x88a8, 0x9100, 0x88b7, 0x8870, 0xaaaa, 0x0606, 0x05ff, 0x0600, 67, 68, 69, 4011,
    0x4500, 0x4f00, 0x4411, 0x2000, 0x1fff, 0x0201, 0x6382, 0x5363,
];

/// All golden frames, with their names.
pub fn golden() -> Vec<(String, Vec<u8>)> {
    let disguised = mutations().into_iter().flat_map(|mutation| {
        let name = mutation.name;
        mutation.frames.into_iter().enumerate().map(move |(number, frame)| (format!("{name} {number}"), frame))
    });
    disguised.chain(innocent().into_iter().map(|innocent| (innocent.name, innocent.frame))).collect()
}

/// Golden frames of these names, cut off at every length.
pub fn cut_off(names: &[&str]) -> impl Iterator<Item = Vec<u8>> {
    let chosen = golden().into_iter().filter(|(name, _)| names.contains(&name.as_str()));
    let chosen: Vec<_> = chosen.map(|(_, frame)| frame).collect();
    assert_eq!(chosen.len(), names.len(), "all of {names:?} are golden");
    chosen.into_iter().flat_map(|frame| (SHORTEST..frame.len()).map(move |length| frame[..length].to_vec()))
}

/// Any number of frames, the same in every run.
pub struct Generated {
    rng: TestRng,
    /// What is damaged.
    whole: Vec<Vec<u8>>,
}

impl Generated {
    pub fn new(encapsulations: usize) -> Self {
        let mut runner = seed::runner(0);
        let strategy = encapsulation();
        let mut any = || strategy.new_tree(&mut runner).expect("nothing is filtered").current();
        let random = (0..encapsulations).map(|_| Encapsulation::frame(&any()));
        let whole = golden().into_iter().map(|(_, frame)| frame).chain(random).collect();
        Self { rng: seed::rng(), whole }
    }

    fn below(&mut self, limit: usize) -> usize {
        self.rng.next_u32() as usize % limit
    }

    fn flip_bits(&mut self, frame: &mut [u8]) {
        // Half of them where most of what decides is.
        let limit = if self.below(2) == 0 { frame.len() } else { frame.len().min(60) };
        for _ in 0..=self.below(8) {
            let (at, bit) = (self.below(limit), self.below(8));
            frame[at] ^= 1 << bit;
        }
    }

    fn cut_off(&mut self, frame: &mut Vec<u8>) {
        let length = SHORTEST + self.below(frame.len() - SHORTEST + 1);
        frame.truncate(length);
    }

    fn say_something_else(&mut self, frame: &mut [u8]) {
        for _ in 0..=self.below(3) {
            // From the EtherType on, mostly in the headers.
            let limit = if self.below(4) == 0 { frame.len() - 1 } else { (frame.len() - 1).min(60) };
            let (at, value) = (12 + self.below(limit - 12), TELLING[self.below(TELLING.len())]);
            frame[at..at + 2].copy_from_slice(&value.to_be_bytes());
        }
    }

    /// Random bytes, a telling value among them here and there.
    fn noise(&mut self) -> Vec<u8> {
        let mut frame = vec![0; SHORTEST + self.below(400)];
        self.rng.fill_bytes(&mut frame);
        for at in (12..frame.len() - 1).step_by(2) {
            if self.below(3) == 0 {
                let value = TELLING[self.below(TELLING.len())];
                frame[at..at + 2].copy_from_slice(&value.to_be_bytes());
            }
        }
        if let (1, Some(protocol)) = (self.below(2), frame.get_mut(23)) {
            *protocol = 17;
        }
        frame
    }
}

impl Iterator for Generated {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let chosen = self.below(self.whole.len());
        let mut frame = self.whole[chosen].clone();
        match self.below(8) {
            0 => {}
            1 | 2 => self.flip_bits(&mut frame),
            3 => self.cut_off(&mut frame),
            4 => {
                self.flip_bits(&mut frame);
                self.cut_off(&mut frame);
            }
            5 | 6 => self.say_something_else(&mut frame),
            _ => frame = self.noise(),
        }
        Some(frame)
    }
}
