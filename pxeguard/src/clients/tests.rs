mod bounds;
mod scene;

use std::sync::atomic::AtomicUsize;

use pxeguard_common::net::Ifindex;

use super::*;
use crate::boot::Via;
use crate::report::{ClientState, FileResult};
use crate::trust::MacAddress;
use scene::{ID, IP, MAC, Scene, addressed, answered, asked, asked_by, ended, offered, reply, started};

#[test]
fn a_client_is_shown_as_far_as_it_has_come() {
    let mut scene = Scene::new();
    assert_eq!(scene.tell(asked()).state(), (ClientState::Asked, "asked".to_owned()));
    assert_eq!(scene.tell(asked()).state().1, "asked 2 times");
    assert_eq!(scene.tell(offered()).state(), (ClientState::Offered, "offered ipxe.efi (direct)".to_owned()));
    scene.tell(addressed()).tell(started(ID, "ipxe.efi"));
    assert_eq!(scene.state(), (ClientState::Loading, "loading ipxe.efi".to_owned()));
    scene.later(2).tell(Step::Progress { id: ID, bytes: 430, resent: 1 });
    assert_eq!(scene.state(), (ClientState::Loading, "loading ipxe.efi: 43 % at 215 B/s".to_owned()));
    scene.later(2).tell(ended(1000, Ending::Done));
    assert_eq!(scene.state(), (ClientState::Loaded, "loaded ipxe.efi".to_owned()));

    let client = scene.client();
    assert_eq!((client.mac, client.ip, client.vlan), (Some(MacAddress(MAC)), Some(IP), Some(5)));
    assert_eq!((client.arch.as_deref(), client.kind.as_deref()), (Some("efi-x64"), Some("PXEClient")));
    assert_eq!((client.file.as_deref(), client.bytes, client.len), (Some("ipxe.efi"), Some(1000), Some(1000)));
    // 1000 bytes in 4 s, also when one looks later.
    assert_eq!((scene.later(5).client().rate, client.resent), (Some(250), 2));
    let [attempt] = client.attempts.as_slice() else { panic!("{client:?}") };
    assert_eq!((attempt.asked, attempt.asked_4011, attempt.answered), (2, 0, 1));

    assert_eq!(scene.later(600).state(), (ClientState::Idle, "idle since it loaded ipxe.efi".to_owned()));
}

#[test]
fn who_does_not_get_its_file_is_told_why() {
    let mut scene = Scene::new();
    scene.tell(asked()).tell(Step::Refused { mac: MAC, why: "there is no boot program for efi-x64".into() });
    let expected = (ClientState::Refused, "not answered: there is no boot program for efi-x64".to_owned());
    assert_eq!(scene.state(), expected);
    scene.tell(offered()).tell(addressed()).tell(started(ID, "ipxe.efi"));
    scene.tell(ended(430, Ending::Failed("no acknowledgement of block 3".to_owned())));
    let expected = (ClientState::Failed, "got 430 B of 1.0 kB of ipxe.efi: no acknowledgement of block 3".to_owned());
    assert_eq!(scene.state(), expected);
    let denied = Step::Denied { ip: IP, via: Via::Http, file: "x.cfg".into(), why: "no such file".into() };
    assert_eq!(scene.tell(denied).state(), (ClientState::Failed, "did not get x.cfg: no such file".to_owned()));
    let files = &scene.client().attempts[0].files;
    assert_eq!(files.iter().map(|file| file.result).collect::<Vec<_>>(), [FileResult::Failed, FileResult::Denied]);
}

#[test]
fn who_fetches_nothing_is_explained() {
    let request = |strategy| Step::Answered { mac: MAC, message: "ack", strategy, file: Some("ipxe.efi".into()) };
    let cases: [(&[Step], &str); 4] = [
        (&[offered()], "it was not seen to ask for an address"),
        (&[addressed(), offered()], "another server's offer may have won, a firewall"),
        (&[addressed(), answered("binl", None)], "it did not ask port 4011"),
        (
            &[addressed(), answered("binl", None), asked_by(MAC, "PXEClient", "request"), request("binl")],
            "its firewall or ours",
        ),
    ];
    for (steps, why) in cases {
        let mut scene = Scene::new();
        scene.tell(asked());
        for step in steps {
            scene.tell(step.clone());
        }
        assert_eq!(scene.later(29).state().0, ClientState::Offered, "{why}");
        let (state, words) = scene.later(1).state();
        assert!(state == ClientState::Silent && words.contains("but fetched nothing: "), "{words}");
        assert!(words.contains(why), "{words}");
        // It is told once.
        let told = scene.clients.table().look(scene.now);
        assert!(told[0].text.ends_with(&format!("has gone silent: {words}")), "{told:?}");
        assert_eq!(scene.clients.table().look(scene.now), []);
        // A file ends it.
        scene.tell(addressed()).tell(started(ID, "ipxe.efi")).tell(ended(1000, Ending::Done));
        assert_eq!(scene.later(30).state().0, ClientState::Loaded);
    }
}

