//! Files that change while they are read, and clients that take their time.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use pxeguard_lab::{skip_unless, until};

use crate::scene::{Scene, connect, status};

/// More than the sockets on the way hold.
const HUGE_BYTES: usize = 64 << 20;

#[test]
fn a_file_that_is_replaced_while_it_is_read_is_read_to_its_end() {
    skip_unless!("curl");
    let scene = Scene::new();
    let sum = scene.write("root/huge", HUGE_BYTES);
    scene.write("root/next", 10);
    let _guard = scene.guard();
    let mut stream = connect(&scene.client);
    stream.write_all(b"GET /huge HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = vec![0];
    stream.read_exact(&mut answer).unwrap();
    fs::rename(scene.path("root/next"), scene.path("root/huge")).unwrap();
    assert_eq!(status(&scene.client, "/huge", &[]), "200 10");
    stream.read_to_end(&mut answer).unwrap();
    let copy = scene.path("copy");
    fs::write(&copy, &answer[answer.len() - HUGE_BYTES..]).unwrap();
    assert_eq!(scene.sum(&copy), sum);
}

#[test]
fn a_client_that_takes_all_its_connections_and_sends_next_to_nothing_starves_nobody() {
    skip_unless!("curl");
    let scene = Scene::new();
    scene.write("root/file", 1000);
    let other = scene.lab.attach("other").unwrap();
    other.add_address("10.77.0.3/16").unwrap();
    let _guard = scene.guard();
    let mut slow: Vec<_> = (0..300).map(|_| connect(&scene.client)).collect();
    for stream in &mut slow {
        // Those beyond the limit are closed at once, with an error perhaps.
        let _ = stream.write_all(b"GET /file HTTP/1.1\r\nHost:");
    }
    assert_eq!(status(&other, "/file", &[]), "200 1000");
    assert_eq!(status(&scene.client, "/file", &[]), "000 0", "it has no connection left");
    // Their time runs out.
    until(Duration::from_secs(30), "the client is served again", || status(&scene.client, "/file", &[]) == "200 1000")
        .unwrap();
    for mut stream in slow {
        let ended = stream.read(&mut [0]).map_err(|error| error.kind());
        assert!(matches!(ended, Ok(0) | Err(ErrorKind::ConnectionReset)), "{ended:?}");
    }
}
