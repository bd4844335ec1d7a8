use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use super::*;

/// A daemon that answers each request with [`Response::Done`] and what was asked.
struct Daemon {
    folder: TempDir,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Daemon {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/pxeguard.sock");
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let (ready, is_ready) = channel();
        let serving = thread::spawn(move || {
            runtime().block_on(async {
                let socket = ControlSocket::bind(&path).unwrap();
                ready.send(()).unwrap();
                let (handler, mut requests) = mpsc::channel::<Pending>(1);
                let answering = async {
                    while let Some((request, reply)) = requests.recv().await {
                        reply.send(Response::Done(format!("{request:?}"))).unwrap();
                    }
                };
                tokio::join!(serve(socket, handler, stopped), answering);
            });
        });
        is_ready.recv().unwrap();
        Self { folder, stop, serving }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("run/pxeguard.sock")
    }

    fn stop(self) -> TempDir {
        self.stop.cancel();
        self.serving.join().unwrap();
        self.folder
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn bind(path: &Path) -> Result<ControlSocket, SocketError> {
    let runtime = runtime();
    let _guard = runtime.enter();
    ControlSocket::bind(path)
}

/// Sends bytes as they are, and reads one line.
fn say(stream: &mut UnixStream, bytes: &[u8]) -> String {
    stream.write_all(bytes).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

#[test]
fn a_request_is_answered() {
    let daemon = Daemon::start();
    let trust: Trust = "52:54:00:12:34:56@eno1".parse().unwrap();
    for request in [Request::Status, Request::TrustList, Request::TrustAdd(trust)] {
        assert_eq!(ask(&daemon.path(), &request).unwrap(), Response::Done(format!("{request:?}")));
    }
}

#[test]
fn nobody_else_may_connect_and_nothing_is_left_at_the_end() {
    let daemon = Daemon::start();
    let path = daemon.path();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let _folder = daemon.stop();
    assert!(!path.exists());
    let error = ask(&path, &Request::Status).unwrap_err().to_string();
    assert!(error.starts_with("no pxeguard runs here: ") && error.contains("start it with pxeguard run"), "{error}");
}

#[test]
fn nonsense_is_answered_and_does_no_harm() {
    let daemon = Daemon::start();
    let mut stream = UnixStream::connect(daemon.path()).unwrap();
    let cases: [(&[u8], &str); 4] = [
        (b"\n", "does not understand"),
        (b"\xff\xfe{\n", "does not understand"),
        (b"{\"protocol\":3,\"ask\":\"format_disk\"}\n", "unknown variant `format_disk`"),
        (b"{\"protocol\":4,\"ask\":{\"new\":1}}\n", "it speaks protocol 3, the command 4"),
    ];
    for (bytes, expected) in cases {
        let line = say(&mut stream, bytes);
        assert!(line.contains(expected), "{line}");
    }
    assert!(say(&mut stream, b"{\"protocol\":3,\"ask\":\"status\"}\n").contains("\"done\""));
}

#[test]
fn a_request_without_end_is_refused() {
    let daemon = Daemon::start();
    let mut stream = UnixStream::connect(daemon.path()).unwrap();
    let line = say(&mut stream, &[b' '; server::MAX_REQUEST_BYTES as usize]);
    assert!(line.contains("a request of more than 65536 bytes"), "{line}");
}

#[test]
fn too_many_connections_are_told_and_room_is_made_when_they_end() {
    let daemon = Daemon::start();
    let mut streams: Vec<_> = (0..server::MAX_CONNECTIONS)
        .map(|_| {
            let mut stream = UnixStream::connect(daemon.path()).unwrap();
            say(&mut stream, b"{\"protocol\":3,\"ask\":\"status\"}\n");
            stream
        })
        .collect();
    let error = ask(&daemon.path(), &Request::Status).unwrap_err().to_string();
    assert_eq!(error, "more than 32 connections at once");
    streams.clear();
    let deadline = Instant::now() + Duration::from_secs(10);
    while ask(&daemon.path(), &Request::Status).is_err() {
        assert!(Instant::now() < deadline, "no room");
        thread::yield_now();
    }
}

#[test]
fn a_second_daemon_is_refused_and_told_of_the_first() {
    let daemon = Daemon::start();
    let error = bind(&daemon.path()).unwrap_err().to_string();
    let expected = format!(
        "control socket {}: another pxeguard (pid {}) answers there; stop it or choose --control",
        daemon.path().display(),
        std::process::id()
    );
    assert_eq!(error, expected);
    ask(&daemon.path(), &Request::Status).expect("the first one is unharmed");
}

#[test]
fn a_socket_that_was_left_behind_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pxeguard.sock");
    drop(UnixListener::bind(&path).unwrap());
    let error = ask(&path, &Request::Status).unwrap_err().to_string();
    assert!(error.starts_with("no pxeguard runs here any more"), "{error}");
    bind(&path).unwrap();
}

#[test]
fn what_is_not_a_socket_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("precious");
    fs::write(&path, "data").unwrap();
    assert!(matches!(bind(&path), Err(SocketError::NotSocket(_))));
    assert_eq!(fs::read(&path).unwrap(), b"data");
}

#[test]
fn somebody_elses_socket_is_not_removed_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pxeguard.sock");
    let socket = bind(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    drop(socket);
    assert!(path.exists());
}

#[test]
fn a_foreign_answer_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pxeguard.sock");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            BufReader::new(&stream).read_line(&mut String::new()).unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\n").unwrap();
        }
    });
    assert!(matches!(ask(&path, &Request::Status), Err(AskError::Foreign { .. })));
}
