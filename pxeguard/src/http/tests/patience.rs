//! Clients that are slow, by a clock that goes as fast as nothing happens.

use std::fs::File;

use tokio::time::{Instant, advance, pause};

use super::scene::{Scene, run};
use crate::http::connection::{IDLE, REQUEST, STALL};

#[test]
fn a_request_that_does_not_end_is_given_up_though_it_goes_on() {
    run(async {
        let scene = Scene::new();
        let mut client = scene.connect().await;
        pause();
        client.send("GET /small HTTP/1.1\r\n").await;
        let begin = Instant::now();
        assert!(client.has_ended().await);
        assert_eq!(begin.elapsed().as_secs(), REQUEST.as_secs());
    });
}

#[test]
fn a_connection_without_requests_is_closed_and_one_with_another_request_is_not() {
    run(async {
        let scene = Scene::new();
        let mut client = scene.connect().await;
        client.ask("GET /small HTTP/1.1\r\n\r\n").await;
        pause();
        advance(IDLE / 2).await;
        assert_eq!(client.ask("GET /small HTTP/1.1\r\n\r\n").await.status, 200);
        let begin = Instant::now();
        assert!(client.has_ended().await);
        assert_eq!(begin.elapsed().as_secs(), IDLE.as_secs());
    });
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    run(async {
        let scene = Scene::new();
        File::create(scene.path("huge")).unwrap().set_len(64 << 20).unwrap();
        let mut client = scene.connect().await;
        client.send("GET /huge HTTP/1.1\r\n\r\n").await;
        client.begins().await;
        pause();
        let told = scene.told().await;
        assert!(
            told[0].ends_with(&format!("Failed(\"the client took nothing for {} s\")", STALL.as_secs())),
            "{told:?}"
        );
    });
}
