//! What curl gets.

use std::fs;
use std::io::{Read, Write};

use pxeguard_lab::skip_unless;

use crate::scene::{Scene, connect, curl, status};

#[test]
fn files_of_every_length_arrive_whole() {
    skip_unless!("curl");
    let scene = Scene::new();
    let lengths = [0, 1, 65_536, (4 << 20) + 1, (32 << 20) + 1];
    let sums = lengths.map(|len| (len, scene.write(&format!("root/{len}.bin"), len)));
    let _guard = scene.guard();
    let copy = scene.path("copy");
    for (len, sum) in sums {
        let got = curl(&scene.client, &format!("/{len}.bin"), &["-w", "%{http_code}", "-o", copy.to_str().unwrap()]);
        assert_eq!(got, "200", "{len} bytes");
        assert_eq!(scene.sum(&copy), sum, "{len} bytes");
    }
}

#[test]
fn a_head_tells_firmware_the_length_and_the_kind_and_a_client_that_has_it_gets_nothing() {
    skip_unless!("curl");
    let scene = Scene::new();
    scene.write("root/EFI/BOOTX64.EFI", 12_345);
    let _guard = scene.guard();
    let head = curl(&scene.client, "/efi/bootx64.efi", &["-I"]);
    for line in ["HTTP/1.1 200 OK", "Content-Length: 12345", "Content-Type: application/efi", "Accept-Ranges: bytes"] {
        assert!(head.lines().any(|said| said == line), "no {line}: {head}");
    }
    let tag = head.lines().find_map(|line| line.strip_prefix("ETag: ")).unwrap();
    for (header, got) in [(format!("If-None-Match: {tag}"), "304 0"), ("If-None-Match: \"x\"".to_owned(), "200 12345")]
    {
        assert_eq!(status(&scene.client, "/EFI/BOOTX64.EFI", &["-H", &header]), got, "{header}");
    }
}

/// curl would not see it: it hangs up behind the headers.
#[test]
fn a_head_is_answered_without_the_file() {
    skip_unless!();
    let scene = Scene::new();
    scene.write("root/linux", 10_000);
    let _guard = scene.guard();
    for (method, bytes) in [("GET", 10_000), ("HEAD", 0)] {
        let mut stream = connect(&scene.client);
        write!(stream, "{method} /linux HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let head = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
        assert_eq!(answer.len() - head, bytes, "{method}");
    }
}

#[test]
fn a_download_that_broke_off_is_taken_up_again() {
    skip_unless!("curl");
    let scene = Scene::new();
    let sum = scene.write("root/linux", 10_000_000);
    let _guard = scene.guard();
    let copy = scene.path("copy");
    let copy = copy.to_str().unwrap();
    assert_eq!(curl(&scene.client, "/linux", &["-r", "0-3999999", "-w", "%{http_code}", "-o", copy]), "206");
    assert_eq!(fs::metadata(copy).unwrap().len(), 4_000_000);
    let rest = curl(&scene.client, "/linux", &["-C", "-", "-w", "%{http_code} %{size_download}", "-o", copy]);
    assert_eq!(rest, "206 6000000");
    assert_eq!(scene.sum(copy.as_ref()), sum);
    assert_eq!(status(&scene.client, "/linux", &["-r", "10000000-"]).split(' ').next(), Some("416"));
}

#[test]
fn one_connection_serves_many_files_and_a_hundred_connections_serve_one() {
    skip_unless!("curl");
    let scene = Scene::new();
    scene.write("root/small", 1000);
    scene.write("root/large", 5 << 20);
    let _guard = scene.guard();
    // What follows `?` is not the file's name: curl makes a hundred requests of it.
    let each = ["-o", "/dev/null", "-w", "%{http_code} %{size_download} %{num_connects}\n"];
    let in_turn = curl(&scene.client, "/small?[1-100]", &each);
    let lines: Vec<_> = in_turn.lines().collect();
    assert_eq!((lines.len(), lines[0]), (100, "200 1000 1"));
    assert!(lines[1..].iter().all(|line| *line == "200 1000 0"), "{in_turn}");
    let parallel = ["--parallel", "--parallel-immediate", "--parallel-max", "100"];
    let at_once = curl(&scene.client, "/large?[1-100]", &[&each[..], &parallel].concat());
    assert_eq!(at_once.lines().filter(|line| line.starts_with("200 5242880 ")).count(), 100, "{at_once}");
}

#[test]
fn the_host_itself_is_served_and_a_stranger_gets_nothing() {
    skip_unless!("curl");
    let scene = Scene::new();
    scene.write("root/small", 1000);
    // A way back there is, so that it is the guard who does not answer.
    scene.client.add_address("10.78.0.2/16").unwrap();
    scene.lab.hypervisor().ip("route add 10.78.0.0/16 dev vmbr0\n").unwrap();
    let _guard = scene.guard();
    assert_eq!(status(scene.lab.hypervisor(), "/small", &[]), "200 1000");
    assert_eq!(status(&scene.client, "/small", &["--interface", "10.77.0.2"]), "200 1000");
    assert_eq!(status(&scene.client, "/small", &["--interface", "10.78.0.2"]), "000 0");
}
