//! Floods of clients' messages: told at once, once a minute while they last, and when they have ended.

use std::collections::BTreeMap;
use std::time::Duration;

use pxeguard_common::net::Ifindex;
use pxeguard_common::trust::Mode;
use tokio::time::Instant;

use super::guard::Guard;
use crate::config::Limit;
use crate::dataplane::DataPlaneError;
use crate::report::ClientMessages;

/// How often a flood is looked at; one that exceeds nothing for so long has ended.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often it is told that one goes on.
const AGAIN: Duration = Duration::from_secs(60);

/// The floods that go on.
#[derive(Debug, Default)]
pub(super) struct Floods {
    going_on: BTreeMap<Ifindex, Flood>,
    earlier: BTreeMap<Ifindex, Earlier>,
    last_look: Option<Instant>,
}

/// What there was before at a port.
#[derive(Clone, Copy, Debug, Default)]
struct Earlier {
    /// Messages that exceeded its limit and were told of.
    count: u64,
    /// When the beginning of a flood was last told.
    began: Option<Instant>,
}

/// A flood by one port; counts are of messages that exceeded its limit, from the port's first on.
#[derive(Clone, Copy, Debug)]
struct Flood {
    began: Instant,
    before: u64,
    /// One that comes again and again is not told each time: not its beginning, nor its end.
    is_told: bool,
    /// Where it stood at the last look that found more, and when that was.
    seen: (u64, Instant),
    /// Where it stood when it was last told, and when that was.
    told: (u64, Instant),
}

/// What a look at a flood finds to be told.
#[derive(Debug, Eq, PartialEq)]
enum News {
    /// It has ended.
    Ended {
        /// Messages that exceeded the limit.
        count: u64,
        lasted: Duration,
    },
    /// It goes on.
    GoesOn {
        /// Messages that exceeded the limit since it was last told.
        count: u64,
        since: Duration,
    },
}

impl Floods {
    /// Whether there are any.
    pub(super) fn are_any(&self) -> bool {
        !self.going_on.is_empty()
    }

    /// Whether there is one at a port.
    pub(super) fn is_going_on(&self, port: Ifindex) -> bool {
        self.going_on.contains_key(&port)
    }

    /// When they are to be looked at.
    pub(super) fn next_look(&self) -> Instant {
        self.last_look.unwrap_or_else(Instant::now) + LOOK_EVERY
    }

    /// A port has left, and its counters with it.
    pub(super) fn forget(&mut self, port: Ifindex) {
        self.going_on.remove(&port);
        self.earlier.remove(&port);
    }

    /// Returns whether there is a flood to be told.
    fn begin(&mut self, port: Ifindex, now: Instant) -> bool {
        if self.going_on.contains_key(&port) {
            return false;
        }
        if self.going_on.is_empty() {
            self.last_look = Some(now);
        }
        let earlier = self.earlier.entry(port).or_default();
        let is_told = earlier.began.is_none_or(|began| now - began >= AGAIN);
        if is_told {
            earlier.began = Some(now);
        }
        let start = (earlier.count, now);
        self.going_on.insert(port, Flood { began: now, before: earlier.count, is_told, seen: start, told: start });
        is_told
    }

    fn look(&mut self, port: Ifindex, count: u64, now: Instant) -> Option<News> {
        let flood = self.going_on.get_mut(&port)?;
        if count == flood.seen.0 {
            let flood = self.going_on.remove(&port)?;
            let news = News::Ended { count: count.saturating_sub(flood.before), lasted: flood.seen.1 - flood.began };
            return flood.is_told.then(|| {
                self.earlier.entry(port).or_default().count = count;
                news
            });
        }
        flood.seen = (count, now);
        let since = now - flood.told.1;
        if since < AGAIN {
            return None;
        }
        let news = News::GoesOn { count: count.saturating_sub(flood.told.0), since };
        (flood.told, flood.is_told) = (flood.seen, true);
        Some(news)
    }
}

impl Guard {
    /// What an earlier daemon has told of is no news.
    pub(super) fn take_over_floods(&mut self) -> Result<(), DataPlaneError> {
        let stats = self.plane.maps.port_stats()?;
        let earlier = |stats| Earlier { count: ClientMessages::of(&stats).exceeding(), began: None };
        self.floods.earlier = stats.into_iter().map(|(port, stats)| (port, earlier(stats))).collect();
        Ok(())
    }

    /// Ports by which a flood comes in.
    pub(super) fn flooded(&self) -> impl Iterator<Item = String> {
        self.floods.going_on.keys().map(|port| self.port_name(port.0))
    }

