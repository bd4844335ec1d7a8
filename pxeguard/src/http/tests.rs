//! The server against sockets: what comes over the wire, and what is told.

mod patience;
mod scene;

use std::fs::{self, File};
use std::sync::Arc;

use scene::{LARGE_BYTES, Scene, large_byte, run};
use tokio::io::AsyncWriteExt;

use super::{HttpError, HttpServer};
use crate::clients::Ending;

#[test]
fn files_are_sent_one_after_another_on_a_connection() {
    run(async {
        let scene = Scene::new();
        let mut client = scene.connect().await;
        for (name, text) in [("small", "12345"), ("folder/other", "other"), ("empty", "")] {
            let answer = client.ask(&format!("GET /{name} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
            assert_eq!((answer.status, answer.text().as_str()), (200, text), "{name}");
        }
        let large = client.ask("GET /large HTTP/1.1\r\n\r\n").await;
        assert_eq!(large.body.len(), LARGE_BYTES);
        assert!(large.body.iter().enumerate().all(|(at, &byte)| byte == large_byte(at)));
        drop(client);
        assert_eq!(
            scene.told().await,
            [
                "small: 5 of 5, Done",
                "folder/other: 5 of 5, Done",
                "empty: 0 of 0, Done",
                &format!("large: {LARGE_BYTES} of {LARGE_BYTES}, Done")
            ]
        );
    });
}

#[test]
fn requests_that_come_together_are_answered_in_turn() {
    run(async {
        let scene = Scene::new();
        let mut client = scene.connect().await;
        client.send("GET /small HTTP/1.1\r\n\r\nHEAD /large HTTP/1.1\r\n\r\nGET /folder/other HTTP/1.0\r\n\r\n").await;
        assert_eq!(client.answer(true).await.text(), "12345");
        let head = client.answer(false).await;
        assert_eq!((head.status, head.header("Content-Length")), (200, Some(LARGE_BYTES.to_string().as_str())));
        assert_eq!(client.answer(true).await.text(), "other");
        assert!(client.has_ended().await, "HTTP/1.0 closes");
        let probe = format!("large: 0 of {LARGE_BYTES}, Probe");
        assert_eq!(scene.told().await, ["small: 5 of 5, Done", &probe, "folder/other: 5 of 5, Done"]);
    });
}

#[test]
fn a_part_of_a_file_is_sent_from_memory_and_from_disk() {
    run(async {
        let scene = Scene::new();
        let mut client = scene.connect().await;
        let part = client.ask("GET /small HTTP/1.1\r\nRange: bytes=1-3\r\n\r\n").await;
        assert_eq!(
            (part.status, part.text().as_str(), part.header("Content-Range")),
            (206, "234", Some("bytes 1-3/5"))
        );
        let first = LARGE_BYTES - 700_000;
        let rest = client.ask(&format!("GET /large HTTP/1.1\r\nRange: bytes={first}-\r\n\r\n")).await;
        assert_eq!((rest.status, rest.body.len()), (206, 700_000));
        assert!(rest.body.iter().enumerate().all(|(at, &byte)| byte == large_byte(first + at)));
        let beyond = client.ask("GET /small HTTP/1.1\r\nRange: bytes=5-\r\n\r\n").await;
        assert_eq!((beyond.status, beyond.header("Content-Range")), (416, Some("bytes */5")));
        assert_eq!(scene.told().await[2], "small: 0 of 5, Failed(\"it asked for a range that is not in the file\")");
    });
}

#[test]
fn what_is_not_served_is_refused_in_words_and_told() {
    run(async {
        let scene = Scene::new();
        let mut client = scene.connect().await;
        for (target, status, text) in [
            ("/missing", 404, "no such file\n"),
            ("/../secret", 403, "its name leads upwards (..)\n"),
            ("/%2e%2e/secret", 403, "its name leads upwards (..)\n"),
            ("/..%5csecret", 403, "its name leads upwards (..)\n"),
            ("/small%00.efi", 403, "its name has control characters\n"),
            ("/folder", 403, "it is a folder\n"),
            ("/", 403, "it is a folder\n"),
        ] {
            let answer = client.ask(&format!("GET {target} HTTP/1.1\r\n\r\n")).await;
            assert_eq!((answer.status, answer.text().as_str()), (status, text), "{target}");
        }
        let told = scene.told().await;
        assert_eq!(told[0], "/missing: no such file");
        assert_eq!(told[4], "/small\\0.efi: its name has control characters");
        assert_eq!(told.len(), 7);
    });
}

#[test]
fn other_methods_are_not_allowed_and_what_is_no_request_ends_the_connection() {
    run(async {
        let scene = Scene::new();
        let mut client = scene.connect().await;
        let answer = client.ask("DELETE /small HTTP/1.1\r\n\r\n").await;
        assert_eq!((answer.status, answer.header("Allow")), (405, Some("GET, HEAD")));
        assert_eq!(client.ask("GET /small HTTP/1.1\r\n\r\n").await.status, 200, "the connection is still of use");
        let answer = client.ask("PUT /small HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc").await;
        assert_eq!(answer.status, 405);
        assert!(client.has_ended().await, "what follows is no request");
        let mut client = scene.connect().await;
        assert_eq!(client.ask("nonsense\r\n\r\n").await.status, 400);
        assert!(client.has_ended().await);
        assert!(fs::exists(scene.path("small")).unwrap());
    });
}

#[test]
fn only_clients_of_the_networks_and_this_host_are_answered() {
    run(async {
        let scene = Scene::with_networks(&["127.0.0.1/24"]);
        for (source, is_served) in [("127.0.0.1", true), ("127.0.0.77", true), ("127.0.1.1", false)] {
            let mut client = scene.connect_from(source).await;
            client.send("GET /small HTTP/1.1\r\n\r\n").await;
            if is_served {
                assert_eq!(client.answer(true).await.text(), "12345", "{source}");
            } else {
                assert!(client.has_ended().await, "{source}");
            }
        }
    });
}

#[test]
fn a_file_that_is_cut_off_while_it_is_sent_ends_the_connection_and_one_that_is_replaced_does_not() {
    run(async {
        let scene = Scene::new();
        let mut client = scene.connect().await;
        client.send("GET /large HTTP/1.1\r\n\r\n").await;
        client.begins().await;
        fs::rename(scene.path("small"), scene.path("large")).unwrap();
        assert_eq!(client.answer(true).await.body.len(), LARGE_BYTES);
        assert_eq!(client.ask("GET /large HTTP/1.1\r\n\r\n").await.text(), "12345");

        let huge = File::create(scene.path("huge")).unwrap();
        huge.set_len(64 << 20).unwrap();
        let mut client = scene.connect().await;
        client.send("GET /huge HTTP/1.1\r\n\r\n").await;
        client.begins().await;
        huge.set_len(0).unwrap();
        assert!(client.is_cut_off().await);
        assert!(scene.told().await.last().unwrap().ends_with("Failed(\"the file was cut off while it was sent\")"));
    });
}

#[test]
fn a_client_that_goes_away_is_told() {
    run(async {
        let scene = Scene::new();
        File::create(scene.path("huge")).unwrap().set_len(64 << 20).unwrap();
        let mut client = scene.connect().await;
        client.send("GET /huge HTTP/1.1\r\n\r\n").await;
        client.begins().await;
        drop(client);
        assert!(scene.told().await[0].ends_with("Failed(\"the client closed the connection\")"));
    });
}

#[test]
fn a_hundred_clients_are_served_at_once() {
    run(async {
        let scene = Arc::new(Scene::new());
        let mut clients = Vec::new();
        for _ in 0..100 {
            let mut client = scene.connect().await;
            client.send("GET /large HTTP/1.1\r\nRange: bytes=4000000-\r\nConnection: close\r\n\r\n").await;
            clients.push(client);
        }
        for mut client in clients {
            assert_eq!(client.answer(true).await.body.len(), LARGE_BYTES - 4_000_000);
            assert!(client.has_ended().await);
        }
        assert!(scene.endings().await.iter().all(|ending| *ending == Ending::Done));
    });
}

#[test]
fn addresses_that_come_and_go_are_followed() {
    run(async {
        let scene = Scene::with_networks(&["127.0.0.1/8"]);
        scene.set_networks(&["127.0.0.2/8"]);
        let mut client = scene.connects_at_last("127.0.0.2").await;
        assert_eq!(client.ask("GET /small HTTP/1.1\r\n\r\n").await.text(), "12345");
        scene.is_refused_at_last("127.0.0.1").await;
    });
}

#[test]
fn a_port_that_is_taken_is_told_with_its_holder() {
    run(async {
        let scene = Scene::new();
        let Err(HttpError::Taken { address, holder }) =
            HttpServer::bind(&scene::networks(&["127.0.0.1/8"]), scene.port)
        else {
            panic!("it is bound twice");
        };
        assert_eq!((address.port(), holder.map(|holder| holder.pid)), (scene.port, Some(std::process::id())));
    });
}

#[test]
fn transfers_end_when_the_server_stops() {
    run(async {
        let mut scene = Scene::new();
        File::create(scene.path("huge")).unwrap().set_len(64 << 20).unwrap();
        let mut client = scene.connect().await;
        client.send("GET /huge HTTP/1.1\r\n\r\n").await;
        client.begins().await;
        let mut idle = scene.connect().await;
        scene.stop().await;
        assert!(idle.has_ended().await);
        assert!(scene.told().await[0].ends_with("Failed(\"pxeguard is being stopped\")"));
        client.stream.shutdown().await.unwrap();
    });
}
