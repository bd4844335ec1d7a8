//! The server, on loopback addresses in a network namespace of its own.

mod scene;

use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use scene::{CLIENT, SERVER, Scene, ask};

use super::{Ignored, Limits};
use crate::clients::{Ending, Step};

#[test]
fn a_file_arrives_whether_it_is_in_memory_or_in_a_file() {
    scene::run(async |scene: Scene| {
        for (name, options) in [
            ("memory", &[][..]),
            ("file", &[]),
            ("memory", &[("blksize", 1468), ("windowsize", 16)]),
            ("file", &[("blksize", 1468), ("windowsize", 64)]),
            ("file", &[("blksize", 65464), ("windowsize", 4)]),
            ("file", &[("blksize", 8)]),
        ] {
            let got = scene.fetch(name, options).await;
            assert!(got == scene.bytes, "{name} {options:?}: {} bytes", got.len());
        }
    });
}

#[test]
fn the_observer_hears_of_beginning_and_end() {
    scene::run(async |scene: Scene| {
        scene.fetch("memory", &[("blksize", 1024)]).await;
        let started = scene.step(|step| matches!(step, Step::Started { .. })).await;
        let Step::Started { ip, file, len, .. } = started else { unreachable!("it was looked for") };
        assert_eq!((ip, &*file, len), (CLIENT, "memory", scene.bytes.len() as u64));
        let ended = scene.step(|step| matches!(step, Step::Ended { .. })).await;
        let Step::Ended { bytes, resent, ending, .. } = ended else { unreachable!("it was looked for") };
        assert_eq!((bytes, resent, ending), (len, 0, Ending::Done));
    });
}

#[test]
fn what_is_not_served_is_refused_with_the_right_error_and_told() {
    scene::run(async |scene: Scene| {
        for (request, code, why) in [
            (&b"\0\x01missing\0octet\0"[..], 1, "no such file"),
            (b"\0\x01denied\0octet\0", 2, "not for you"),
            (b"\0\x02memory\0octet\0", 2, "this server is read-only"),
            (b"\0\x01memory\0netascii\0", 0, "netascii would change boot files: use octet (binary) mode"),
            (b"\0\x01memory\0mail\0", 4, "unknown mode: use octet"),
        ] {
            let answer = ask(&scene.client(), request).unwrap();
            assert_eq!(answer, [&[0, 5, 0, code], why.as_bytes(), &[0]].concat(), "{why}");
            let told = scene.step(|step| matches!(step, Step::Denied { .. })).await;
            assert!(matches!(&told, Step::Denied { ip: CLIENT, why: told, .. } if **told == *why), "{told:?}");
        }
    });
}

#[test]
fn strangers_and_malformed_requests_get_nothing_and_are_counted() {
    scene::run(async |scene: Scene| {
        let stranger = UdpSocket::bind((scene::STRANGER, 0)).unwrap();
        assert_eq!(ask(&stranger, b"\0\x01memory\0octet\0"), None);
        assert_eq!(ask(&scene.client(), b"\0\x01memory\0octet"), None);
        assert_eq!(ask(&scene.client(), &[&b"\0\x01memory\0octet\0"[..], &[b'x'; 1500]].concat()), None);
        let counts = |ignored: &Ignored| (ignored.strangers(), ignored.malformed());
        assert_eq!(counts(&scene.ignored), (1, 2));
        assert!(ask(&scene.client(), b"\0\x01memory\0octet\0").is_some(), "others are served");
    });
}

#[test]
fn a_request_that_comes_twice_starts_one_transfer() {
    scene::run(async |scene: Scene| {
        let client = scene.client();
        let request = b"\0\x01memory\0octet\0blksize\x001024\0";
        let first = scene::ask_from(&client, request).unwrap();
        let repeated = scene::ask_from(&client, request);
        // The answer may come again, by the same port: the first transfer waits for its acknowledgement.
        assert!(repeated.is_none_or(|(_, from)| from == first.1), "a second transfer began");
    });
}

