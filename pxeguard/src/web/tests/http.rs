//! A server before a daemon that answers with samples, and the least of a client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::sample;
use crate::control::{Pending, Request, Response as Told};
use crate::metrics;
use crate::web::{Questions, Settings, Token, WebListener, read_token, serve};

/// How long an answer may take.
const SOON: Duration = Duration::from_secs(20);

pub(super) struct Http {
    pub(super) address: SocketAddr,
    folder: TempDir,
    changes: Arc<AtomicUsize>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    head: Vec<(String, String)>,
    pub(super) body: String,
}

impl Http {
    pub(super) fn start() -> Self {
        Self::with(true)
    }

    pub(super) fn start_without_daemon() -> Self {
        Self::with(false)
    }

    fn with(answers: bool) -> Self {
        let (stop, folder, changes) = (CancellationToken::new(), tempfile::tempdir().unwrap(), Arc::default());
        let (stopped, control, counted) = (stop.clone(), folder.path().join("sock"), Arc::clone(&changes));
        let (ready, is_ready) = channel();
        let serving = thread::spawn(move || {
            Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
                let listener = WebListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
                let token = Token::make(&control).unwrap();
                ready.send(listener.address().unwrap()).unwrap();
                let (requests, asked) = mpsc::channel::<Pending>(1);
                let (scrapes, scraped) = mpsc::channel::<tokio::sync::oneshot::Sender<metrics::Snapshot>>(1);
                let questions = Questions::new(requests, scrapes);
                let settings = Settings::default();
                let serving = serve(listener, questions, &settings, &token, stopped.clone());
                let answering = async {
                    let (mut asked, mut scraped) = (asked, scraped);
                    // Otherwise nobody is there to answer, from the start.
                    if answers {
                        loop {
                            tokio::select! {
                                Some((request, reply)) = asked.recv() => drop(reply.send(answer(request, &counted))),
                                Some(reply) = scraped.recv() => drop(reply.send(metrics::tests::snapshot())),
                                () = stopped.cancelled() => break,
                            }
                        }
                    }
                };
                tokio::join!(answering, serving).1.unwrap();
            });
        });
        Self { address: is_ready.recv().unwrap(), folder, changes, stop, serving }
    }

    pub(super) fn token(&self) -> String {
        read_token(&self.folder.path().join("sock")).unwrap()
    }

    /// How often a trust was changed.
    pub(super) fn changes(&self) -> usize {
        self.changes.load(Ordering::Relaxed)
    }

    pub(super) fn get(&self, path: &str, headers: &str) -> Response {
        self.ask("GET", path, headers, "")
    }

    pub(super) fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Response {
        let length = body.len();
        self.send(&format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}",
            self.address
        ))
    }

    pub(super) fn send(&self, request: &str) -> Response {
        let answer = self.exchange(request.as_bytes());
        Response::parse(&answer).unwrap_or_else(|| panic!("no answer to {request:?}: {answer:?}"))
    }

    /// What comes back, until the connection ends: what is sent has to ask for that, or to be wrong.
    pub(super) fn exchange(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        // It may have been closed over what was written first.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream
    }

    /// Begins to watch; the stream after its head, which has this status.
    pub(super) fn watch(&self) -> (u16, BufReader<TcpStream>) {
        self.watch_from(Ipv4Addr::LOCALHOST)
    }

    /// The same from another address of this host.
    pub(super) fn watch_from(&self, source: Ipv4Addr) -> (u16, BufReader<TcpStream>) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
        socket.connect(&self.address.into()).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        let mut stream = TcpStream::from(socket);
        write!(stream, "GET /api/v1/events HTTP/1.1\r\nHost: {}\r\n\r\n", self.address).unwrap();
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
        }
        (head[9..12].parse().unwrap(), reader)
    }

    pub(super) fn stop(self) {
        self.stop.cancel();
        self.serving.join().unwrap();
    }
}

impl Response {
    fn parse(answer: &str) -> Option<Self> {
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let fields = lines.filter_map(|line| line.split_once(": "));
        let head = fields.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Some(Self { status, head, body: body.to_owned() })
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.head.iter().find(|(present, _)| present == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn json(&self) -> Value {
        assert_eq!(self.field("content-type"), Some("application/json"), "{}", self.body);
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why}: {}", self.body))
    }
}

fn answer(request: Request, changes: &AtomicUsize) -> Told {
    let overview = sample::overview();
    match request {
        Request::Overview => Told::Overview(Box::new(overview)),
        Request::Status => Told::Status(Box::new(overview.status)),
        Request::Servers => Told::Servers(overview.servers),
        Request::Ports => Told::Ports(overview.ports),
        Request::Alerts => Told::Alerts(overview.alerts),
        Request::History => Told::History(sample::history()),
        Request::TrustList => Told::Trusts(sample::trusts()),
        Request::Explain { mac, screen } => Told::Explained(Box::new(sample::explanation(mac, screen))),
        Request::TrustAdd(trust) if trust.to_string().starts_with("02:00:00:00:00:99") => {
            Told::Error(format!("{trust} is trusted already"))
        }
        Request::TrustAdd(_) | Request::TrustRemove(_) => {
            changes.fetch_add(1, Ordering::Relaxed);
            Told::Done(format!("{request:?}"))
        }
        _ => Told::Error("nothing is booted here".to_owned()),
    }
}
