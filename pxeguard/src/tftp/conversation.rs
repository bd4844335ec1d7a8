//! One request, from its beginning to its end.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::RangeInclusive;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{Sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::admission::Place;
use super::channel::{Arrival, Channel, EMPTY, Gone};
use super::options::Terms;
use super::packet::{ErrorCode, Mode, Read, Reply, Request, error, printable};
use super::reader::Reader;
use super::transfer::{Action, Transfer};
use crate::boot::{Content, FileError, Library, Via, Visitor};
use crate::clients::{Ending, Observer, Step, TransferId};

/// The observer hears of a transfer's progress not more often than this.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Why netascii is refused.
///
/// Boot programs have to arrive byte for byte.  No firmware asks for netascii, and a client that asks and does not
/// convert back, or not all of it, would start something damaged.
const NETASCII: &str = "netascii would change boot files: use octet (binary) mode";

/// What all conversations share.
pub(super) struct Services {
    pub(super) library: Arc<dyn Library>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) stop: CancellationToken,
}

/// One request.
pub(super) struct Conversation {
    pub(super) services: Arc<Services>,
    /// This host's address, at which the client asked.
    pub(super) server: Ipv4Addr,
    pub(super) client: SocketAddrV4,
    /// The request, as it came.
    pub(super) datagram: Box<[u8]>,
}

/// Why a request is refused: what the client is told, and the operator.
struct Refusal {
    code: ErrorCode,
    why: String,
}

impl Conversation {
    /// Answers the request.
    pub(super) async fn serve(self, place: Place) {
        let Some(request) = Request::parse(&self.datagram) else { return };
        let channel = match Channel::open(self.server, self.client) {
            Ok(channel) => channel,
            Err(why) => return self.tell_denied(request.file(), &format!("cannot open a port: {why}")),
        };
        match self.open(request).await {
            Ok((request, content)) => {
                let terms = Terms::agree(&request, content.len, channel.mtu());
                let reader = Reader::new(&content);
                Transmission { conversation: &self, channel, content: &content, reader, terms: &terms, place }
                    .run()
                    .await;
            }
            Err(refusal) => self.refuse(&channel, request.file(), &refusal),
        }
    }

    /// Tells the client that it has too many transfers, or that all have.
    pub(super) fn turn_away(self, why: String) {
        let Some(request) = Request::parse(&self.datagram) else { return };
        match Channel::open(self.server, self.client) {
            Ok(channel) => self.refuse(&channel, request.file(), &Refusal { code: ErrorCode::NotDefined, why }),
            Err(_) => self.tell_denied(request.file(), &why),
        }
    }

    async fn open<'a>(&self, request: Request<'a>) -> Result<(Read<'a>, Content), Refusal> {
        let refuse = |code, why: &str| Err(Refusal { code, why: why.to_owned() });
        let request = match request {
            Request::Read(request) => request,
            Request::Write { .. } => return refuse(ErrorCode::AccessViolation, "this server is read-only"),
        };
        match request.mode {
            Mode::Octet => {}
            Mode::Netascii => return refuse(ErrorCode::NotDefined, NETASCII),
            Mode::Other => return refuse(ErrorCode::IllegalOperation, "unknown mode: use octet"),
        }
        let (ip, library, file) = (*self.client.ip(), Arc::clone(&self.services.library), request.file.to_vec());
        let visitor = Visitor { ip, mac: self.services.observer.mac_of(ip), server: self.server, via: Via::Tftp };
        // It may wait for the disk, or for a file server.
        let opened = tokio::task::spawn_blocking(move || library.open(&file, &visitor)).await;
        match opened.map_err(io::Error::from).map_err(FileError::Io).flatten() {
            Ok(content) => Ok((request, content)),
            Err(error) => Err(Refusal::of(&error)),
        }
    }

    /// Tells the client, and the operator, why it is not served.
    fn refuse(&self, channel: &Channel, file: &[u8], refusal: &Refusal) {
        // Who does not hear it asks again.
        let _ = channel.send(&error(refusal.code, &refusal.why));
        self.tell_denied(file, &refusal.why);
    }

    fn tell_denied(&self, file: &[u8], why: &str) {
        let (file, why) = (printable(file).into(), why.into());
        self.services.observer.tell(Step::Denied { ip: *self.client.ip(), via: Via::Tftp, file, why });
    }
}

impl Refusal {
    fn of(error: &FileError) -> Self {
        let code = match error {
            FileError::NotFound => ErrorCode::NotFound,
            FileError::Denied(_) => ErrorCode::AccessViolation,
            FileError::Io(_) => ErrorCode::NotDefined,
        };
        let why = match error {
            FileError::Io(cause) => format!("{error}: {cause}"),
            FileError::NotFound | FileError::Denied(_) => error.to_string(),
        };
        Self { code, why }
    }
}

/// The transfer of a file.
struct Transmission<'a> {
    conversation: &'a Conversation,
    channel: Channel,
    content: &'a Content,
    reader: Reader<'a>,
    terms: &'a Terms,
    place: Place,
}

