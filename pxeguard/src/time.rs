//! Points in time, as the kernel counts them and as people read them.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time; written as RFC 3339 in UTC with milliseconds, `2026-01-31T23:59:59.123Z`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(pub SystemTime);

impl Timestamp {
    /// Now.
    pub fn now() -> Self {
        Self(SystemTime::now())
    }

    /// From nanoseconds of `CLOCK_REALTIME`.
    pub fn from_realtime_ns(ns: u64) -> Self {
        Self(UNIX_EPOCH + Duration::from_nanos(ns))
    }

    /// Seconds since 1970; 0 for what was before.
    pub fn unix_seconds(self) -> f64 {
        self.0.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
    }

    /// Nanoseconds since 1970; 0 for what was before.
    pub fn unix_ns(self) -> u64 {
        let since = self.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        // 584 years fit.
        since.as_nanos() as u64
    }

    /// How long before `now` it was, for people: `5s ago`, `2h 5m ago`.
    pub fn ago(self, now: Self) -> String {
        let seconds = now.0.duration_since(self.0).map_or(0, |passed| passed.as_secs());
        // Two units are enough: nobody wants the seconds of what was yesterday.
        let unit = [(86_400, 3_600), (3_600, 60), (60, 1)].into_iter().find(|(large, _)| seconds >= *large);
        let rounded = unit.map_or(seconds, |(_, small)| seconds / small * small);
        format!("{} ago", humantime::format_duration(Duration::from_secs(rounded)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_millis(self.0).fmt(f)
    }
}

impl FromStr for Timestamp {
    type Err = humantime::TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        humantime::parse_rfc3339(text).map(Self)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Turns the kernel's times (`bpf_ktime_get_ns`, which is `CLOCK_MONOTONIC`) into points in time.
///
/// It holds for the moment: the two clocks drift apart when somebody sets the time, and while the host sleeps.
#[derive(Clone, Copy, Debug)]
pub struct KernelClock {
    real: SystemTime,
    monotonic: Duration,
}

impl KernelClock {
    /// Reads both clocks.
    pub fn read() -> Self {
        let monotonic = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every Linux has CLOCK_MONOTONIC");
        Self { real: SystemTime::now(), monotonic: Duration::from(monotonic) }
    }

    /// When the kernel's clock showed this.
    pub fn timestamp(&self, monotonic_ns: u64) -> Timestamp {
        let then = Duration::from_nanos(monotonic_ns);
        Timestamp(match then.checked_sub(self.monotonic) {
            Some(ahead) => self.real + ahead,
            None => self.real - (self.monotonic - then),
        })
    }

    /// What the kernel's clock showed when it was read, in nanoseconds.
    pub fn monotonic_ns(&self) -> u64 {
        u64::try_from(self.monotonic.as_nanos()).expect("no host has been up for 584 years")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_read_back_as_written() {
        let text = "2026-01-31T23:59:59.123Z";
        assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
    }

    #[test]
    fn kernel_time_of_five_seconds_ago_is_five_seconds_ago() {
        let clock = KernelClock::read();
        let then = clock.timestamp(clock.monotonic_ns() - 5_000_000_000);
        assert_eq!(then.ago(Timestamp(clock.real)), "5s ago");
    }

    #[test]
    fn ages_are_told_in_two_units() {
        let start = Timestamp(UNIX_EPOCH);
        for (seconds, told) in [(0, "0s ago"), (59, "59s ago"), (61, "1m 1s ago"), (7_261, "2h 1m ago")] {
            assert_eq!(start.ago(Timestamp(UNIX_EPOCH + Duration::from_secs(seconds))), told);
        }
    }
}
