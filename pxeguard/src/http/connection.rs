//! One connection: requests and answers in turn.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::http::StatusCode;
use bytes::{Buf, BytesMut};
use rustix::net::{SendFlags, send};
use tokio::io::{AsyncReadExt, Interest};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::answer::{Answer, Body};
use super::body::Rest;
use super::request::{Method, Request};
use crate::boot::{Content, FileError, Library, Via, Visitor};
use crate::clients::{Ending, Observer, Step, TransferId};
use crate::networks::Networks;

/// How long a connection may be without a request: a boot program works with one file before it asks for the next.
pub(super) const IDLE: Duration = Duration::from_secs(60);
/// How long a request may take to come, from its first byte to its last.
pub(super) const REQUEST: Duration = Duration::from_secs(10);
/// How long a client may take nothing of an answer: loading a large file into slow memory pauses, but not for so long.
pub(super) const STALL: Duration = Duration::from_secs(60);
/// How often the progress of a transfer is told.
const PROGRESS: Duration = Duration::from_millis(500);
/// Letters of a refused name that are told.
const SHOWN_LETTERS: usize = 128;

/// What all connections share.
pub(super) struct Desk {
    pub(super) library: Arc<dyn Library>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) stop: CancellationToken,
}

impl Desk {
    /// Tells the operator of a client that asked who can boot it, and is in no network that is served.  Others are for
    /// those who debug: anybody can connect.
    pub(super) fn tell_stranger(&self, ip: Ipv4Addr) {
        let why = Networks::why_not(ip);
        if self.observer.mac_of(ip).is_none() {
            return log::debug!("http: {why}");
        }
        self.observer.tell(Step::Denied { ip, via: Via::Http, file: "a connection".into(), why: why.into() });
    }
}

/// A connection, and both its ends.
pub(super) struct Connection {
    pub(super) desk: Arc<Desk>,
    pub(super) stream: TcpStream,
    pub(super) client: Ipv4Addr,
    pub(super) server: Ipv4Addr,
}

