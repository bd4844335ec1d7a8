//! Many downloads at once over kept-alive connections (RFC 9112 §9.3).

use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};

use crate::Host;
use crate::load::Fetched;

/// How long a server may say nothing.
const PATIENCE: Duration = Duration::from_secs(20);
/// Taken from the socket by one call.
const PIECE_BYTES: usize = 1 << 20;
/// The longest head of a response.
const HEAD_LIMIT: usize = 4096;

/// What all clients of one load ask for.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The server.
    pub server: SocketAddrV4,
    /// The path, with its first slash.
    pub path: &'a str,
    /// How often each client fetches it, by one connection.
    pub times: usize,
    /// What the file has to hold, where that is looked at; else it is not even copied out of the kernel.
    pub expected: Option<&'a [u8]>,
}

/// So many clients at once, each a thread; an error if any of them fails.
pub fn fetch(host: &Host, clients: usize, request: &Request<'_>) -> Result<Fetched> {
    let connect = || (0..clients).map(|_| Client::connect(request)).collect::<Result<Vec<_>>>();
    let mut clients = host.enter(connect)??;
    let began = Instant::now();
    let fetched: Result<Vec<u64>> = thread::scope(|scope| {
        let threads: Vec<_> = clients.iter_mut().map(|client| scope.spawn(|| client.run(request))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a client does not panic")).collect()
    });
    Ok(Fetched { bytes: fetched?.iter().sum(), elapsed: began.elapsed() })
}

/// A connection, and where its data goes.
struct Client {
    stream: TcpStream,
    piece: Vec<u8>,
}

impl Client {
    fn connect(request: &Request<'_>) -> Result<Self> {
        let stream = TcpStream::connect(request.server).context("cannot connect")?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, piece: vec![0; PIECE_BYTES] })
    }

    /// All its downloads; their bytes.
    fn run(&mut self, request: &Request<'_>) -> Result<u64> {
        let mut bytes = 0;
        for _ in 0..request.times {
            bytes += self.get(request)?;
        }
        Ok(bytes)
    }

    fn get(&mut self, request: &Request<'_>) -> Result<u64> {
        let Request { server, path, .. } = request;
        write!(self.stream, "GET {path} HTTP/1.1\r\nHost: {server}\r\n\r\n").context("cannot send a request")?;
        let length = self.head()?;
        match request.expected {
            None => self.discard(length)?,
            Some(expected) => {
                ensure!(length == expected.len(), "the server announces {length} of {} bytes", expected.len());
                let mut body = vec![0; length];
                self.stream.read_exact(&mut body).context("cannot read the file")?;
                ensure!(body == expected, "the file does not hold what it should");
            }
        }
        Ok(length as u64)
    }

    /// Reads the head of a response, and no byte of its body; the body's length.
    fn head(&mut self) -> Result<usize> {
        let head = &mut self.piece[..HEAD_LIMIT];
        let mut length = 0;
        let end = loop {
            // Looked at first, and taken when it is known how long it is.
            length = self.stream.peek(head).context("cannot read a response")?.max(length);
            ensure!(length > 0, "the server has closed the connection");
            if let Some(end) = head[..length].windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            ensure!(length < HEAD_LIMIT, "a head of more than {HEAD_LIMIT} bytes");
        };
        self.stream.read_exact(&mut head[..end])?;
        let head = String::from_utf8_lossy(&head[..end]);
        ensure!(head.starts_with("HTTP/1.1 200 "), "the server says {head}");
        let fields = head.lines().filter_map(|line| line.split_once(':'));
        let mut lengths = fields.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let (_, length) = lengths.next().context("a response without Content-Length")?;
        Ok(length.trim().parse()?)
    }

    /// Takes what comes without copying it (tcp(7), `MSG_TRUNC`).
    fn discard(&mut self, mut bytes: usize) -> Result<()> {
        while bytes > 0 {
            let piece = bytes.min(PIECE_BYTES);
            match recv(self.stream.as_raw_fd(), &mut self.piece[..piece], MsgFlags::MSG_TRUNC) {
                Err(Errno::EINTR) => {}
                Ok(0) => anyhow::bail!("the server has closed the connection, {bytes} bytes before the end"),
                taken => bytes -= taken.context("cannot read the file")?,
            }
        }
        Ok(())
    }
}