impl Transmission<'_> {
    /// Transfers the file, and tells the observer.
    async fn run(mut self) {
        let observer = &*self.conversation.services.observer;
        let id = observer.next_transfer();
        let (ip, file, len) = (*self.conversation.client.ip(), Arc::clone(&self.content.name), self.content.len);
        observer.tell(Step::Started { id, ip, via: Via::Tftp, file, len });
        let (mut transfer, first) = Transfer::begin(len, self.terms, Instant::now());
        let ending = self.transfer(&mut transfer, first, id).await;
        let (bytes, resent) = (transfer.acknowledged_bytes(), transfer.resent());
        observer.tell(Step::Ended { id, bytes, resent, ending });
    }

    async fn transfer(&mut self, transfer: &mut Transfer, first: Action, id: TransferId) -> Ending {
        let observer = &*self.conversation.services.observer;
        let (mut timer, mut ended) = (pin!(sleep_until(transfer.deadline().into())), pin!(self.place.ended()));
        let mut told = Instant::now();
        let mut action = first;
        loop {
            let done = match action {
                Action::Wait => Ok(()),
                Action::SendAnswer => self.channel.send(self.terms.answer.as_deref().unwrap_or_default()).map_err(gone),
                Action::Send(blocks) => self.send(blocks).await,
                Action::End(ending) => return ending,
            };
            if let Err(ending) = done {
                return ending;
            }
            action = self.next(transfer, timer.as_mut(), ended.as_mut()).await;
            if told.elapsed() >= PROGRESS_EVERY {
                told = Instant::now();
                let (bytes, resent) = (transfer.acknowledged_bytes(), transfer.resent());
                observer.tell(Step::Progress { id, bytes, resent });
            }
        }
    }

    /// Waits for what the client sends, or for the deadline.
    async fn next(
        &self,
        transfer: &mut Transfer,
        mut timer: Pin<&mut Sleep>,
        mut ended: Pin<&mut impl Future<Output = ()>>,
    ) -> Action {
        let mut room = EMPTY;
        let (mut arrival, mut is_late): (Option<Arrival<'_>>, bool) = (None, false);
        loop {
            let received = if is_late { self.channel.receive(&mut room) } else { self.channel.try_receive(&mut room) };
            match received {
                Ok(datagram) => {
                    let now = Instant::now();
                    self.place.heard(now);
                    let Some(reply) = Reply::parse(datagram) else { continue };
                    let action = transfer.on_reply(reply, now);
                    if matches!(action, Action::Send(_)) && transfer.is_all_new() {
                        // It answers all that was under way: until more is sent, nothing else can come.
                        if let Some(arrival) = arrival {
                            arrival.was_the_last();
                        }
                    }
                    return action;
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Action::End(gone(Gone)),
                // Nothing more has come, or the kernel had something else to say of an earlier datagram.
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => continue,
                Err(_) => {}
            }
            if is_late {
                let action = transfer.on_deadline(Instant::now());
                timer.as_mut().reset(transfer.deadline().into());
                return action;
            }
            // It is set anew only when it ends, not for each datagram: the deadline usually moves on before.
            if transfer.deadline() < timer.deadline().into_std() {
                timer.as_mut().reset(transfer.deadline().into());
            }
            tokio::select! {
                biased;
                came = self.channel.readable() => arrival = came,
                () = timer.as_mut() => is_late = true,
                () = ended.as_mut() => {
                    if !self.conversation.services.stop.is_cancelled() {
                        return failed("the client asked anew");
                    }
                    let _ = self.channel.send(&error(ErrorCode::NotDefined, "the server is stopping"));
                    return failed("pxeguard was stopped");
                }
            }
        }
    }

    /// Sends blocks, as many at once as may be.
    async fn send(&mut self, blocks: RangeInclusive<u64>) -> Result<(), Ending> {
        let (mut next, last) = blocks.into_inner();
        while next <= last {
            let count = (last + 1 - next).min(self.channel.blocks_at_once(self.terms.block_size));
            let sent = match self.send_at_once(next, count).await {
                Ok(sent) => sent.map_err(gone)?,
                Err(why) => return Err(self.unreadable(&why)),
            };
            next += sent;
            if sent < count && self.channel.writable().await.is_err() {
                // What is not sent is lost, and sent again after a while.
                break;
            }
        }
        Ok(())
    }

    /// Sends as many of these blocks as the socket takes; how many that is.  An error if they cannot be read.
    async fn send_at_once(&mut self, first: u64, count: u64) -> io::Result<Result<u64, Gone>> {
        let block_size = self.terms.block_size;
        let offset = (first - 1) * u64::from(block_size);
        let len = (count * u64::from(block_size)).min(self.content.len - offset);
        let chunk = self.reader.read(offset, len as usize).await?;
        Ok(self.channel.try_send(first, count, chunk.bytes(), block_size))
    }

    fn unreadable(&self, why: &io::Error) -> Ending {
        let _ = self.channel.send(&error(ErrorCode::NotDefined, "cannot read the file to its end"));
        Ending::Failed(format!("cannot read {}: {why}", self.content.name))
    }
}

fn failed(why: &str) -> Action {
    Action::End(Ending::Failed(why.to_owned()))
}

fn gone(_: Gone) -> Ending {
    Ending::Failed("the client has closed its port".to_owned())
}
