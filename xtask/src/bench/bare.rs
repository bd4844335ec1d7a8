//! The least that could serve a file: a receiving and a sending system call for each turn, and nothing else.
//!
//! No timeout, no retransmission, no limit, no log, no other file than those of the boot root: what a server needs beside
//! this is what it does for its users.  How near to it one is, is how near to what this machine can do.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, IoSlice, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use nix::sys::sendfile::sendfile;
use nix::sys::socket::sockopt::RcvBufForce;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, sendmsg, setsockopt};

/// Serves files in the least that can do it, as a bound for the benchmark
#[derive(Args)]
pub struct Bare {
    address: Ipv4Addr,
    http_port: u16,
    root: PathBuf,
}

/// As the clients of the benchmark ask.
const BLKSIZE: usize = 1468;
/// Opcode and number.
const HEADER: usize = 4;
/// Datagrams in one train (`UDP_SEGMENT`), so that it is no longer than an IPv4 packet.
const TRAIN: usize = 44;
/// Room for what a thousand clients say at once.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;

impl Bare {
    /// Serves until it is killed.
    pub fn run(&self) -> Result<()> {
        let listener = TcpListener::bind((self.address, self.http_port)).context("cannot listen")?;
        let tftp = Tftp::open(self.address, &self.root)?;
        let root = Arc::new(self.root.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let root = Arc::clone(&root);
                // A client that goes away ends its thread.
                thread::spawn(move || serve_http(stream, &root));
            }
        });
        tftp.serve()
    }
}

/// All clients by one socket.  What comes says what is to be sent: nothing is remembered of them but the file.
struct Tftp {
    socket: UdpSocket,
    /// Whole datagrams, ready to be sent.
    files: HashMap<String, Vec<Vec<u8>>>,
}

/// What a client has asked for.
struct Asked<'a> {
    datagrams: &'a [Vec<u8>],
    windowsize: usize,
}

impl Tftp {
    fn open(address: Ipv4Addr, root: &Path) -> Result<Self> {
        let socket = UdpSocket::bind((address, 69)).context("cannot bind port 69")?;
        setsockopt(&socket, RcvBufForce, &RECEIVE_BUFFER_BYTES).context("cannot make room for requests")?;
        let mut files = HashMap::new();
        for entry in fs::read_dir(root).context("cannot read the boot root")? {
            let entry = entry?;
            let contents = fs::read(entry.path()).context("cannot read a file")?;
            files.insert(entry.file_name().to_string_lossy().into_owned(), datagrams(&contents));
        }
        Ok(Self { socket, files })
    }

    fn serve(&self) -> Result<()> {
        let mut asked: HashMap<SocketAddr, Asked> = HashMap::new();
        let mut buffer = [0; 512];
        loop {
            let (length, client) = self.socket.recv_from(&mut buffer).context("cannot receive")?;
            match buffer[..length] {
                [0, 1, ref request @ ..] => {
                    let (wanted, answer) = self.agree(request)?;
                    asked.insert(client, wanted);
                    self.socket.send_to(&answer, client).context("cannot send")?;
                }
                [0, 4, high, low] => {
                    let Some(Asked { datagrams, windowsize }) = asked.get(&client) else { continue };
                    // The number of the last block that the client has is how many it has.
                    let done = usize::from(u16::from_be_bytes([high, low]));
                    let end = (done + windowsize).min(datagrams.len());
                    self.send(&datagrams[done.min(end)..end], client)?;
                }
                _ => bail!("a client says something else"),
            }
        }
    }

    /// What a client is to get, and the answer to its options (RFC 2347).
    fn agree(&self, request: &[u8]) -> Result<(Asked<'_>, Vec<u8>)> {
        let words: Vec<_> = request.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        let datagrams = self.files.get(&*words[0]).with_context(|| format!("no file {}", words[0]))?;
        let windowsize =
            words.iter().position(|word| word == "windowsize").and_then(|at| words.get(at + 1)?.parse().ok());
        let mut answer = format!("\0\x06blksize\0{BLKSIZE}\0");
        if let Some(windowsize) = windowsize {
            answer += &format!("windowsize\0{windowsize}\0");
        }
        Ok((Asked { datagrams, windowsize: windowsize.unwrap_or(1) }, answer.into_bytes()))
    }

    fn send(&self, datagrams: &[Vec<u8>], client: SocketAddr) -> Result<()> {
        let SocketAddr::V4(address) = client else { bail!("{client} is no IPv4 address") };
        let address = SockaddrIn::from(SocketAddrV4::new(*address.ip(), address.port()));
        for train in datagrams.chunks(TRAIN) {
            let parts: [_; TRAIN] = std::array::from_fn(|at| IoSlice::new(train.get(at).map_or(&[], |one| &one[..])));
            let size = (HEADER + BLKSIZE) as u16;
            let cut = [ControlMessage::UdpGsoSegments(&size)];
            let control = if train.len() > 1 { &cut[..] } else { &[] };
            let fd = self.socket.as_raw_fd();
            sendmsg(fd, &parts[..train.len()], control, MsgFlags::empty(), Some(&address)).context("cannot send")?;
        }
        Ok(())
    }
}

/// The DATA packets of a file (RFC 1350 §5).
fn datagrams(contents: &[u8]) -> Vec<Vec<u8>> {
    let mut blocks: Vec<_> = contents.chunks(BLKSIZE).collect();
    if contents.len().is_multiple_of(BLKSIZE) {
        blocks.push(&[]);
    }
    let datagram =
        |(number, block): (usize, &&[u8])| [&[0, 3], &(number as u16).wrapping_add(1).to_be_bytes(), *block].concat();
    blocks.iter().enumerate().map(datagram).collect()
}

/// A connection: a head, and the file by the kernel itself (`sendfile`).
fn serve_http(mut stream: TcpStream, root: &Path) -> Result<()> {
    let mut requests = BufReader::new(stream.try_clone()?);
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if requests.read_until(b'\n', &mut head)? == 0 {
                return Ok(());
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let name = head.split(' ').nth(1).context("no path")?.trim_start_matches('/');
        let file = File::open(root.join(name)).with_context(|| format!("no {name}"))?;
        let length = file.metadata()?.len();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")?;
        let mut offset = 0;
        while (offset as u64) < length {
            let rest = length as usize - offset as usize;
            sendfile(&stream, &file, Some(&mut offset), rest)?;
        }
    }
}
