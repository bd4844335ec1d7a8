//! PXE clients that ask for something to boot, without end.

use std::collections::HashSet;
use std::io::IoSliceMut;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use macaddr::MacAddr6;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};

use crate::frames::{BOOTREPLY, code, kind, port};
use crate::load::storm::discover;
use crate::packet_socket::Sender;
use crate::{Guest, udp};

/// Frames between two looks at whether it is over.
const BURST: usize = 256;
/// How often a paced load sends what is due.
const TICK: Duration = Duration::from_micros(250);
/// How long a last answer may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// Room for all answers of a paced load: they are read when it is over.
const RECEIVE_BUFFER_BYTES: usize = 512 << 20;

/// The clients behind one guest's cable, each with a MAC of its own, and what they send.
#[derive(Debug)]
pub struct Discovers<'a> {
    guest: &'a Guest,
    sender: Sender,
    /// Client after client; the transaction id is the client's number.
    frames: Vec<Vec<u8>>,
}

impl<'a> Discovers<'a> {
    /// So many clients: UEFI on x64, which ask for broadcast replies.
    pub fn new(guest: &'a Guest, clients: u32) -> Result<Self> {
        Ok(Self {
            guest,
            sender: Sender::open(guest, "eth0")?,
            frames: (0..clients).map(|number| discover(number).frame()).collect(),
        })
    }

    /// The same number of clients, each with an address from this one on, that ask a boot server on port 4011 as edk2 does.
    pub fn at_boot_server(
        guest: &'a Guest,
        clients: u32,
        first: Ipv4Addr,
        server: (MacAddr6, Ipv4Addr),
    ) -> Result<Self> {
        let request = |number: u32| {
            discover(number).with(|request| {
                let address = Ipv4Addr::from(u32::from(first) + number);
                request.bootp.set(code::MESSAGE_TYPE, [kind::REQUEST]);
                (request.bootp.ciaddr, request.bootp.flags) = (address, 0);
                (request.ip.source, request.ip.destination) = (address, server.1);
                (request.udp.source_port, request.udp.destination_port) = (port::PXE, port::PXE);
                request.destination_mac = server.0;
            })
        };
        let frames = (0..clients).map(|number| request(number).frame()).collect();
        Ok(Self { guest, sender: Sender::open(guest, "eth0")?, frames })
    }

    /// Each client asks once; how many are answered.
    pub fn once(&self) -> Result<usize> {
        let answers = Answers::receive(self.guest)?;
        for frames in self.frames.chunks(BURST) {
            self.sender.send_all(frames)?;
            thread::sleep(TICK);
        }
        Ok(answers.read()?.iter().map(|answer| answer.client).collect::<HashSet<_>>().len())
    }

    /// All clients ask in turns, as fast as they can, while `during` runs on another thread.
    pub fn flood<T>(&self, during: impl FnOnce() -> Result<T>) -> Result<T> {
        let is_over = AtomicBool::new(false);
        let flood = || -> Result<()> {
            for frames in self.frames.chunks(BURST).cycle() {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                self.sender.send_all(frames)?;
            }
            Ok(())
        };
        thread::scope(|scope| {
            let sender = scope.spawn(flood);
            let result = during();
            is_over.store(true, Ordering::Relaxed);
            sender.join().expect("the sender does not panic")?;
            result
        })
    }

    /// So many ask in a second, for this time; how long each waited for the first answer, `None` if there was none.
    pub fn pace(&self, per_s: f64, time: Duration) -> Result<Vec<Option<Duration>>> {
        let mut answers = Answers::receive(self.guest)?;
        let mut asked_at = vec![UNIX_EPOCH; self.frames.len()];
        let (began, mut asked) = (Instant::now(), 0);
        // A client that asked twice could not tell the answers from each other.
        let all = self.frames.len().min((time.as_secs_f64() * per_s) as usize);
        while asked < all {
            let due = ((began.elapsed().as_secs_f64() * per_s) as usize).min(all);
            asked_at[asked..due].fill(SystemTime::now());
            self.sender.send_all(&self.frames[asked..due])?;
            asked = due;
            // Or else whoever answers would wait for the kernel to find memory in which they could pile up.
            answers.read_those_there()?;
            thread::sleep(TICK);
        }
        let mut waited = vec![None; all];
        for Answer { client, at } in answers.read()? {
            let first = waited.get_mut(client as usize).filter(|first| first.is_none());
            if let Some(first) = first {
                *first = Some(at.duration_since(asked_at[client as usize]).unwrap_or_default());
            }
        }
        Ok(waited)
    }
}

/// A socket for what is broadcast to clients.  There is none while they flood: whoever answers pays for the delivery.
struct Answers {
    socket: UdpSocket,
    read: Vec<Answer>,
}

impl Answers {
    fn receive(guest: &Guest) -> Result<Self> {
        let socket = udp(guest, "0.0.0.0:68")?;
        setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_BYTES)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, read: Vec::with_capacity(1 << 16) })
    }

    /// All answers, until none has come for a while.
    fn read(mut self) -> Result<Vec<Answer>> {
        let mut last = Instant::now();
        while last.elapsed() < PATIENCE {
            if self.read_those_there()? {
                last = Instant::now();
            }
            thread::sleep(TICK);
        }
        Ok(self.read)
    }

    /// Those that have come; whether there are any.
    fn read_those_there(&mut self) -> Result<bool> {
        let before = self.read.len();
        while let Some(datagram) = self.next()? {
            if let Datagram::Answer(answer) = datagram {
                self.read.push(answer);
            }
        }
        Ok(self.read.len() > before)
    }

    fn next(&self) -> Result<Option<Datagram>> {
        let mut bytes = [0; 2048];
        let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec);
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let received = recvmsg::<()>(self.socket.as_raw_fd(), &mut slices, Some(&mut control), MsgFlags::MSG_DONTWAIT);
        let (length, time) = match received {
            Err(Errno::EAGAIN) => return Ok(None),
            Err(why) => return Err(why).context("cannot receive an answer"),
            Ok(received) => (
                received.bytes,
                received.cmsgs()?.find_map(|message| match message {
                    ControlMessageOwned::ScmTimestampns(time) => Some(time),
                    _ => None,
                }),
            ),
        };
        let Some(time) = time else { bail!("the kernel does not say when a datagram arrived") };
        let [BOOTREPLY, _, _, _, a, b, c, d, ..] = bytes[..length] else { return Ok(Some(Datagram::Foreign)) };
        let at = UNIX_EPOCH + Duration::from(time);
        Ok(Some(Datagram::Answer(Answer { client: u32::from_be_bytes([a, b, c, d]), at })))
    }
}

enum Datagram {
    Answer(Answer),
    Foreign,
}

struct Answer {
    client: u32,
    at: SystemTime,
}
