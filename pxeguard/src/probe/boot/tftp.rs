//! A TFTP client that reads a file and throws it away (RFC 1350, RFC 2348, RFC 2349, RFC 7440).

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};

use super::Fetched;
use crate::report::printable;

/// What edk2 asks for on an interface with an MTU of 1500 (MTU less 32).
const BLOCK: u16 = 1468;
/// What edk2 asks for (`PcdPxeTftpWindowSize`).
const WINDOW: u16 = 4;
/// How long a block is waited for before the last acknowledgement is repeated.
const PATIENCE: Duration = Duration::from_secs(1);
/// Repetitions in a row.
const TRIES: u32 = 5;
/// How long a file may take; what firmware loads has a few MB.
const LIMIT: Duration = Duration::from_secs(120);
const PORT: u16 = 69;

const READ: u16 = 1;
const DATA: u16 = 3;
const ACK: u16 = 4;
const ERROR: u16 = 5;
const OPTIONS_ACK: u16 = 6;

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum TftpError {
    /// The server's words.
    #[error("the server says \"{message}\" (error {code})")]
    Refused {
        /// RFC 1350 §5.
        code: u16,
        /// Its words.
        message: String,
    },
    /// Nothing at all.
    #[error("no answer from UDP port {PORT} within {} s", (PATIENCE * TRIES).as_secs())]
    Silent,
    /// ICMP.
    #[error("UDP port {PORT} is unreachable: nobody listens there, or a firewall rejects")]
    Unreachable,
    /// It stopped.
    #[error("it stopped after {bytes} bytes: no block for {} s", (PATIENCE * TRIES).as_secs())]
    Stopped {
        /// So many came.
        bytes: u64,
    },
    /// It goes on and on.
    #[error("it was not whole after {} s: {bytes} bytes", LIMIT.as_secs())]
    Slow {
        /// So many came.
        bytes: u64,
    },
    /// Something that is no answer.
    #[error("the server's answer is no TFTP")]
    Odd,
    /// The system refused.
    #[error("cannot ask")]
    Io(#[from] io::Error),
}

/// Fetches a file.
pub fn fetch(server: Ipv4Addr, file: &str) -> Result<Fetched, TftpError> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    // So that "port unreachable" is told, though the socket is connected to nobody (ip(7)).
    setsockopt(&socket, sockopt::Ipv4RecvErr, &true).map_err(io::Error::from)?;
    let mut transfer = Transfer {
        socket,
        server,
        peer: None,
        last: request(file),
        block: 512,
        window: 1,
        expected: 1,
        in_window: 0,
        fetched: Fetched::default(),
    };
    transfer.run()?;
    Ok(transfer.fetched)
}

fn request(file: &str) -> Vec<u8> {
    let mut packet = READ.to_be_bytes().to_vec();
    for text in [file, "octet", "tsize", "0", "blksize", &BLOCK.to_string(), "windowsize", &WINDOW.to_string()] {
        packet.extend(text.as_bytes());
        packet.push(0);
    }
    packet
}

struct Transfer {
    socket: UdpSocket,
    server: Ipv4Addr,
    /// Where the server answers from, once it has.
    peer: Option<SocketAddr>,
    /// What was sent last, to be repeated.
    last: Vec<u8>,
    block: usize,
    window: u16,
    /// The number of the next block, modulo 65536.
    expected: u16,
    /// Blocks since the last acknowledgement.
    in_window: u16,
    fetched: Fetched,
}

impl Transfer {
    fn run(&mut self) -> Result<(), TftpError> {
        let began = Instant::now();
        let mut room = [0; 65536];
        let mut tries = 0;
        self.send()?;
        loop {
            let bytes = self.fetched.bytes;
            if began.elapsed() > LIMIT {
                return Err(TftpError::Slow { bytes });
            }
            match self.socket.recv_from(&mut room) {
                Ok((len, from)) if self.is_peer(from) => {
                    self.peer = Some(from);
                    let before = self.fetched.bytes;
                    if self.take(&room[..len])? {
                        return Ok(());
                    }
                    if self.fetched.bytes > before {
                        tries = 0;
                    }
                }
                // Somebody else's, and nobody's business.
                Ok(_) => {}
                Err(silence) if matches!(silence.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    tries += 1;
                    match (tries, self.peer) {
                        (TRIES, None) => return Err(TftpError::Silent),
                        (TRIES, Some(_)) => return Err(TftpError::Stopped { bytes }),
                        _ => self.fetched.retries += 1,
                    }
                    self.send()?;
                }
                Err(refused)
                    if matches!(refused.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::HostUnreachable) =>
                {
                    return Err(TftpError::Unreachable);
                }
                Err(other) => return Err(other.into()),
            }
        }
    }

    /// The first to answer is the peer: its port is the transfer's (RFC 1350 §4).
    fn is_peer(&self, from: SocketAddr) -> bool {
        self.peer.map_or(from.ip() == self.server, |peer| peer == from)
    }

    fn send(&self) -> io::Result<()> {
        let to = self.peer.unwrap_or_else(|| (self.server, PORT).into());
        self.socket.send_to(&self.last, to).map(drop)
    }