#[test]
fn a_stranger_at_a_transfers_port_does_not_disturb_it() {
    scene::run(async |scene: Scene| {
        let client = scene.client();
        let (first, port) = scene::ask_from(&client, b"\0\x01memory\0octet\0").unwrap();
        assert_eq!(first[..4], [0, 3, 0, 1]);
        let stranger = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 9), 0)).unwrap();
        stranger.send_to(b"\0\x05\0\0stop\0", port).unwrap();
        stranger.send_to(&[0, 4, 0, 1], port).unwrap();
        client.send_to(&[0, 4, 0, 1], port).unwrap();
        let second = scene::receive(&client).unwrap().0;
        assert_eq!((&second[..4], &second[4..]), (&[0, 3, 0, 2][..], &scene.bytes[512..1024]));
    });
}

#[test]
fn an_error_right_behind_an_acknowledgement_is_heard_and_nothing_is_sent_again_before() {
    scene::run(async |scene: Scene| {
        // Whether both are there when the first is read is up to the scheduler.
        for _ in 0..20 {
            let client = scene.client();
            let (_, port) = scene::ask_from(&client, b"\0\x01memory\0octet\0windowsize\x004\0").unwrap();
            client.send_to(&[0, 4, 0, 0], port).unwrap();
            client.send_to(b"\0\x05\0\0stop\0", port).unwrap();
            let ended = scene.step(|step| matches!(step, Step::Ended { .. })).await;
            let Step::Ended { resent, ending, .. } = ended else { unreachable!("it was looked for") };
            assert_eq!((resent, ending), (0, Ending::Failed("client aborted: stop".to_owned())));
        }
    });
}

#[test]
fn one_transfer_too_many_is_turned_away() {
    let limits = Limits { per_client: 2, in_all: 9 };
    scene::run_with(limits, async |scene: Scene| {
        let clients = [(); 3].map(|()| scene.client());
        let answers = clients.each_ref().map(|client| ask(client, b"\0\x01memory\0octet\0").unwrap());
        assert_eq!(answers.each_ref().map(|answer| answer[1]), [3, 3, 5]);
        assert_eq!(&answers[2][4..], b"more than 2 transfers of one client at once\0");
    });
}

#[test]
fn a_file_that_became_shorter_ends_in_an_error() {
    scene::run(async |scene: Scene| {
        let client = scene.client();
        // Blocks so large that none is read ahead.
        let (_, port) = scene::ask_from(&client, b"\0\x01file\0octet\0blksize\x0032768\0").unwrap();
        client.send_to(&[0, 4, 0, 0], port).unwrap();
        assert_eq!(scene::receive(&client).unwrap().0[..4], [0, 3, 0, 1]);
        scene.truncate_file(32768);
        client.send_to(&[0, 4, 0, 1], port).unwrap();
        assert_eq!(scene::receive(&client).unwrap().0, b"\0\x05\0\0cannot read the file to its end\0");
    });
}

#[test]
fn addresses_that_come_and_go_are_followed() {
    scene::run(async |scene: Scene| {
        let second = Ipv4Addr::new(127, 0, 1, 1);
        let request = b"\0\x01missing\0octet\0";
        assert_eq!(scene::ask_at(&scene.client(), second, request), None);
        scene.set_addresses(&[SERVER, second]);
        scene::until("the second address answers", || scene::ask_at(&scene.client(), second, request).is_some()).await;
        scene.set_addresses(&[second]);
        scene::until("the first is silent", || scene::ask_at(&scene.client(), SERVER, request).is_none()).await;
    });
}

#[test]
fn whoever_holds_the_port_is_named() {
    scene::run(async |_: Scene| {
        let third = Ipv4Addr::new(127, 0, 2, 1);
        let _holder = UdpSocket::bind((third, 69)).unwrap();
        let error = super::TftpServer::bind(&scene::networks(&[third])).unwrap_err().to_string();
        let start = "tftp: port 69 of 127.0.2.1 is held by ";
        let end = format!(" (pid {}); stop it or use --no-boot", std::process::id());
        assert!(error.starts_with(start) && error.ends_with(&end), "{error}");
    });
}

#[test]
fn when_the_server_stops_its_clients_are_told() {
    scene::run(async |scene: Scene| {
        let client = scene.client();
        ask(&client, b"\0\x01memory\0octet\0").unwrap();
        scene.stop();
        assert_eq!(scene::receive(&client).unwrap().0, b"\0\x05\0\0the server is stopping\0");
        tokio::time::timeout(Duration::from_secs(20), scene.served()).await.expect("it ends");
    });
}
