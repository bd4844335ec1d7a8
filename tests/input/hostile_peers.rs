//! Whatever is said on the control socket, others are answered.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;

use pxeguard_lab::{Guard, Host, Lab, skip_unless, until};

use crate::SOON;
use crate::ended::guard;

const SOCKET: &str = "/run/pxeguard/pxeguard.sock";

fn connect(host: &Host) -> UnixStream {
    let stream = host.enter(|| UnixStream::connect(SOCKET)).unwrap().unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

#[track_caller]
fn assert_answers(guard: &Guard<'_>) {
    assert_eq!(guard.json("status").unwrap()["mode"], "observe");
}

#[test]
fn nonsense_is_answered_with_what_is_wrong() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let guard = guard(&lab, "--iface vmbr0");
    let deep = [b"[".repeat(50_000), b"\n".to_vec()].concat();
    let nonsense: [&[u8]; 9] = [
        b"\n",
        b"GET / HTTP/1.1\n",
        b"\xff\xfe\x00\x01\n",
        b"{}\n",
        b"{\"protocol\":3}\n",
        b"{\"protocol\":3,\"ask\":\"shutdown\"}\n",
        b"{\"protocol\":3,\"ask\":\"trust_add\",\"about\":\"52:54:00:12:34\"}\n",
        b"{\"protocol\":99,\"ask\":\"status\"}\n",
        &deep,
    ];
    let stream = connect(lab.hypervisor());
    let mut answers = BufReader::new(&stream);
    for line in nonsense {
        (&stream).write_all(line).unwrap();
        let mut answer = String::new();
        answers.read_line(&mut answer).unwrap();
        assert!(answer.starts_with("{\"answer\":\"error\""), "{:?}: {answer}", String::from_utf8_lossy(line));
    }
    // The same connection is good for a question that makes sense.
    (&stream).write_all(b"{\"protocol\":3,\"ask\":\"trust_list\"}\n").unwrap();
    let mut answer = String::new();
    answers.read_line(&mut answer).unwrap();
    assert_eq!(answer, "{\"answer\":\"trusts\",\"content\":[]}\n");
    assert_answers(&guard);
}

#[test]
fn line_without_end_ends_its_connection_alone() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let guard = guard(&lab, "--iface vmbr0");
    let mut stream = connect(lab.hypervisor());
    // The daemon reads no further than it has to: writing may fail, and then the answer may be lost with it.
    let written = stream.write_all(&b"a".repeat(4 << 20));
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    assert!(written.is_err() && (read.is_err() || answer.contains("65536 bytes")), "{written:?} {read:?} {answer}");
    assert_answers(&guard);
}

#[test]
fn half_a_request_is_no_request() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let guard = guard(&lab, "--iface vmbr0");
    let request = b"{\"protocol\":3,\"ask\":\"trust_add\",\"about\":\"*@eno1\"}";
    let mut stream = connect(lab.hypervisor());
    stream.write_all(request).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "");
    assert_eq!(guard.json("trust list").unwrap(), serde_json::json!([]));
    // With its end it is one.
    let mut stream = connect(lab.hypervisor());
    stream.write_all(&[request.as_slice(), b"\n"].concat()).unwrap();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    assert!(answer.starts_with("{\"answer\":\"done\""), "{answer}");
    assert_eq!(guard.json("trust list").unwrap()[0]["trust"], "*@eno1");
}

#[test]
fn idle_connections_are_ended_so_that_others_are_answered() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let guard = guard(&lab, "--iface vmbr0");
    let idle: Vec<_> = (0..100).map(|_| connect(lab.hypervisor())).collect();
    until(SOON, "others are answered", || guard.json("status").is_ok()).unwrap();
    assert_eq!(idle.len(), 100);
    assert!(guard.process().is_running());
}