    /// Takes a packet; whether it was the last.
    fn take(&mut self, packet: &[u8]) -> Result<bool, TftpError> {
        let word = |at: usize| packet.get(at..at + 2).map(|word| u16::from_be_bytes([word[0], word[1]]));
        match word(0) {
            Some(OPTIONS_ACK) if self.fetched.bytes == 0 => {
                self.agree(&packet[2..]);
                self.acknowledge(0)?;
                Ok(false)
            }
            Some(DATA) => {
                let (block, data) = (word(2).ok_or(TftpError::Odd)?, &packet[4..]);
                self.take_block(block, data).map_err(TftpError::Io)
            }
            Some(ERROR) => {
                let text = packet.get(4..).unwrap_or_default().split(|byte| *byte == 0).next().unwrap_or_default();
                let message = printable(&String::from_utf8_lossy(text)).chars().take(200).collect();
                Err(TftpError::Refused { code: word(2).unwrap_or(0), message })
            }
            Some(OPTIONS_ACK) => Ok(false),
            _ => Err(TftpError::Odd),
        }
    }

    /// What the server agreed to; what it says nothing of stays as in RFC 1350.
    fn agree(&mut self, options: &[u8]) {
        let mut texts = options.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
            match (name.to_ascii_lowercase().as_str(), value.parse::<u16>()) {
                ("blksize", Ok(size @ 8..=BLOCK)) => self.block = size.into(),
                ("windowsize", Ok(size @ 1..=WINDOW)) => self.window = size,
                _ => {}
            }
        }
    }

    fn take_block(&mut self, block: u16, data: &[u8]) -> io::Result<bool> {
        if block != self.expected {
            // One is missing, or came twice: the server goes on behind the last good one (RFC 7440 §4).
            if self.in_window > 0 || block == self.expected.wrapping_sub(1) {
                self.acknowledge(self.expected.wrapping_sub(1))?;
            }
            return Ok(false);
        }
        self.expected = self.expected.wrapping_add(1);
        self.in_window += 1;
        self.fetched.bytes += data.len() as u64;
        let is_last = data.len() < self.block;
        if is_last || self.in_window >= self.window {
            self.acknowledge(block)?;
        }
        Ok(is_last)
    }

    fn acknowledge(&mut self, block: u16) -> io::Result<()> {
        self.last = [ACK.to_be_bytes(), block.to_be_bytes()].concat();
        self.in_window = 0;
        self.send()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn transfer(window: u16) -> (Transfer, UdpSocket) {
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        server.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let transfer = Transfer {
            socket,
            server: Ipv4Addr::LOCALHOST,
            peer: Some(server.local_addr().unwrap()),
            last: request("a"),
            block: 8,
            window,
            expected: 1,
            in_window: 0,
            fetched: Fetched::default(),
        };
        (transfer, server)
    }

    fn data(block: u16, len: usize) -> Vec<u8> {
        [&DATA.to_be_bytes()[..], &block.to_be_bytes(), &vec![b'x'; len]].concat()
    }

    fn texts(texts: &[&str]) -> Vec<u8> {
        texts.join("\0").into_bytes()
    }

    fn acknowledged(server: &UdpSocket) -> u16 {
        let mut room = [0; 600];
        loop {
            let len = server.recv(&mut room).unwrap();
            if room[..2] == ACK.to_be_bytes() {
                assert_eq!(len, 4);
                return u16::from_be_bytes([room[2], room[3]]);
            }
        }
    }

    #[test]
    fn a_missing_block_is_asked_for_and_the_file_is_whole() {
        let (mut transfer, server) = transfer(2);
        let client = transfer.socket.local_addr().unwrap();
        let runs = thread::spawn(move || transfer.run().map(|()| transfer.fetched.bytes));
        server.send_to(&data(1, 8), client).unwrap();
        server.send_to(&data(3, 8), client).unwrap();
        assert_eq!(acknowledged(&server), 1);
        for block in [2, 3] {
            server.send_to(&data(block, 8), client).unwrap();
        }
        assert_eq!(acknowledged(&server), 3);
        server.send_to(&data(4, 0), client).unwrap();
        assert_eq!(acknowledged(&server), 4);
        assert_eq!(runs.join().unwrap().unwrap(), 24);
    }

    #[test]
    fn a_server_that_refuses_is_told_in_its_own_words_without_what_a_terminal_obeys() {
        let (mut transfer, _server) = transfer(1);
        let error = transfer.take(b"\0\x05\0\x01no \x1b[31mfile\0").unwrap_err();
        assert_eq!(error.to_string(), "the server says \"no \u{fffd}[31mfile\" (error 1)");
    }

    #[test]
    fn of_options_only_what_was_asked_for_is_taken() {
        let (mut transfer, _server) = transfer(1);
        transfer.agree(&texts(&["BLKSIZE", "1024", "windowsize", "2", "tsize", "9999", ""]));
        assert_eq!((transfer.block, transfer.window), (1024, 2));
        transfer.agree(&texts(&["blksize", "65000", "windowsize", "64", "blksize"]));
        assert_eq!((transfer.block, transfer.window), (1024, 2));
    }
}
