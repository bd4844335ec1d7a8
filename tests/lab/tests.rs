//! The lab itself, tried.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::frames::{self, ClientRequest, Message};
use crate::{Client, Lab, Pool, Server, skip_unless, until};

const SOON: Duration = Duration::from_secs(5);

#[test]
fn every_client_gets_a_lease_from_every_server() {
    skip_unless!("dnsmasq", "kea-dhcp4", "busybox", "dhclient", "dhcpcd");
    let lab = Lab::new().unwrap();
    let (trusted, client) = (lab.attach("trusted").unwrap(), lab.attach("client").unwrap());
    for server in Server::ALL {
        let _running = server.start(&trusted, &Pool::TRUSTED).unwrap();
        for program in Client::ALL {
            let lease = program.lease(&client).unwrap();
            assert_eq!(lease.server_id, Pool::TRUSTED.server, "{server:?} {program:?}");
            assert!(Pool::TRUSTED.contains(lease.address), "{server:?} {program:?} {lease:?}");
        }
    }
}

#[test]
fn rogue_server_wins_against_a_slower_one_while_nobody_guards() {
    skip_unless!("dnsmasq", "ethtool", "busybox", "dhclient", "dhcpcd");
    let lab = Lab::new().unwrap();
    let trusted = lab.attach_slow("trusted", Duration::from_millis(30)).unwrap();
    let (rogue, client) = (lab.attach("rogue").unwrap(), lab.attach("client").unwrap());
    let _trusted = Server::Dnsmasq.start(&trusted, &Pool::TRUSTED).unwrap();
    for program in Client::ALL {
        let lease = program.lease(&client).unwrap();
        assert_eq!(lease.server_id, Pool::TRUSTED.server, "{program:?} without the rogue");
    }
    let _rogue = Server::Dnsmasq.start(&rogue, &Pool::ROGUE).unwrap();
    for program in Client::ALL {
        for _ in 0..5 {
            assert_eq!(program.lease(&client).unwrap().server_id, Pool::ROGUE.server, "{program:?}");
        }
    }
}

#[test]
fn client_takes_a_lease_made_by_hand() {
    skip_unless!("busybox");
    let lab = Lab::new().unwrap();
    let (rogue, client) = (lab.attach("rogue").unwrap(), lab.attach("client").unwrap());
    let socket = rogue.raw().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // A DISCOVER and a REQUEST.
            for _ in 0..2 {
                let frame = socket.find(SOON, |frame| ClientRequest::read(frame).is_some()).unwrap();
                let request = ClientRequest::read(&frame.expect("the client asks")).unwrap();
                socket.send(&Message::answer(&request).frame()).unwrap();
            }
        });
        assert_eq!(Client::Udhcpc.lease(&client).unwrap().server_id, frames::SERVER);
    });
    assert_eq!(Client::Udhcpc.lease_within(&client, Duration::from_millis(300)).unwrap(), None);
}

#[test]
fn every_frame_arrives_as_it_was_sent() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let (sender, receiver) = (lab.attach("sender").unwrap(), lab.attach("receiver").unwrap());
    let (from, to) = (sender.raw().unwrap(), receiver.raw().unwrap());
    let innocent = frames::innocent().into_iter().map(|innocent| innocent.frame);
    let disguised = frames::mutations().into_iter().flat_map(|mutation| mutation.frames);
    let mut frames: Vec<_> = innocent.chain(disguised).collect();
    for frame in &mut frames {
        // Or the bridge learns the client's MAC at the sender's port, and keeps what is sent to it.
        frame[6..12].copy_from_slice(sender.mac().as_bytes());
    }
    for frame in &frames {
        from.send(frame).unwrap();
        let arrived = to.find(SOON, |arrived| arrived == frame).unwrap();
        assert!(arrived.is_some(), "lost: {frame:02x?}");
    }
    let all: Vec<_> = frames.iter().map(Vec::as_slice).collect();
    from.send_ring(&all).unwrap();
    for frame in &frames {
        let arrived = to.find(SOON, |arrived| arrived == frame).unwrap();
        assert!(arrived.is_some(), "lost out of the ring: {frame:02x?}");
    }
}

#[test]
fn virtual_machine_talks_through_its_tap() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let (machine, guest) = (lab.attach_tap("tap100i0").unwrap(), lab.attach("guest").unwrap());
    let socket = guest.raw().unwrap();
    let (discover, offer) = (Message::discover().frame(), Message::offer().frame());
    machine.send(&discover).unwrap();
    assert!(socket.find(SOON, |frame| frame == discover).unwrap().is_some());
    socket.send(&offer).unwrap();
    let deadline = Instant::now() + SOON;
    while machine.receive(deadline).unwrap().expect("the offer comes before the deadline") != offer {}
}

#[test]
fn port_leaves_its_bridge_comes_back_and_is_renamed() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let mut guest = lab.attach_detached("guest").unwrap();
    let master = |port: &str| lab.hypervisor().enter(|| Path::new(&format!("/sys/class/net/{port}/master")).exists());
    assert!(!master(guest.port()).unwrap());
    lab.join(&guest, crate::BRIDGE).unwrap();
    assert!(master(guest.port()).unwrap());
    lab.rename(&mut guest, "fwpr100p0").unwrap();
    assert!(master("fwpr100p0").unwrap());
    lab.leave(&guest).unwrap();
    assert!(!master(guest.port()).unwrap());
    lab.add_bridge("vmbr1").unwrap();
    lab.join(&guest, "vmbr1").unwrap();
}

#[test]
fn program_of_a_host_ends_with_the_host() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let guest = lab.attach("guest").unwrap();
    let program = guest.spawn(["sh", "-c", "echo started; exec sleep 1000"]).unwrap();
    program.wait_line(|line| line == "started", SOON).unwrap();
    drop(guest);
    program.wait(SOON).unwrap();
}

#[test]
fn nothing_outlives_a_killed_lab() {
    skip_unless!();
    let held = ["--ignored", "--exact", "--nocapture", "tests::hold_a_lab"];
    let mut test = Command::new(env::current_exe().unwrap()).args(held).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(test.stdout.take().unwrap()).lines().map(Result::unwrap);
    let pids: Vec<String> = lines
        .filter_map(|line| line.split_once("holds ").map(|(_, pids)| pids.to_owned()))
        .take(1)
        .flat_map(|pids| pids.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert_eq!(pids.len(), 3);
    test.kill().unwrap();
    test.wait().unwrap();
    for pid in pids {
        // A zombie has no namespaces any more; who reaps it is not our business.
        let namespace = format!("/proc/{pid}/ns/net");
        until(SOON, "the program is gone", || Path::new(&namespace).read_link().is_err()).unwrap();
    }
}

#[test]
#[ignore = "run and killed by nothing_outlives_a_killed_lab"]
fn hold_a_lab() {
    let lab = Lab::new().unwrap();
    let guest = lab.attach("guest").unwrap();
    let program = guest.spawn(["sleep", "1000"]).unwrap();
    println!("holds {} {} {}", lab.hypervisor().pid(), guest.pid(), program.pid());
    std::thread::park();
}
