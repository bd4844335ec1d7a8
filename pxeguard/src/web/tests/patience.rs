//! Connections that are slow, by a clock that goes as fast as nothing happens.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, pause, sleep};

use crate::places::Places;
use crate::web::listener::{Connection, IDLE, REQUEST, STALL};

/// A server's end with its patience, and the other one.
fn connection() -> (Connection<DuplexStream>, DuplexStream) {
    let (here, there) = duplex(64);
    let place = Arc::new(Places::new(1, 1)).take([127, 0, 0, 1].into()).unwrap();
    (Connection::new(here, place), there)
}

#[tokio::test]
async fn a_request_that_does_not_end_is_given_up_though_it_goes_on() {
    pause();
    let (mut here, mut there) = connection();
    let begin = Instant::now();
    let trickle = tokio::spawn(async move {
        while there.write_all(b"a").await.is_ok() {
            sleep(REQUEST / 20).await;
        }
    });
    let mut byte = [0];
    while here.read_exact(&mut byte).await.is_ok() {}
    assert_eq!(begin.elapsed().as_secs(), REQUEST.as_secs());
    drop(here);
    trickle.await.unwrap();
}

#[tokio::test]
async fn a_connection_without_requests_is_closed_later() {
    pause();
    let (mut here, mut there) = connection();
    there.write_all(b"a").await.unwrap();
    here.read_exact(&mut [0]).await.unwrap();
    here.write_all(b"b").await.unwrap();
    let begin = Instant::now();
    assert!(here.read_exact(&mut [0]).await.is_err());
    assert_eq!(begin.elapsed().as_secs(), IDLE.as_secs());
}

#[tokio::test]
async fn one_who_takes_nothing_is_given_up() {
    pause();
    let (mut here, mut there) = connection();
    let begin = Instant::now();
    assert!(here.write_all(&[0; 100]).await.is_err());
    assert_eq!(begin.elapsed().as_secs(), STALL.as_secs());
    // Who takes a little from time to time is not.
    let (mut here, _) = (connection(), there.read_u8().await);
    let begin = Instant::now();
    let slow = tokio::spawn(async move {
        for _ in 0..3 {
            sleep(STALL / 2).await;
            here.1.read_exact(&mut [0; 30]).await.unwrap();
        }
        here.1
    });
    here.0.write_all(&[0; 150]).await.unwrap();
    assert!(begin.elapsed() > STALL);
    slow.await.unwrap();
}