#[test]
fn a_probe_that_fetches_nothing_is_no_news() {
    let mut scene = Scene::new();
    let mac = [0x02, b'p', b'x', b'g', 1, 2];
    let offered = Step::Answered { mac, message: "offer", strategy: "direct", file: Some("ipxe.efi".into()) };
    scene.tell(asked_by(mac, "PXEClient", "discover")).tell(offered);
    assert_eq!(scene.later(30).state().0, ClientState::Silent);
    assert_eq!(scene.clients.table().look(scene.now), []);
}

#[test]
fn a_program_that_was_loaded_goes_on_with_the_same_boot() {
    let mut scene = Scene::new();
    scene.tell(asked()).tell(offered()).tell(addressed()).tell(started(ID, "ipxe.efi")).tell(ended(1000, Ending::Done));
    for _ in 0..2 {
        scene.tell(asked_by(MAC, "iPXE", "discover")).tell(answered("script", Some("boot.ipxe")));
    }
    scene.tell(started(ID, "boot.ipxe")).tell(ended(1000, Ending::Done));
    assert_eq!(scene.client().attempts.len(), 1);
    let files = &scene.client().attempts[0].files;
    assert_eq!(files.iter().map(|file| file.file.as_str()).collect::<Vec<_>>(), ["ipxe.efi", "boot.ipxe"]);
    // The machine is switched on again: its firmware asks, or an iPXE in its card's ROM.
    for (kind, attempts) in [("PXEClient", 2), ("PXEClient", 2)] {
        assert_eq!(scene.tell(asked_by(MAC, kind, "discover")).client().attempts.len(), attempts);
    }
    scene.tell(answered("script", Some("boot.ipxe"))).tell(started(ID, "boot.ipxe")).tell(ended(1000, Ending::Done));
    assert_eq!(scene.tell(asked_by(MAC, "iPXE", "discover")).client().attempts.len(), 3);
}

#[test]
fn who_asks_again_after_a_while_begins_anew_and_old_boots_are_forgotten() {
    let mut scene = Scene::new();
    assert_eq!(scene.tell(asked()).later(60).tell(asked()).client().attempts.len(), 1);
    for attempts in [2, 3, 3] {
        assert_eq!(scene.later(61).tell(asked()).client().attempts.len(), attempts);
    }
    assert!(scene.client().attempts.is_sorted_by(|newer, older| newer.began > older.began));
}

#[test]
fn a_transfer_belongs_to_the_client_that_took_the_address() {
    let mut scene = Scene::new();
    scene.tell(asked()).tell(offered()).tell(addressed()).tell(started(ID, "ipxe.efi"));
    assert_eq!(scene.client().mac, Some(MacAddress(MAC)));
    assert_eq!(scene.clients.mac_of(IP), Some(MAC));
}

#[test]
fn a_transfer_by_nobody_known_is_shown_by_its_address() {
    let mut scene = Scene::new();
    scene.tell(started(ID, "ipxe.efi")).tell(ended(1000, Ending::Done));
    let client = scene.client();
    assert_eq!((client.mac, client.ip, client.state), (None, Some(IP), ClientState::Loaded));
    assert_eq!((client.kind, client.iface, client.strategy), (None, None, None));
}

#[test]
fn everything_is_counted_once_whatever_is_told_twice_or_late() {
    let mut scene = Scene::new();
    scene.tell(asked()).tell(asked()).tell(offered()).tell(Step::Refused { mac: MAC, why: "nothing fits".into() });
    scene.tell(Step::Asked { mac: MAC, iface: Ifindex(1), vlan: 0, arch: None, kind: "iPXE", message: "inform" });
    scene.tell(started(ID, "a"));
    for bytes in [100, 300, 300, 200] {
        scene.tell(Step::Progress { id: ID, bytes, resent: 1 });
    }
    assert_eq!(scene.clients.counts().active["tftp"], 1);
    scene.tell(ended(1000, Ending::Done)).tell(ended(5000, Ending::Done));
    scene.tell(Step::Progress { id: ID, bytes: 9000, resent: 9 });
    scene.tell(started(ID, "a")).tell(ended(0, Ending::Probe));
    scene.tell(started(ID, "a")).tell(ended(50, Ending::Failed("gone".to_owned())));
    scene.tell(Step::Denied { ip: IP, via: Via::Http, file: "b".into(), why: "no such file".into() });
    let counts = scene.clients.counts();
    assert_eq!(counts.requests, [(("efi-x64", "PXEClient"), 2), (("none", "iPXE"), 1)].into());
    assert_eq!((&counts.answers, counts.refused), (&[("direct", 1)].into(), 1));
    let some: Vec<_> = counts.transfers.iter().filter(|(_, count)| **count > 0).map(|(key, _)| *key).collect();
    assert_eq!(some, [("http", "denied"), ("tftp", "done"), ("tftp", "failed"), ("tftp", "probe")]);
    assert_eq!((counts.bytes["tftp"], counts.active["tftp"]), (1050, 0));
    assert_eq!(counts.resent, 2 + 2 + 2);
}

