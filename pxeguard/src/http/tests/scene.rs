//! A server on the loopback device, and clients that read its answers byte for byte.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pxeguard_common::net::{Ifindex, Mac};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::boot::{Content, FileError, Library, Root, Visitor};
use crate::clients::{Ending, Observer, Step, TransferId};
use crate::http::HttpServer;
use crate::networks::{Network, Networks};

/// Length of the file `large`: not held in memory, and more than one chunk.
pub(super) const LARGE_BYTES: usize = (4 << 20) + 12_345;

/// What is at an offset of it.
pub(super) fn large_byte(at: usize) -> u8 {
    (at % 251) as u8
}

/// Runs a test, to an end or a failure.
pub(super) fn run(test: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test);
}

pub(super) fn networks(addresses: &[&str]) -> Networks {
    let network = |address: &&str| Network {
        iface: Ifindex(1),
        name: "lo".to_owned(),
        vlan: 0,
        mac: [0; 6],
        address: address.parse().unwrap(),
    };
    Networks { own: addresses.iter().map(network).collect(), ..Networks::default() }
}

pub(super) struct Scene {
    folder: TempDir,
    pub(super) port: u16,
    networks: watch::Sender<Arc<Networks>>,
    told: Arc<Told>,
    stop: CancellationToken,
    serving: Option<JoinHandle<()>>,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self::with_networks(&["127.0.0.1/8"])
    }

    pub(super) fn with_networks(addresses: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("folder")).unwrap();
        let large: Vec<u8> = (0..LARGE_BYTES).map(large_byte).collect();
        for (name, bytes) in
            [("small", b"12345".as_slice()), ("folder/other", b"other"), ("empty", b""), ("large", &large)]
        {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        let served = networks(addresses);
        let mut server = HttpServer::bind(&served, 0).unwrap();
        let port = server.take_port();
        let (networks, receiver) = watch::channel(Arc::new(served));
        let (told, stop) = (Arc::<Told>::default(), CancellationToken::new());
        let library = Arc::new(Files(Root::new(folder.path())));
        let serving = server.serve(receiver, library, Arc::clone(&told) as Arc<dyn Observer>, stop.clone());
        Self { folder, port, networks, told, stop, serving: Some(tokio::spawn(serving)) }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn set_networks(&self, addresses: &[&str]) {
        self.networks.send_replace(Arc::new(networks(addresses)));
    }

    pub(super) async fn connect(&self) -> Client {
        self.connect_from("127.0.0.1").await
    }

    pub(super) async fn connect_from(&self, source: &str) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddrV4::new(source.parse().unwrap(), 0).into()).unwrap();
        let stream = socket.connect(SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.port).into()).await.unwrap();
        Client { stream, input: Vec::new() }
    }

    pub(super) async fn connects_at_last(&self, address: &str) -> Client {
        let connect = async {
            loop {
                match TcpStream::connect((address, self.port)).await {
                    Ok(stream) => return Client { stream, input: Vec::new() },
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        };
        timeout(DEADLINE, connect).await.expect("it listens at last")
    }

    pub(super) async fn is_refused_at_last(&self, address: &str) {
        let refused = async { while TcpStream::connect((address, self.port)).await.is_ok() {} };
        timeout(DEADLINE, refused).await.expect("it listens no more");
    }

    /// Waits until all transfers that began have ended; each of them, and each refusal, in a line.
    pub(super) async fn told(&self) -> Vec<String> {
        self.told.all_ended().await;
        let steps = self.told.steps.lock().unwrap();
        let began = |wanted: TransferId| {
            let mut began = steps.iter().filter_map(|step| match step {
                Step::Started { id, file, len, .. } if *id == wanted => Some((Arc::clone(file), *len)),
                _ => None,
            });
            began.next().expect("what ends has begun")
        };
        let lines = steps.iter().filter_map(|step| match step {
            Step::Ended { id, bytes, ending, .. } => {
                let (file, len) = began(*id);
                Some(format!("{file}: {bytes} of {len}, {ending:?}"))
            }
            Step::Denied { file, why, .. } => Some(format!("{file}: {why}")),
            _ => None,
        });
        lines.collect()
    }

    pub(super) async fn endings(&self) -> Vec<Ending> {
        self.told.all_ended().await;
        let steps = self.told.steps.lock().unwrap();
        let endings = steps.iter().filter_map(|step| match step {
            Step::Ended { ending, .. } => Some(ending.clone()),
            _ => None,
        });
        endings.collect()
    }

    pub(super) async fn stop(&mut self) {
        self.stop.cancel();
        let serving = self.serving.take().expect("it is stopped once");
        timeout(DEADLINE, serving).await.expect("it stops").unwrap();
    }
}

/// Longer than anything takes; more than the server's own patience, for tests of that.
const DEADLINE: Duration = Duration::from_secs(200);

struct Files(Root);

impl Library for Files {
    fn open(&self, name: &[u8], _: &Visitor) -> Result<Content, FileError> {
        self.0.file(name)
    }
}

#[derive(Default)]
struct Told {
    steps: Mutex<Vec<Step>>,
    next: AtomicU64,
    more: Notify,
}

impl Told {
    async fn all_ended(&self) {
        let ended = async {
            loop {
                let more = self.more.notified();
                let is_over = {
                    let steps = self.steps.lock().unwrap();
                    let count = |is: fn(&Step) -> bool| steps.iter().filter(|step| is(step)).count();
                    count(|step| matches!(step, Step::Ended { .. }))
                        == count(|step| matches!(step, Step::Started { .. }))
                };
                if is_over {
                    return;
                }
                more.await;
            }
        };
        timeout(DEADLINE, ended).await.expect("all transfers end");
    }
}

impl Observer for Told {
    fn tell(&self, step: Step) {
        self.steps.lock().unwrap().push(step);
        self.more.notify_waiters();
    }

    fn next_transfer(&self) -> TransferId {
        TransferId(self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn mac_of(&self, _: Ipv4Addr) -> Option<Mac> {
        None
    }
}

pub(super) struct Client {
    pub(super) stream: TcpStream,
    input: Vec<u8>,
}

pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

impl Client {
    pub(super) async fn ask(&mut self, request: &str) -> Answer {
        self.send(request).await;
        self.answer(!request.starts_with("HEAD")).await
    }

    pub(super) async fn send(&mut self, request: &str) {
        self.stream.write_all(request.as_bytes()).await.unwrap();
    }

    /// The next answer, with its body.
    pub(super) async fn answer(&mut self, has_body: bool) -> Answer {
        let end = loop {
            if let Some(at) = self.input.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.read().await > 0, "it ended: {}", String::from_utf8_lossy(&self.input));
        };
        let head = String::from_utf8(self.input.drain(..end).collect()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, head, body: Vec::new() };
        if has_body {
            let len = answer.header("Content-Length").expect("it has a length").parse().unwrap();
            while self.input.len() < len {
                assert!(self.read().await > 0, "it ended after {} of {len} bytes", self.input.len());
            }
            answer.body = self.input.drain(..len).collect();
        }
        answer
    }

    /// Waits for the first byte of an answer, and takes no more.
    pub(super) async fn begins(&mut self) {
        let mut byte = [0];
        self.stream.read_exact(&mut byte).await.unwrap();
        self.input.extend(byte);
    }

    /// Whether the server closes the connection, having sent nothing more.
    pub(super) async fn has_ended(&mut self) -> bool {
        self.input.is_empty() && timeout(DEADLINE, self.read()).await.expect("it ends") == 0
    }

    /// Whether the connection ends in the middle of an answer's body.
    pub(super) async fn is_cut_off(&mut self) -> bool {
        while self.read().await > 0 {}
        let at = self.input.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("the head came");
        let head = String::from_utf8(self.input[..at].to_vec()).unwrap();
        let answer = Answer { status: 0, head, body: Vec::new() };
        let len: usize = answer.header("Content-Length").unwrap().parse().unwrap();
        self.input.len() - at - 4 < len
    }

    async fn read(&mut self) -> usize {
        self.input.reserve(1 << 20);
        self.stream.read_buf(&mut self.input).await.unwrap_or(0)
    }
}
