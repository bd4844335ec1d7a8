//! The least of an HTTP client.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use pxeguard_lab::Host;

use crate::SOON;

/// The body of `http://127.0.0.1:PORT/PATH` in a host; panics unless its status is 200.
#[track_caller]
pub fn get(host: &Host, port: u16, path: &str) -> String {
    let answer = host.enter(|| exchange(port, path)).unwrap().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head ends with an empty line");
    assert!(head.lines().next().is_some_and(|status| status.contains(" 200 ")), "{path}: {answer}");
    body.to_owned()
}

/// HTTP/1.0, whose answer ends with the connection.
fn exchange(port: u16, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), SOON)?;
    stream.set_read_timeout(Some(SOON))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