#[test]
fn each_attempt_is_counted_once_with_what_has_become_of_it() {
    let mut scene = Scene::new();
    let failed = || ended(50, Ending::Failed("gone".to_owned()));
    scene.tell(asked()).tell(asked()).tell(offered()).tell(addressed());
    for _ in 0..2 {
        scene.tell(started(ID, "a")).tell(failed()).tell(started(ID, "a")).tell(ended(1000, Ending::Done));
    }
    scene.later(61).tell(asked()).tell(offered());
    for _ in 0..2 {
        scene.later(31);
        scene.clients.table().look(scene.now);
    }
    let counts = scene.clients.counts();
    assert_eq!(counts.attempts, [("efi-x64", 2)].into());
    let each_once = ["failed", "loaded", "silent"].map(|outcome| (("efi-x64", outcome), 1));
    assert_eq!(counts.outcomes, each_once.into());
}

#[test]
fn it_is_told_who_has_fetched_what() {
    let mut scene = Scene::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = told.clone();
    scene.clients.on_fetched(move |fetched| telling.lock().unwrap().push((fetched.mac, fetched.is_whole)));
    scene.tell(started(ID, "a")).tell(ended(1000, Ending::Done));
    assert_eq!(*told.lock().unwrap(), [], "of nobody known");
    scene.tell(addressed());
    let failed = || Ending::Failed("gone".to_owned());
    for (bytes, ending) in
        [(1000, Ending::Done), (500, Ending::Done), (500, failed()), (0, failed()), (0, Ending::Probe)]
    {
        scene.tell(started(ID, "a")).tell(ended(bytes, ending));
    }
    assert_eq!(*told.lock().unwrap(), [(MAC, true), (MAC, false), (MAC, false)]);
}

#[test]
fn a_hook_may_ask_the_clients() {
    let scene = Scene::new();
    let clients = Arc::new(scene.clients);
    let asked = Arc::new(AtomicUsize::new(0));
    let (inner, count) = (Arc::downgrade(&clients), asked.clone());
    clients.on_fetched(move |fetched| {
        let clients = inner.upgrade().expect("who calls has it");
        assert_eq!(clients.mac_of(IP), Some(fetched.mac));
        count.fetch_add(clients.report().len(), Ordering::Relaxed);
    });
    for step in [addressed(), started(ID, "a"), ended(1000, Ending::Done)] {
        clients.tell(step);
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[test]
fn transfers_have_numbers_of_their_own() {
    let clients = Clients::default();
    assert_ne!(clients.next_transfer(), clients.next_transfer());
}

#[tokio::test]
async fn attending_ends_when_it_is_told_to() {
    let stop = CancellationToken::new();
    stop.cancel();
    Clients::default().attend(stop).await;
}

#[test]
fn a_reply_to_the_next_boot_is_not_one_to_the_last() {
    let mut scene = Scene::new();
    let replied = || Step::Replied(Arc::new(reply()));
    scene
        .tell(asked())
        .tell(replied())
        .tell(offered())
        .tell(addressed())
        .tell(started(ID, "ipxe.efi"))
        .tell(ended(1000, Ending::Done));
    // It is told before the question, by another thread.
    scene.later(30).tell(replied()).tell(asked());
    let case = scene.clients.table().case(MAC, scene.now);
    let times = |boot: &Boot| -> Vec<_> {
        let replies = boot.entries.iter().filter(|entry| matches!(entry.what, Happened::Replied(_)));
        replies.map(|entry| entry.times).collect()
    };
    assert_eq!(case.boots.iter().map(times).collect::<Vec<_>>(), [[1], [1]]);
}

#[test]
fn who_only_looks_keeps_nobody_from_giving_way() {
    let mut scene = Scene::new();
    scene.tell(asked_by(MAC, "PXEClient", "discover")).later(1);
    for number in 1..=remembered::MAX_ASKED.get() as u16 {
        let [a, b] = number.to_be_bytes();
        let _ = scene.clients.table().case(MAC, scene.now);
        scene.tell(asked_by([2, 0, 0, 0, a, b], "PXEClient", "discover"));
    }
    assert!(scene.clients.table().case(MAC, scene.now).client.is_none());
}
