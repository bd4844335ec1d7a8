//! A cable that loses frames, doubles them and swaps them.

use crate::wire::Manner;

/// What happens to frames, in percent of them, in both directions.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Trouble {
    /// They do not arrive.
    pub lost: u32,
    /// They arrive twice.
    pub doubled: u32,
    /// They arrive after the next one.
    pub swapped: u32,
}

/// What is not UDP over IPv4 passes whole: no test is about ARP.
pub(crate) fn bad(trouble: Trouble) -> [Manner; 2] {
    // Two different sequences, the same each time.
    [1, 2].map(|seed| -> Manner {
        let mut random = Random(seed);
        let mut held: Option<Vec<u8>> = None;
        Box::new(move |frame| {
            let Some(frame) = frame else { return Vec::from_iter(held.take()) };
            if !is_udp(&frame) {
                return vec![frame];
            }
            if random.percent() < trouble.lost {
                return Vec::new();
            }
            let mut out = vec![frame.clone()];
            if random.percent() < trouble.doubled {
                out.push(frame);
            }
            if held.is_none() && random.percent() < trouble.swapped {
                held = out.pop();
            } else {
                out.extend(held.take());
            }
            out
        })
    })
}

fn is_udp(frame: &[u8]) -> bool {
    frame.get(12..14) == Some(&[8, 0]) && frame.get(23) == Some(&17)
}

/// splitmix64: the same trouble each time.
struct Random(u64);

impl Random {
    /// A number below 100.
    fn percent(&mut self) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % 100) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn udp(number: u8) -> Vec<u8> {
        let mut frame = vec![0; 64];
        frame[12] = 8;
        frame[23] = 17;
        frame[63] = number;
        frame
    }

    fn carried(trouble: Trouble) -> Vec<u8> {
        let [mut manner, _] = bad(trouble);
        let mut out: Vec<_> = (0..200).flat_map(|number| manner(Some(udp(number)))).collect();
        out.extend(manner(None));
        out.iter().map(|frame| frame[63]).collect()
    }

    #[test]
    fn a_wire_without_trouble_carries_everything_in_order() {
        assert!(carried(Trouble::default()).into_iter().eq(0..200));
    }

    #[test]
    fn each_kind_of_trouble_shows() {
        let lost = carried(Trouble { lost: 10, ..Trouble::default() });
        assert!((150..199).contains(&lost.len()), "{} arrive", lost.len());
        let doubled = carried(Trouble { doubled: 10, ..Trouble::default() });
        assert!((201..250).contains(&doubled.len()), "{} arrive", doubled.len());
        let mut swapped = carried(Trouble { swapped: 10, ..Trouble::default() });
        assert!(!swapped.is_sorted());
        swapped.sort_unstable();
        assert!(swapped.into_iter().eq(0..200), "none is lost");
    }

    #[test]
    fn arp_is_left_alone() {
        let [mut manner, _] = bad(Trouble { lost: 100, ..Trouble::default() });
        let arp = [&[0; 12][..], &[8, 6], &[0; 28]].concat();
        assert_eq!(manner(Some(arp.clone())), [arp]);
        assert!(manner(Some(udp(1))).is_empty());
    }
}