impl Connection {
    /// Answers requests until either side has had enough.
    pub(super) async fn serve(mut self) -> io::Result<()> {
        // Answers are sent whole, and a head without a body has nothing to wait for.
        self.stream.set_nodelay(true)?;
        let mut input = BytesMut::new();
        let stop = self.desk.stop.clone();
        loop {
            let next = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                next = next_request(&mut self.stream, &mut input) => next?,
            };
            let keeps_alive = match next {
                Next::Request(request) => self.answer(&request).await?,
                Next::Nonsense(status) => {
                    self.send_head(&Answer::refusal(status, "cannot read this request"), Method::Get, false).await?;
                    false
                }
                Next::End => false,
            };
            if !keeps_alive {
                return Ok(());
            }
        }
    }

    /// Answers one request; says whether another one may follow.
    async fn answer(&self, request: &Request) -> io::Result<bool> {
        let keeps_alive = request.keeps_alive;
        if request.method == Method::Other {
            let refusal = Answer::refusal(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD");
            self.send_head(&refusal, request.method, keeps_alive).await?;
            return Ok(keeps_alive);
        }
        match self.open(request.name.clone()).await {
            Ok(content) => self.transfer(request, &content).await?,
            Err(error) => {
                self.tell_denied(&request.name, &error);
                let (status, why) = match error {
                    FileError::NotFound => (StatusCode::NOT_FOUND, "no such file".to_owned()),
                    FileError::Denied(why) => (StatusCode::FORBIDDEN, why.to_owned()),
                    FileError::Io(_) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
                };
                self.send_head(&Answer::refusal(status, &why), request.method, keeps_alive).await?;
            }
        }
        Ok(keeps_alive)
    }

    /// Opens what is asked for, on a thread that may wait for the disk.
    async fn open(&self, name: Vec<u8>) -> Result<Content, FileError> {
        let mac = self.desk.observer.mac_of(self.client);
        let visitor = Visitor { ip: self.client, mac, server: self.server, via: Via::Http };
        let library = Arc::clone(&self.desk.library);
        let opened = spawn_blocking(move || library.open(&name, &visitor)).await;
        opened.unwrap_or_else(|panic| Err(FileError::Io(io::Error::other(panic))))
    }

    /// Sends a file, or the part that is asked for, and tells how that goes.
    async fn transfer(&self, request: &Request, content: &Content) -> io::Result<()> {
        let observer = &self.desk.observer;
        let id = observer.next_transfer();
        let file = Arc::clone(&content.name);
        observer.tell(Step::Started { id, ip: self.client, via: Via::Http, file, len: content.len });
        let answer = Answer::of(request, content);
        let mut bytes = 0;
        let sent = tokio::select! {
            () = self.desk.stop.cancelled() => Err(io::Error::other("pxeguard is being stopped")),
            sent = self.send(id, request, &answer, content, &mut bytes) => sent,
        };
        let ending = match &sent {
            Err(error) => Ending::Failed(told(error)),
            Ok(()) if request.method == Method::Head => Ending::Probe,
            Ok(()) if matches!(answer.body, Body::Text(_)) => {
                Ending::Failed("it asked for a range that is not in the file".to_owned())
            }
            Ok(()) => Ending::Done,
        };
        observer.tell(Step::Ended { id, bytes, resent: 0, ending });
        sent
    }

    async fn send(
        &self,
        id: TransferId,
        request: &Request,
        answer: &Answer,
        content: &Content,
        bytes: &mut u64,
    ) -> io::Result<()> {
        self.send_head(answer, request.method, request.keeps_alive).await?;
        let Body::Part(part) = &answer.body else { return Ok(()) };
        if request.method == Method::Head {
            return Ok(());
        }
        let mut rest = Rest::new(content, part.clone());
        let mut told = Instant::now();
        while !rest.is_empty() {
            *bytes += timeout(STALL, rest.send_some(&self.stream)).await??;
            if told.elapsed() >= PROGRESS {
                told = Instant::now();
                self.desk.observer.tell(Step::Progress { id, bytes: *bytes, resent: 0 });
            }
        }
        Ok(())
    }

    /// Sends all but the bytes of a file.
    async fn send_head(&self, answer: &Answer, method: Method, keeps_alive: bool) -> io::Result<()> {
        let mut head = answer.head(keeps_alive, SystemTime::now());
        let is_followed = match &answer.body {
            _ if method == Method::Head => false,
            Body::Part(part) => !part.is_empty(),
            Body::Text(text) => {
                head.push_str(text);
                false
            }
            Body::None => false,
        };
        // So that the first of the file's bytes are in the same segment.
        let flags = SendFlags::NOSIGNAL | if is_followed { SendFlags::MORE } else { SendFlags::empty() };
        let mut rest = head.as_bytes();
        while !rest.is_empty() {
            let send = || Ok(send(&self.stream, rest, flags)?);
            let sent = timeout(STALL, self.stream.async_io(Interest::WRITABLE, send)).await??;
            rest = &rest[sent..];
        }
        Ok(())
    }

    fn tell_denied(&self, name: &[u8], error: &FileError) {
        let file: String = String::from_utf8_lossy(name).escape_debug().take(SHOWN_LETTERS).collect();
        let why = match error {
            FileError::Io(source) => format!("{error}: {source}"),
            error => error.to_string(),
        };
        self.desk.observer.tell(Step::Denied { ip: self.client, via: Via::Http, file: file.into(), why: why.into() });
    }
}

/// What comes next on a connection.
enum Next {
    Request(Request),
    /// Something else; what follows cannot be read either.
    Nonsense(StatusCode),
    /// Nothing.
    End,
}

async fn next_request(stream: &mut TcpStream, input: &mut BytesMut) -> io::Result<Next> {
    if input.is_empty() && timeout(IDLE, stream.read_buf(input)).await?? == 0 {
        return Ok(Next::End);
    }
    let whole = async {
        loop {
            match Request::parse(input) {
                Ok(Some((request, len))) => {
                    input.advance(len);
                    return Ok(Next::Request(request));
                }
                Ok(None) if stream.read_buf(input).await? == 0 => return Ok(Next::End),
                Ok(None) => {}
                Err(status) => return Ok(Next::Nonsense(status)),
            }
        }
    };
    timeout(REQUEST, whole).await?
}

/// Why a transfer failed, in words for the operator.
fn told(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => format!("the client took nothing for {} s", STALL.as_secs()),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => "the client closed the connection".to_owned(),
        _ => error.to_string(),
    }
}
