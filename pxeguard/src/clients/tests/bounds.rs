//! How much is remembered, whatever clients do.

use tokio::sync::broadcast::error::TryRecvError;

use super::scene::{ID, IP, MAC, Scene, addressed, asked, asked_by, ended, started};
use crate::boot::Via;
use crate::clients::remembered::{MAX_ASKED, MAX_FETCHED};
use crate::clients::{Ending, Mac, Step, WATCHED_STEPS};
use crate::report::{ClientState, FileResult};
use crate::trust::MacAddress;

/// An address that nobody has.
fn invented(number: usize) -> Mac {
    let [.., c, d] = (number as u32).to_be_bytes();
    [2, 0, 0, (number >> 16) as u8, c, d]
}

#[test]
fn who_invents_clients_displaces_none_that_has_fetched() {
    let mut scene = Scene::new();
    scene.tell(asked()).tell(addressed()).tell(started(ID, "ipxe.efi"));
    scene.tell(Step::Progress { id: ID, bytes: 1, resent: 0 });
    let other = [2; 6];
    scene.tell(asked_by(other, "PXEClient", "discover"));
    for number in 0..MAX_ASKED.get() + MAX_FETCHED.get() {
        scene.later(1).tell(asked_by(invented(number), "PXEClient", "discover"));
    }
    let clients = scene.report();
    assert_eq!(clients.len(), MAX_ASKED.get() + 1);
    let has = |mac| clients.iter().any(|client| client.mac == Some(MacAddress(mac)));
    assert!(has(MAC) && !has(other));
    scene.tell(ended(1000, Ending::Done));
    let state = scene.report().into_iter().find(|client| client.mac == Some(MacAddress(MAC))).unwrap().state;
    assert_eq!(state, ClientState::Loaded);
}

#[test]
fn a_client_that_fetches_all_day_is_remembered_by_its_last_files() {
    let mut scene = Scene::new();
    scene.tell(addressed());
    for number in 0..100 {
        scene.tell(started(ID, &format!("{number}"))).tell(ended(1000, Ending::Done));
    }
    let files = &scene.client().attempts[0].files;
    assert_eq!((files.len(), files.last().unwrap().file.as_str()), (24, "99"));
}

#[test]
fn what_clients_make_up_takes_little_room() {
    let mut scene = Scene::new();
    let name = "\u{e4}".repeat(5000);
    for _ in 0..2 {
        let denied = Step::Denied { ip: IP, via: Via::Http, file: name.as_str().into(), why: name.as_str().into() };
        scene.tell(denied);
    }
    scene.tell(started(ID, "a")).tell(ended(0, Ending::Failed(name)));
    let files = &scene.client().attempts[0].files;
    assert_eq!(files.iter().map(|file| file.result).collect::<Vec<_>>(), [FileResult::Denied, FileResult::Failed]);
    assert_eq!(files[0].file, "\u{e4}".repeat(64) + "...");
    assert!(files.iter().all(|file| file.why.as_ref().unwrap().len() == 128 + 3), "{files:?}");
}

#[test]
fn a_report_has_an_end_and_those_heard_of_last_are_shown_whole() {
    let mut scene = Scene::new();
    for number in 0..MAX_FETCHED.get() {
        scene.tell(Step::Addressed { mac: invented(number), ip: IP, server: None });
        for _attempt in 0..3 {
            scene.tell(asked_by(invented(number), "PXEClient", "discover"));
            for _file in 0..10 {
                scene.tell(started(ID, "a")).tell(ended(1000, Ending::Done));
            }
        }
        scene.later(1);
    }
    let clients = scene.report();
    assert_eq!(clients.len(), MAX_FETCHED.get());
    assert!(!clients[0].attempts.is_empty() && clients.last().unwrap().attempts.is_empty());
    let bytes = serde_json::to_vec(&clients).unwrap().len();
    assert!(bytes < 64 << 20, "{bytes}");
}

#[test]
fn a_watcher_that_is_late_loses_the_oldest_steps_and_holds_nobody_up() {
    let mut scene = Scene::new();
    let mut watcher = scene.clients.subscribe();
    scene.tell(addressed()).tell(started(ID, "a"));
    let steps: Vec<_> = std::iter::from_fn(|| watcher.try_recv().ok()).collect();
    assert_eq!(steps.iter().map(|told| told.mac).collect::<Vec<_>>(), [Some(MAC); 2]);
    assert_eq!(steps[1].step, started(ID, "a"));
    for _ in 0..=WATCHED_STEPS {
        scene.tell(asked());
    }
    assert!(matches!(watcher.try_recv(), Err(TryRecvError::Lagged(_))));
    watcher.try_recv().unwrap();
}
