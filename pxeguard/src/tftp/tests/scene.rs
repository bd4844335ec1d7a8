//! A server with a library of its own, a client, and what the observer hears.

use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use nix::sched::{CloneFlags, unshare};
use pxeguard_common::net::{Ifindex, Mac};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::super::{Ignored, Limits, TftpServer};
use crate::boot::{Content, FileError, Library, Source, Visitor};
use crate::clients::{Observer, Step, TransferId};
use crate::networks::{Network, Networks};

pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
pub(super) const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// In no guarded network, as these end at 127.127.255.255.
pub(super) const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 200, 0, 1);

const PATIENCE: Duration = Duration::from_secs(20);
/// How long an answer is waited for that should not come: longer than the server needs for one that should.
const SILENCE: Duration = Duration::from_millis(300);

pub(super) struct Scene {
    pub(super) bytes: Vec<u8>,
    pub(super) ignored: Arc<Ignored>,
    steps: Arc<Steps>,
    file: File,
    networks: watch::Sender<Arc<Networks>>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

/// Runs a test with a server, in a network namespace of its own; skips it where there can be none.
pub(super) fn run<F: Future<Output = ()>>(test: impl FnOnce(Scene) -> F + Send + 'static) {
    run_with(Limits { per_client: 16, in_all: 64 }, test);
}

pub(super) fn run_with<F: Future<Output = ()>>(limits: Limits, test: impl FnOnce(Scene) -> F + Send + 'static) {
    if !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("PXEGUARD_NO_SKIP").is_none(), "may not be skipped: needs root");
        eprintln!("SKIP: needs root");
        return;
    }
    let inside = thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("root may make namespaces");
        let up = Command::new("ip").args(["link", "set", "lo", "up"]).status().expect("ip is installed");
        assert!(up.success(), "loopback comes up");
        // Its threads are in the namespace of the one that starts them.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime needs only descriptors").block_on(async { test(Scene::new(limits)).await });
    });
    if let Err(panic) = inside.join() {
        std::panic::resume_unwind(panic);
    }
}

