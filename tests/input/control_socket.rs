//! The place of the control socket, where something else is already.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use pxeguard_lab::{BRIDGE, Client, Lab, Pool, Server, skip_unless, until};

use crate::SOON;
use crate::ended::{Ended, assert_nothing_attached, guard};

const SOCKET: &str = "/run/pxeguard/pxeguard.sock";

#[test]
fn second_daemon_is_refused_and_the_first_goes_on_guarding() {
    skip_unless!("dnsmasq", "busybox");
    let lab = Lab::new().unwrap();
    let (rogue, client) = (lab.attach("rogue").unwrap(), lab.attach("client").unwrap());
    let _rogue = Server::Dnsmasq.start(&rogue, &Pool::ROGUE).unwrap();
    assert_eq!(Client::Udhcpc.lease(&client).unwrap().server_id, Pool::ROGUE.server);
    let first = guard(&lab, &format!("--iface {BRIDGE} --mode enforce"));
    let host = lab.hypervisor();

    Ended::of(host, "run --iface vmbr0").failed(&[SOCKET, "another pxeguard (pid ", "stop it or choose --control"]);
    // Nor with a socket of its own.
    let other = "run --iface vmbr0 --control /run/other.sock --listen 127.0.0.1:9468";
    Ended::of(host, other).failed(&["another pxeguard holds /sys/fs/bpf/pxeguard", "stop it"]);
    Ended::of(host, "detach").failed(&["another pxeguard holds", "stop it"]);

    assert_eq!(first.json("status").unwrap()["ports"], 2);
    assert!(!host.enter(|| Path::new("/run/other.sock").exists()).unwrap());
    let dropped = || first.json("servers").unwrap()[0]["dropped"].as_u64().unwrap_or(0);
    let before = dropped();
    assert_eq!(Client::Udhcpc.lease_within(&client, Duration::from_secs(2)).unwrap(), None);
    assert!(dropped() > before);
}

#[test]
fn socket_of_another_program_is_left_alone() {
    skip_unless!("bpftool");
    let lab = Lab::new().unwrap();
    let host = lab.hypervisor();
    let _other = host.enter(|| UnixListener::bind("/run/other.sock")).unwrap().unwrap();
    let refused = Ended::of(host, "run --iface vmbr0 --control /run/other.sock");
    refused.failed(&["/run/other.sock", "answers there", "choose --control"]);
    assert_nothing_attached(host);
}

#[test]
fn file_in_the_sockets_place_is_left_as_it_is() {
    skip_unless!("bpftool");
    let lab = Lab::new().unwrap();
    let host = lab.hypervisor();
    host.write(SOCKET, "a diary").unwrap();
    Ended::of(host, "run --iface vmbr0").failed(&[SOCKET, "something else is there", "choose --control"]);
    assert_eq!(host.read(SOCKET).unwrap(), "a diary");
    assert_nothing_attached(host);
}

#[test]
fn folder_of_the_socket_is_made_or_it_is_told_why_not() {
    skip_unless!("bpftool");
    let lab = Lab::new().unwrap();
    let host = lab.hypervisor();
    host.run(["sh", "-c", "mkdir /run/read-only && mount -t tmpfs -o ro tmpfs /run/read-only"]).unwrap();
    for socket in ["/run/read-only/pxeguard.sock", "/run/read-only/folder/pxeguard.sock", "/proc/pxeguard.sock"] {
        let ended = Ended::of(host, &format!("run --iface vmbr0 --control {socket}"));
        ended.failed(&["control socket", socket, "cannot make it"]);
    }
    assert_nothing_attached(host);
    let socket = "/run/a/new/folder/pxeguard.sock";
    let _guard = guard(&lab, &format!("--iface vmbr0 --control {socket}"));
    Ended::of(host, &format!("status --control {socket}")).succeeded(&["observe"]);
    let mode = host.run(["stat", "--format=%a %F", socket]).unwrap();
    assert_eq!(mode, "600 socket\n");
}

#[test]
fn socket_that_a_crash_left_behind_is_replaced() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    guard(&lab, "--iface vmbr0").kill9().unwrap();
    Ended::of(lab.hypervisor(), "status").failed(&["nobody answers at", SOCKET, "pxeguard run"]);
    let guard = guard(&lab, "--iface vmbr0");
    assert_eq!(guard.json("status").unwrap()["mode"], "observe");
}

/// A process that listens at a socket and ends; its child has the socket for some seconds more after somebody connects.
const HELD: &str = "
import os, socket, sys, time
held = socket.socket(socket.AF_UNIX)
held.bind('/run/pxeguard/pxeguard.sock')
held.listen()
if os.fork() == 0:
    print('held', flush=True)
    connected = held.accept()
    time.sleep(float(sys.argv[1]))
    os.mkdir('/run/let-go')
";

#[test]
fn socket_of_a_killed_daemon_is_replaced_once_what_it_was_starting_has_let_go_of_it_but_not_waited_for_for_ever() {
    skip_unless!("python3");
    for (seconds, lets_go) in [("0.5", true), ("600", false)] {
        let lab = Lab::new().unwrap();
        lab.hypervisor().run(["mkdir", "/run/pxeguard"]).unwrap();
        let held = lab.hypervisor().spawn(["python3", "-c", HELD, seconds]).unwrap();
        held.wait_line(|line| line == "held", SOON).unwrap();
        until(SOON, "the one that listened has ended", || !held.is_running()).unwrap();
        let guard = guard(&lab, "--iface vmbr0");
        assert_eq!(guard.json("status").unwrap()["mode"], "observe");
        let has_let_go = lab.hypervisor().enter(|| Path::new("/run/let-go").exists()).unwrap();
        assert_eq!(has_let_go, lets_go, "{seconds}");
    }
}
