//! A thousand transfers at once, over a wire that loses some of it.

use std::net::UdpSocket;
use std::thread;

use pxeguard_lab::skip_unless;

use crate::client::fetch;
use crate::scene::{SERVER, Scene};

const TRANSFERS: usize = 1000;
const ADDRESSES: usize = 100;
/// As edk2 asks for.
const BLOCKS: (usize, u16) = (1468, 4);
/// For the daemon with all that it does: less than a tenth of a MiB for each transfer.
const LIMIT_KIB: u64 = 100 * 1024;
/// A thread of the client needs little.
const STACK_BYTES: usize = 64 * 1024;

#[test]
fn a_thousand_transfers_at_once_arrive_whole_and_memory_is_bounded() {
    skip_unless!("nft", "ethtool");
    let scene = Scene::new();
    let file = scene.add("file", 2 << 20);
    let addresses: Vec<_> = (1..=ADDRESSES).map(|number| format!("10.77.1.{number}")).collect();
    let lines: String = addresses.iter().map(|address| format!("address add {address}/16 dev eth0\n")).collect();
    scene.client.ip(&lines).unwrap();
    // Datagrams are lost one by one, not whole windows that nobody has cut up yet.
    scene.lab.hypervisor().run(["ethtool", "-K", scene.client.port(), "tx-udp-segmentation", "off"]).unwrap();
    for hook in ["input", "output"] {
        let rule = format!(
            "table inet lossy {{ chain {hook} {{ type filter hook {hook} priority 0; \
             meta l4proto udp numgen random mod 100 < 2 counter drop; }}; }}"
        );
        scene.client.run(["nft", &rule]).unwrap();
    }
    let guard = scene.guard();
    let bind = || (0..TRANSFERS).map(|index| UdpSocket::bind((&*addresses[index % ADDRESSES], 0)).unwrap()).collect();
    let sockets: Vec<UdpSocket> = scene.client.enter(bind).unwrap();

    let expected = &file;
    let results: Vec<_> = thread::scope(|scope| {
        let start = |socket| {
            let run = move || fetch(socket, SERVER, "file", BLOCKS, expected);
            thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, run).unwrap()
        };
        let running: Vec<_> = sockets.iter().map(start).collect();
        running.into_iter().map(|transfer| transfer.join().unwrap()).collect()
    });

    let failed: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    assert!(failed.is_empty(), "{} failed, such as: {:?}", failed.len(), &failed[..failed.len().min(3)]);
    let dropped = scene.client.run(["nft", "list", "ruleset"]).unwrap();
    assert!(!dropped.contains("packets 0 "), "nothing was lost: {dropped}");
    let peak = peak_kib(guard.process().pid());
    assert!(peak < LIMIT_KIB, "{peak} KiB");
}

/// The most memory that a process ever had, in KiB.
fn peak_kib(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("each process has it");
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}