    /// The kernel says that the clients behind a port exceed its limit.
    pub(super) fn tell_flood(&mut self, port: Ifindex) {
        self.see_flood(port);
        if self.floods.begin(port, Instant::now()) {
            let name = self.port_name(port.0);
            let Limit { per_s, burst } = self.config.limits.of(&name);
            log::warn!(
                "{}: a flood of DHCP clients' messages: more than {per_s} a second and {burst} at once; the rest {} cut",
                self.place(&name),
                self.is()
            );
        }
    }

    /// Looks at the floods that go on, and tells what there is to tell.
    pub(super) fn look_at_floods(&mut self) {
        let now = Instant::now();
        self.floods.last_look = Some(now);
        let stats = match self.plane.maps.port_stats() {
            Ok(stats) => stats,
            Err(error) => {
                log::error!("cannot look at a flood: {:#}", anyhow::Error::from(error));
                return;
            }
        };
        // One that was told of as its port left.
        self.floods.going_on.retain(|port, _| stats.iter().any(|(counted, _)| counted == port));
        for (port, stats) in stats {
            let news = self.floods.look(port, ClientMessages::of(&stats).exceeding(), now);
            let place = || self.place(&self.port_name(port.0));
            match news {
                Some(News::GoesOn { count, since }) => log::warn!(
                    "{}: the flood of DHCP clients' messages goes on: {count} {} cut in {} s",
                    place(),
                    self.were(),
                    since.as_secs()
                ),
                Some(News::Ended { count, lasted }) => log::warn!(
                    "{}: the flood of DHCP clients' messages has ended: {count} {} cut in {:.0} s",
                    place(),
                    self.were(),
                    lasted.as_secs_f32().max(1.0)
                ),
                None => {}
            }
        }
    }

    const fn is(&self) -> &'static str {
        if matches!(self.mode, Mode::Enforce) { "is" } else { "would be" }
    }

    const fn were(&self) -> &'static str {
        if matches!(self.mode, Mode::Enforce) { "were" } else { "would have been" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: Ifindex = Ifindex(7);

    fn after(began: Instant, seconds: u64) -> Instant {
        began + Duration::from_secs(seconds)
    }

    #[test]
    fn a_flood_is_new_once_told_each_minute_and_at_its_end() {
        let (mut floods, began) = (Floods::default(), Instant::now());
        floods.earlier.insert(PORT, Earlier { count: 1000, began: None });
        assert!(floods.begin(PORT, began) && !floods.begin(PORT, after(began, 1)));
        assert_eq!(floods.next_look(), after(began, 5));
        for second in (5..60).step_by(5) {
            assert_eq!(floods.look(PORT, 1000 + 10 * second, after(began, second)), None);
        }
        let minute = Duration::from_secs(60);
        let goes_on = News::GoesOn { count: 600, since: minute };
        assert_eq!(floods.look(PORT, 1600, after(began, 60)), Some(goes_on));
        assert_eq!(floods.look(PORT, 1650, after(began, 65)), None);
        let ended = News::Ended { count: 650, lasted: Duration::from_secs(65) };
        assert_eq!(floods.look(PORT, 1650, after(began, 70)), Some(ended));
        assert!(!floods.are_any());
        // The next one counts from there.
        assert!(floods.begin(PORT, after(began, 80)));
        assert_eq!(floods.look(PORT, 1651, after(began, 85)), None);
        let ended = News::Ended { count: 1, lasted: Duration::from_secs(5) };
        assert_eq!(floods.look(PORT, 1651, after(began, 90)), Some(ended));
    }

    #[test]
    fn one_that_comes_and_goes_is_told_once_a_minute() {
        let (mut floods, began) = (Floods::default(), Instant::now());
        let told: Vec<_> = (0..180)
            .step_by(15)
            .filter_map(|second| {
                let (begins, count) = (floods.begin(PORT, after(began, second)), second + 1);
                assert_eq!(floods.look(PORT, count, after(began, second + 5)), None);
                let ended = floods.look(PORT, count, after(began, second + 10));
                assert_eq!(begins, ended.is_some());
                ended.map(|news| (second, news))
            })
            .collect();
        let lasted = Duration::from_secs(5);
        let ended = |count| News::Ended { count, lasted };
        assert_eq!(told, [(0, ended(1)), (60, ended(60)), (120, ended(60))]);
    }

    #[test]
    fn a_port_that_has_left_floods_no_more() {
        let mut floods = Floods::default();
        floods.begin(PORT, Instant::now());
        floods.forget(PORT);
        assert!(!floods.are_any());
        assert_eq!(floods.look(PORT, 5, Instant::now()), None);
    }
}
