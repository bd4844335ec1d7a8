//! An HTTP client that reads a file and throws it away.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::Fetched;

/// How long a connection, or the next bytes, are waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a file may take.
const LIMIT: Duration = Duration::from_secs(120);
/// Headers that are read.
const MAX_HEADERS: usize = 32;
const MAX_HEAD_BYTES: usize = 16 << 10;

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// A name, or another scheme.
    #[error("the URL is not http://ADDRESS[:PORT]/PATH with a number for an address: the probe resolves no names")]
    Url,
    /// Nobody listens.
    #[error("connection refused by {0}: nobody listens there, or a firewall rejects")]
    Refused(SocketAddr),
    /// Nothing at all.
    #[error("no connection to {0} within {seconds} s", seconds = PATIENCE.as_secs())]
    Silent(SocketAddr),
    /// 404 and the like.
    #[error("the server answers {0}")]
    Status(u16),
    /// Something that is no answer.
    #[error("the server's answer is no HTTP")]
    Odd,
    /// It stopped.
    #[error("it stopped after {bytes} of {whole} bytes")]
    Stopped {
        /// So many came.
        bytes: u64,
        /// So many were announced.
        whole: u64,
    },
    /// It goes on and on.
    #[error("it was not whole after {} s: {bytes} bytes", LIMIT.as_secs())]
    Slow {
        /// So many came.
        bytes: u64,
    },
    /// The system refused.
    #[error("cannot ask")]
    Io(#[from] io::Error),
}

/// Fetches a file.
pub fn fetch(url: &str) -> Result<Fetched, HttpError> {
    let (server, path) = parts(url).ok_or(HttpError::Url)?;
    let began = Instant::now();
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE).map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => HttpError::Refused(server),
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable => HttpError::Silent(server),
        _ => HttpError::Io(error),
    })?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {server}\r\nUser-Agent: pxeguard-probe\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let (head, early) = head(&mut stream, began)?;
    if head.status != 200 {
        return Err(HttpError::Status(head.status));
    }
    let mut fetched = Fetched { bytes: early, retries: 0 };
    let mut room = vec![0; 64 << 10];
    while head.length.is_none_or(|whole| fetched.bytes < whole) {
        if began.elapsed() > LIMIT {
            return Err(HttpError::Slow { bytes: fetched.bytes });
        }
        match stream.read(&mut room) {
            Ok(0) if head.length.is_none() => break,
            Ok(0) | Err(_) => {
                return Err(HttpError::Stopped { bytes: fetched.bytes, whole: head.length.unwrap_or_default() });
            }
            Ok(len) => fetched.bytes += len as u64,
        }
    }
    Ok(fetched)
}

/// Where to, and for what.
fn parts(url: &str) -> Option<(SocketAddr, &str)> {
    let rest = url.strip_prefix("http://")?;
    let (place, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    // What stands in a request's first line: nothing that ends it.
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic());
    let server = place.parse().ok().or_else(|| place.parse::<Ipv4Addr>().ok().map(|ip| (ip, 80).into()))?;
    is_plain.then_some((server, path))
}

struct Head {
    status: u16,
    length: Option<u64>,
}

/// The head of the answer, and how many bytes of its body came with it.
fn head(stream: &mut TcpStream, began: Instant) -> Result<(Head, u64), HttpError> {
    let mut bytes = Vec::new();
    let mut room = [0; 4096];
    while bytes.len() < MAX_HEAD_BYTES && began.elapsed() < LIMIT {
        match stream.read(&mut room)? {
            0 => break,
            len => bytes.extend(&room[..len]),
        }
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(&bytes) {
            Ok(httparse::Status::Partial) => {}
            Ok(httparse::Status::Complete(end)) => {
                let lengths =
                    response.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("content-length"));
                let length = lengths.filter_map(|header| str::from_utf8(header.value).ok()?.trim().parse().ok()).next();
                let status = response.code.ok_or(HttpError::Odd)?;
                return Ok((Head { status, length }, (bytes.len() - end) as u64));
            }
            Err(_) => return Err(HttpError::Odd),
        }
    }
    Err(HttpError::Odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_number_for_an_address_and_nothing_that_ends_a_line() {
        let (server, path) = parts("http://10.0.0.1:8067/boot.efi").unwrap();
        assert_eq!((server.to_string().as_str(), path), ("10.0.0.1:8067", "/boot.efi"));
        let (server, path) = parts("http://10.0.0.1").unwrap();
        assert_eq!((server.to_string().as_str(), path), ("10.0.0.1:80", "/"));
        for odd in
            ["tftp://10.0.0.1/x", "http://boot/x", "http://10.0.0.1/a b", "http://10.0.0.1/\r\nX: y", "", "http://"]
        {
            assert_eq!(parts(odd), None, "{odd}");
        }
    }
}
