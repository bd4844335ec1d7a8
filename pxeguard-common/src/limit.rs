//! How many messages the DHCP clients behind one port may send: a token bucket for each port.
//!
//! A flood of DISCOVERs, or a tool that takes every address there is, ends at its own port and not at the DHCP server.

use crate::pod::pod;

/// How fast a port's bucket fills, and how much it holds; part of [`crate::port::PortPolicy`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(C)]
pub struct ClientLimit {
    /// Nanoseconds until the bucket holds one more token; 0 where there is no limit.
    interval_ns: u64,
    /// Nanoseconds until an empty bucket is full.
    fill_ns: u64,
}
pod!(ClientLimit, 8, 8);

const NS_PER_S: u64 = 1_000_000_000;

impl ClientLimit {
    /// Any number of messages.
    pub const NONE: Self = Self { interval_ns: 0, fill_ns: 0 };

    /// So many messages a second, and `burst` at once after a pause; no limit where either is 0.
    pub const fn new(per_s: u32, burst: u32) -> Self {
        if per_s == 0 || burst == 0 {
            return Self::NONE;
        }
        let interval_ns = NS_PER_S / per_s as u64;
        Self { interval_ns, fill_ns: burst as u64 * interval_ns }
    }

    /// Whether there is a limit.
    #[inline(always)]
    pub const fn is_set(&self) -> bool {
        self.interval_ns != 0
    }

    /// What a message does to the bucket that comes at `now_ns`.
    #[inline(always)]
    pub const fn draw(&self, bucket: &Bucket, now_ns: u64) -> Draw {
        if bucket.fill_ns != self.fill_ns || bucket.full_at_ns <= now_ns {
            return Draw::FromFull { full_at_ns: now_ns + self.interval_ns };
        }
        if bucket.full_at_ns + self.interval_ns > now_ns + self.fill_ns {
            return Draw::Nothing;
        }
        Draw::One { interval_ns: self.interval_ns }
    }

    /// A bucket's capacity, as it is written down in it.
    #[inline(always)]
    pub const fn fill_ns(&self) -> u64 {
        self.fill_ns
    }
}

/// A port's bucket; part of [`crate::port::PortStats`], zeroes to begin with.
///
/// It is told by one number, so that CPUs that draw from it at the same time can do so by one atomic addition, and so
/// that nobody has to fill it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[repr(C)]
pub struct Bucket {
    /// When it will be full, if nobody draws from it meanwhile; in nanoseconds of the caller's clock.
    pub full_at_ns: u64,
    /// [`ClientLimit::fill_ns`] when that was written: under another limit the number says nothing, and a new bucket is
    /// full.  Else it would keep a port waiting as long as the old limit says.
    pub fill_ns: u64,
}
pod!(Bucket, 8, 8);

/// What a message does to a bucket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Draw {
    /// It takes the first token of a full one: this is [`Bucket::full_at_ns`] then.
    FromFull {
        /// In nanoseconds of the caller's clock.
        full_at_ns: u64,
    },
    /// It takes a further one: so much is added to [`Bucket::full_at_ns`].
    One {
        /// In nanoseconds.
        interval_ns: u64,
    },
    /// None is there: the message exceeds the limit.
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = NS_PER_S;

    /// Draws by itself, as one CPU does; whether there was a token.
    fn draws(limit: &ClientLimit, bucket: &mut Bucket, now_ns: u64) -> bool {
        match limit.draw(bucket, now_ns) {
            Draw::FromFull { full_at_ns } => *bucket = Bucket { full_at_ns, fill_ns: limit.fill_ns() },
            Draw::One { interval_ns } => bucket.full_at_ns += interval_ns,
            Draw::Nothing => return false,
        }
        true
    }

    /// How many of `count` messages at one moment pass.
    fn passed(limit: &ClientLimit, bucket: &mut Bucket, now_ns: u64, count: usize) -> usize {
        (0..count).filter(|_| draws(limit, bucket, now_ns)).count()
    }

    #[test]
    fn a_full_bucket_holds_the_burst_and_fills_at_the_rate() {
        let limit = ClientLimit::new(100, 30);
        let mut bucket = Bucket::default();
        assert_eq!(passed(&limit, &mut bucket, 7 * S, 1000), 30);
        assert_eq!(passed(&limit, &mut bucket, 7 * S + S / 100 - 1, 1000), 0);
        assert_eq!(passed(&limit, &mut bucket, 7 * S + S / 100, 1000), 1);
        assert_eq!(passed(&limit, &mut bucket, 7 * S + S / 10, 1000), 9);
        // After however long a pause no more than the burst.
        assert_eq!(passed(&limit, &mut bucket, 9000 * S, 1000), 30);
    }

    #[test]
    fn a_flood_passes_at_the_rate_and_who_keeps_to_it_is_never_cut() {
        let limit = ClientLimit::new(2000, 10_000);
        let mut bucket = Bucket::default();
        let flood = (0..1_000_000_u64).filter(|n| draws(&limit, &mut bucket, S + n * 10_000)).count();
        assert!((29_990..=30_001).contains(&flood), "{flood} of ten seconds");
        let later = 60 * S;
        assert!((0..100_000).all(|n| draws(&limit, &mut bucket, later + n * (S / 2000))));
    }

    #[test]
    fn a_clock_that_ticks_every_10_ms_costs_nobody_his_rate() {
        let limit = ClientLimit::new(2000, 20);
        let mut bucket = Bucket::default();
        let tick = |ns: u64| ns / 10_000_000 * 10_000_000;
        assert!((0..10_000).all(|n| draws(&limit, &mut bucket, tick(S + n * (S / 2000)))));
    }

    #[test]
    fn another_limit_counts_at_once() {
        let (slow, fast) = (ClientLimit::new(1, 10_000), ClientLimit::new(2000, 100));
        let mut bucket = Bucket::default();
        assert_eq!(passed(&slow, &mut bucket, S, 20_000), 10_000);
        assert_eq!(passed(&fast, &mut bucket, S, 1000), 100);
        assert_eq!(passed(&fast, &mut bucket, S, 1000), 0);
    }

    #[test]
    fn what_cpus_draw_at_the_same_time_is_overdrawn_once_and_paid_back() {
        let limit = ClientLimit::new(1000, 10);
        let mut bucket = Bucket::default();
        assert_eq!(passed(&limit, &mut bucket, S, 9), 9);
        // Eight CPUs look before any of them has added.
        let seen = bucket;
        let drawn = (0..8).filter(|_| limit.draw(&seen, S) != Draw::Nothing).count() as u64;
        bucket.full_at_ns += drawn * (S / 1000);
        assert_eq!(passed(&limit, &mut bucket, S + 7 * (S / 1000), 100), 0);
        assert_eq!(passed(&limit, &mut bucket, S + 8 * (S / 1000), 100), 1);
    }

    #[test]
    fn no_limit_is_none() {
        for none in [ClientLimit::NONE, ClientLimit::new(0, 5), ClientLimit::new(5, 0)] {
            assert!(!none.is_set());
        }
        assert!(ClientLimit::new(u32::MAX / 8, u32::MAX).is_set());
    }
}
