//! Watching, from outside.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpStream};

use serde_json::Value;

use super::http::Http;
use crate::web::events::{IN_ALL, PER_CLIENT};

/// One event of the stream.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) data: Value,
}

/// The next event with data.
pub(super) fn next_event(viewer: &mut BufReader<TcpStream>) -> Event {
    let mut name = String::new();
    loop {
        let mut line = String::new();
        assert!(viewer.read_line(&mut line).unwrap() > 0, "the stream has ended");
        if let Some(event) = line.strip_prefix("event: ") {
            event.trim_end().clone_into(&mut name);
        } else if let Some(data) = line.strip_prefix("data: ") {
            return Event { name, data: serde_json::from_str(data).unwrap() };
        }
    }
}

#[test]
fn a_viewer_sees_everything_first_and_then_that_nothing_has_changed() {
    let http = Http::start();
    let (status, mut viewer) = http.watch();
    assert_eq!(status, 200);
    let first = next_event(&mut viewer);
    assert_eq!((first.name.as_str(), first.data["servers"]["set"].as_object().unwrap().len()), ("overview", 2));
    let second = next_event(&mut viewer);
    assert_eq!((second.name.as_str(), second.data.as_object().unwrap().len()), ("change", 1), "{second:?}");
}

#[test]
fn viewers_leave_room_for_scrapes() {
    let http = Http::start();
    let viewers: Vec<_> = (0..PER_CLIENT).map(|_| http.watch()).collect();
    assert!(viewers.iter().all(|(status, _)| *status == 200));
    assert_eq!(http.watch().0, 503);
    assert_eq!(http.get("/metrics", "").status, 200);
    assert_eq!(http.get("/api/v1/overview", "").status, 200);
}

#[test]
fn who_watches_as_often_as_he_can_leaves_room_for_others() {
    let http = Http::start();
    let another = Ipv4Addr::new(127, 0, 0, 2);
    let viewers: Vec<_> = (0..=PER_CLIENT).map(|_| http.watch()).collect();
    assert_eq!(viewers.last().map(|(status, _)| *status), Some(503));
    let others: Vec<_> = (PER_CLIENT..IN_ALL).map(|_| http.watch_from(another)).collect();
    assert!(others.iter().all(|(status, _)| *status == 200));
    assert_eq!(http.watch_from(Ipv4Addr::new(127, 0, 0, 3)).0, 503, "there are no more in all");
}