impl Scene {
    fn new(limits: Limits) -> Self {
        let bytes: Vec<u8> = (0..100_000_u32).map(|index| (index * 7 + index / 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let library = Shelf { memory: Bytes::from(bytes.clone()), file: Arc::new(file.try_clone().unwrap()) };
        let steps = Arc::new(Steps::default());
        let (sender, receiver) = watch::channel(networks(&[SERVER]));
        let server = TftpServer::bind(&networks(&[SERVER])).unwrap();
        let (ignored, stop) = (server.ignored(), CancellationToken::new());
        let serving = tokio::spawn(server.serve(receiver, Arc::new(library), steps.clone(), limits, stop.clone()));
        Self { bytes, ignored, steps, file, networks: sender, stop, serving }
    }

    /// A socket of the client's.
    pub(super) fn client(&self) -> UdpSocket {
        UdpSocket::bind((CLIENT, 0)).unwrap()
    }

    /// Fetches a file.
    pub(super) async fn fetch(&self, name: &str, options: &[(&str, u16)]) -> Vec<u8> {
        let client = self.client();
        let mut request = format!("\0\x01{name}\0octet\0");
        for (name, value) in options {
            request += &format!("{name}\0{value}\0");
        }
        let get = |name| options.iter().find(|(option, _)| *option == name).map(|(_, value)| *value);
        let block_size = get("blksize").unwrap_or(512);
        tokio::task::spawn_blocking(move || fetch(&client, request.as_bytes(), block_size.into())).await.unwrap()
    }

    /// The next step that is wanted; those before are forgotten.
    pub(super) async fn step(&self, wanted: impl Fn(&Step) -> bool) -> Step {
        let mut found = None;
        until("a step is told", || {
            let mut steps = self.steps.told.lock().unwrap();
            let index = steps.iter().position(&wanted);
            found = index.and_then(|index| steps.drain(..=index).next_back());
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    pub(super) fn truncate_file(&self, len: u64) {
        self.file.set_len(len).unwrap();
    }

    pub(super) fn set_addresses(&self, addresses: &[Ipv4Addr]) {
        self.networks.send_replace(networks(addresses));
    }

    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until the server has ended.
    pub(super) async fn served(self) {
        self.serving.await.unwrap();
    }
}

pub(super) fn networks(addresses: &[Ipv4Addr]) -> Arc<Networks> {
    let network = |address: &Ipv4Addr| Network {
        iface: Ifindex(1),
        name: "lo".to_owned(),
        mac: [0; 6],
        vlan: 0,
        address: format!("{address}/9").parse().unwrap(),
    };
    Arc::new(Networks { own: addresses.iter().map(network).collect(), ..Networks::default() })
}

/// What the server answers; `None` if it does not.
pub(super) fn ask(client: &UdpSocket, request: &[u8]) -> Option<Vec<u8>> {
    ask_at(client, SERVER, request)
}

pub(super) fn ask_at(client: &UdpSocket, server: Ipv4Addr, request: &[u8]) -> Option<Vec<u8>> {
    client.send_to(request, (server, 69)).unwrap();
    receive(client).map(|(answer, _)| answer)
}

/// The same, and from which port.
pub(super) fn ask_from(client: &UdpSocket, request: &[u8]) -> Option<(Vec<u8>, SocketAddr)> {
    client.send_to(request, (SERVER, 69)).unwrap();
    receive(client)
}

pub(super) fn receive(client: &UdpSocket) -> Option<(Vec<u8>, SocketAddr)> {
    client.set_read_timeout(Some(SILENCE)).unwrap();
    let mut datagram = vec![0; 1 << 16];
    let (len, from) = client.recv_from(&mut datagram).ok()?;
    datagram.truncate(len);
    Some((datagram, from))
}

/// Fetches a file by acknowledging whatever comes in order; windows end by themselves.
fn fetch(client: &UdpSocket, request: &[u8], block_size: usize) -> Vec<u8> {
    let (mut bytes, mut blocks) = (Vec::new(), 0_u16);
    client.send_to(request, (SERVER, 69)).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut datagram = vec![0; 1 << 16];
    let mut window = 1;
    let mut unacknowledged = 0;
    loop {
        let (len, server) = client.recv_from(&mut datagram).expect("the server goes on");
        let (header, data) = datagram[..len].split_at(4.min(len));
        match header {
            [0, 6, ..] => {
                window = agreed_window(&datagram[2..len]);
                client.send_to(&[0, 4, 0, 0], server).unwrap();
            }
            [0, 3, number @ ..] if number == (blocks.wrapping_add(1)).to_be_bytes() => {
                blocks = blocks.wrapping_add(1);
                bytes.extend_from_slice(data);
                unacknowledged += 1;
                let is_last = data.len() < block_size;
                if unacknowledged == window || is_last {
                    unacknowledged = 0;
                    let [high, low] = blocks.to_be_bytes();
                    client.send_to(&[0, 4, high, low], server).unwrap();
                }
                if is_last {
                    return bytes;
                }
            }
            // Sent again, because this client was slow.
            [0, 3, ..] => {}
            other => panic!("{other:?}"),
        }
    }
}

fn agreed_window(options: &[u8]) -> u16 {
    let options: Vec<_> = options.split(|byte| *byte == 0).collect();
    let window = options.chunks_exact(2).find(|pair| pair[0] == b"windowsize");
    window.map_or(1, |pair| str::from_utf8(pair[1]).unwrap().parse().unwrap())
}

pub(super) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "in vain until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Two files with the same bytes, and one that is denied.
struct Shelf {
    memory: Bytes,
    file: Arc<File>,
}

impl Library for Shelf {
    fn open(&self, name: &[u8], _: &Visitor) -> Result<Content, FileError> {
        let (name, bytes) = match name {
            b"memory" => ("memory", Source::Memory(self.memory.clone())),
            b"file" => ("file", Source::File(Arc::clone(&self.file))),
            b"denied" => return Err(FileError::Denied("not for you")),
            _ => return Err(FileError::NotFound),
        };
        Ok(Content { len: self.memory.len() as u64, modified: SystemTime::UNIX_EPOCH, name: name.into(), bytes })
    }
}

#[derive(Default)]
struct Steps {
    told: Mutex<Vec<Step>>,
    transfers: AtomicU64,
}

impl Observer for Steps {
    fn tell(&self, step: Step) {
        self.told.lock().unwrap().push(step);
    }

    fn next_transfer(&self) -> TransferId {
        TransferId(self.transfers.fetch_add(1, Ordering::Relaxed))
    }

    fn mac_of(&self, _: Ipv4Addr) -> Option<Mac> {
        None
    }
}
