//! Parts of a file (RFC 9110 §14).

use std::ops::Range;

/// What `Range` asks for.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Asked {
    /// All of it.
    Whole,
    /// These bytes, at least one.
    Part(Range<u64>),
    /// Nothing that is in the file.
    Nothing,
}

impl Asked {
    /// Reads `bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-LENGTH` (RFC 9110 §14.1.2); what is malformed is ignored.
    pub(super) fn read(header: &str, len: u64) -> Self {
        let range = header.split_once('=').filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes"));
        let Some((first, last)) = range.and_then(|(_, range)| range.trim().split_once('-')) else {
            return Self::Whole;
        };
        let part = match (first, last) {
            ("", suffix) => suffix.parse().ok().map(|suffix| len.saturating_sub(suffix)..len),
            (first, "") => first.parse().ok().map(|first| first..len),
            (first, last) => match (first.parse::<u64>(), last.parse::<u64>()) {
                (Ok(first), Ok(last)) if first <= last => Some(first..len.min(last.saturating_add(1))),
                _ => None,
            },
        };
        match part {
            None => Self::Whole,
            Some(part) if part.start >= part.end => Self::Nothing,
            Some(part) => Self::Part(part),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_range_is_cut_to_the_file() {
        for (range, asked) in [
            ("bytes=0-0", Asked::Part(0..1)),
            ("bytes=2-4", Asked::Part(2..5)),
            ("bytes=2-", Asked::Part(2..10)),
            ("Bytes = 8-99", Asked::Part(8..10)),
            ("bytes=-3", Asked::Part(7..10)),
            ("bytes=-99", Asked::Part(0..10)),
            ("bytes=0-18446744073709551615", Asked::Part(0..10)),
            ("bytes=10-", Asked::Nothing),
            ("bytes=10-20", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
            ("bytes=4-2", Asked::Whole),
            ("bytes=0-1,4-5", Asked::Whole),
            ("bytes=a-b", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("items=0-1", Asked::Whole),
            ("bytes", Asked::Whole),
        ] {
            assert_eq!(Asked::read(range, 10), asked, "{range}");
        }
    }

    proptest! {
        #[test]
        fn no_range_leads_out_of_the_file(first in any::<Option<u64>>(), last in any::<Option<u64>>(), len in any::<u64>()) {
            let bound = |bound: Option<u64>| bound.map(|bound| bound.to_string()).unwrap_or_default();
            if let Asked::Part(part) = Asked::read(&format!("bytes={}-{}", bound(first), bound(last)), len) {
                prop_assert!(part.start < part.end && part.end <= len);
            }
        }
    }
}
