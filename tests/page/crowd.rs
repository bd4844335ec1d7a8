//! Ten thousand connections at once.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::sync::PoisonError;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use pxeguard_lab::load::tftp;
use pxeguard_lab::{Client, Host, Pool, skip_unless, until};
use socket2::{Domain, Socket, Type};

use crate::scene::{SERVER, Scene};
use crate::{MACHINE, SOON};

const CONNECTIONS: usize = 10_000;
/// They come from so many addresses, so that all places there are can be taken.
const ADDRESSES: u16 = 50;

#[test]
fn ten_thousand_connections_starve_neither_the_guard_nor_the_boot_services() {
    skip_unless!("dnsmasq", "busybox", "curl");
    let _shared = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
    raise_limit();
    let scene = Scene::new();
    scene.add("file", &[7; 100_000]);
    let guard = scene.guard(&["--listen", &format!("{SERVER}:9467")]);
    let crowd = scene.lab.attach("crowd").unwrap();
    crowd.add_address("10.77.1.1/16").unwrap();
    let addresses = tftp::addresses(&crowd, "10.77.3.0".parse().unwrap(), ADDRESSES).unwrap();
    let connections = crowd.enter(|| connect(&addresses)).unwrap();
    assert_eq!(connections.len(), CONNECTIONS);
    assert!(!scrape(&scene.client), "the crowd has not taken every place");

    // While every place is taken by half of a request, and those beyond were closed:
    assert_eq!(Client::Udhcpc.lease(&scene.client).unwrap().server_id, Pool::TRUSTED.server);
    assert_eq!(guard.json("status").unwrap()["mode"], "enforce");
    assert_eq!(fetched(&scene.client, &format!("tftp://{SERVER}/file")), 100_000);
    let open = std::fs::read_dir(format!("/proc/{}/fd", guard.process().pid())).unwrap().count();
    assert!(open < 400, "{open} files are open");
    let memory = memory_kib(guard.process().pid());
    assert!(memory < 100 * 1024, "{memory} KiB");

    // Once they have gone, everybody is answered again.
    drop(connections);
    until(SOON, "the page is served again", || scrape(&scene.client)).unwrap();
}

/// Each has said half of what it wants, if it was let.
fn connect(addresses: &[Ipv4Addr]) -> Vec<TcpStream> {
    let server = SocketAddrV4::new(SERVER.parse().unwrap(), 9467);
    let all = addresses.iter().cycle().take(CONNECTIONS).map(|address| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddrV4::new(*address, 0).into()).unwrap();
        // Those beyond the backlog wait for it.
        socket.connect_timeout(&server.into(), SOON).unwrap();
        let mut stream = TcpStream::from(socket);
        // One that was too many is closed already.
        let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost:");
        stream
    });
    all.collect()
}

fn fetched(host: &Host, url: &str) -> usize {
    host.run(["curl", "-s", "--max-time", "20", "-o", "/dev/null", "-w", "%{size_download}", url])
        .unwrap()
        .parse()
        .unwrap()
}

fn scrape(host: &Host) -> bool {
    let scraped = host.enter(|| -> std::io::Result<String> {
        let mut stream = TcpStream::connect((SERVER, 9467))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(format!("GET /metrics HTTP/1.1\r\nHost: {SERVER}\r\nConnection: close\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    });
    scraped.unwrap().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
}

fn memory_kib(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("each process has it");
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Each connection is a file of this process's, too.
fn raise_limit() {
    let wanted = CONNECTIONS as u64 + 1000;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if soft < wanted {
        setrlimit(Resource::RLIMIT_NOFILE, wanted, hard.max(wanted)).unwrap();
    }
}
