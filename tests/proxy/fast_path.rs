//! PXE clients answered in the kernel.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use pxeguard_lab::frames::{Message, code};
use pxeguard_lab::{Guard, Raw, skip_unless, until};

use crate::scene::{PROGRAM, Reply, SERVER, SOON, Scene};

const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 50);

#[test]
fn the_kernel_answers_with_the_same_bytes_as_the_daemon() {
    skip_unless!();
    let scene = Scene::new();
    let requests = kinds(&scene);
    let guard = scene.guard(&[]);
    let before = (wait_for_fast_path(&scene, &guard), daemon_answers(&guard));
    let by_kernel: Vec<_> = requests.iter().map(|request| answer(&scene, request)).collect();
    assert_eq!(kernel_answers(&guard), Some(before.0 + requests.len() as u64), "all of them by the kernel");
    assert_eq!(daemon_answers(&guard), before.1);
    guard.stop().unwrap();

    let guard = scene.guard(&["--no-fast-path"]);
    let by_daemon: Vec<_> = requests.iter().map(|request| answer(&scene, request)).collect();
    assert_eq!((kernel_answers(&guard), daemon_answers(&guard)), (None, requests.len() as u64));
    for (number, (by_kernel, by_daemon)) in by_kernel.iter().zip(&by_daemon).enumerate() {
        assert_eq!(by_kernel, by_daemon, "{number}");
        assert!(Reply::read(by_kernel).unwrap().is_whole, "{number}: its checksum is wrong");
    }
}

#[test]
fn the_dhcp_server_gets_each_question_once_as_it_was_and_the_client_one_answer() {
    skip_unless!();
    let scene = Scene::new();
    let server = scene.attach("server");
    let at_server = server.raw().unwrap();
    let guard = scene.guard(&[]);
    let before = wait_for_fast_path(&scene, &guard);
    at_server.drain().unwrap();
    let questions: Vec<_> = (1..=20).map(|number| stranger(&scene, number)).collect();
    for question in &questions {
        scene.at_client.send(&question.frame()).unwrap();
    }
    let replies = scene.replies_until(&stranger(&scene, 99));
    let asked: Vec<_> = replies.iter().filter(|reply| reply.is_proxys()).map(|reply| reply.xid).collect();
    assert_eq!(asked, (1..=20).collect::<Vec<_>>());
    assert_eq!(kernel_answers(&guard), Some(before + 21));
    let seen = frames_until(&at_server, &stranger(&scene, 99).frame());
    assert_eq!(seen, questions.iter().map(Message::frame).collect::<Vec<_>>(), "nothing else goes there");
}

#[test]
fn the_kernel_answers_behind_each_hook() {
    skip_unless!();
    for hook in ["xdp", "clsact"] {
        let scene = Scene::new();
        let server = scene.attach("server");
        let at_server = server.raw().unwrap();
        let guard = scene.guard(&["--hook", hook]);
        let before = wait_for_fast_path(&scene, &guard);
        at_server.drain().unwrap();
        let question = stranger(&scene, 1);
        assert_eq!(scene.ask(&question).file, PROGRAM, "{hook}");
        assert_eq!(kernel_answers(&guard), Some(before + 1), "{hook}");
        scene.ask(&stranger(&scene, 2));
        let seen = frames_until(&at_server, &stranger(&scene, 2).frame());
        assert_eq!(seen, [question.frame()], "{hook}: the DHCP server gets it, once");
    }
}

#[test]
fn clients_are_answered_when_the_daemon_is_killed_and_anew_by_the_next_one() {
    skip_unless!();
    let scene = Scene::new();
    let guard = scene.guard(&[]);
    wait_for_fast_path(&scene, &guard);
    guard.kill9().unwrap();
    assert_eq!(scene.ask(&stranger(&scene, 1)).file, PROGRAM);

    scene.add_program("other.efi");
    let guard = scene.guard_with_program("other.efi");
    wait_for_fast_path(&scene, &guard);
    assert_eq!(scene.ask(&stranger(&scene, 2)).file, "other.efi");
    guard.stop().unwrap();
    assert_eq!(scene.ask(&stranger(&scene, 3)).file, "other.efi");
    // One that is to answer nobody switches it off.
    let _guard = scene.guard_without_boot();
    scene.at_client.send(&stranger(&scene, 4).frame()).unwrap();
    assert!(scene.ours(Duration::from_millis(500), |reply| reply.xid == 4).is_none());
}

#[test]
fn a_changed_boot_folder_holds_in_the_kernel_too() {
    skip_unless!();
    let scene = Scene::new();
    let guard = scene.guard_without_program();
    wait_for_fast_path(&scene, &guard);
    scene.remove_program(PROGRAM);
    until(SOON, "a program that is gone is not offered", || {
        scene.at_client.send(&stranger(&scene, 1).frame()).unwrap();
        scene.ours(Duration::from_millis(100), |reply| reply.xid == 1).is_none()
    })
    .unwrap();
    scene.add_program("new.efi");
    until(SOON, "the new one is", || {
        scene.at_client.send(&stranger(&scene, 2).frame()).unwrap();
        scene.ours(Duration::from_millis(100), |reply| reply.xid == 2).is_some_and(|reply| reply.file == "new.efi")
    })
    .unwrap();
}

#[test]
fn forged_requests_make_the_kernel_send_nothing_to_anybody() {
    skip_unless!();
    let scene = Scene::new();
    let other = scene.attach("other");
    let at_other = other.raw().unwrap();
    let guard = scene.guard(&[]);
    let before = wait_for_fast_path(&scene, &guard);
    let discover = || stranger(&scene, 7);
    let other_mac = other.mac();
    let to_4011 = |ciaddr: Ipv4Addr| scene.boot_server_request(8, ciaddr);
    let forged = [
        discover().with(|message| message.bootp.giaddr = ADDRESS),
        discover().with(|message| message.bootp.chaddr = other_mac),
        discover().with(|message| message.source_mac = [0xff; 6].into()),
        discover().with(|message| message.ip.source = ADDRESS),
        discover().with(|message| message.bootp.ciaddr = ADDRESS),
        to_4011(Ipv4Addr::new(192, 0, 2, 1)),
        to_4011(SERVER),
        to_4011(ADDRESS).with(|message| message.ip.source = Ipv4Addr::new(10, 77, 0, 51)),
        to_4011(ADDRESS).with(|message| message.bootp.chaddr = other_mac),
    ];
    at_other.drain().unwrap();
    for message in &forged {
        scene.at_client.send(&message.frame()).unwrap();
    }
    scene.ask(&stranger(&scene, 9));
    assert_eq!(kernel_answers(&guard), Some(before + 1), "only the last one");
    // What the kernel answers goes to the port that asked, and to no other.
    let last = stranger(&scene, 9).frame();
    let seen = frames_until(&at_other, &last);
    let ours = |frame: &Vec<u8>| Reply::read(frame).is_some_and(|reply| reply.xid == 9);
    assert!(!seen.iter().any(ours), "{seen:x?}");
}

/// One plain request of each kind that has something of its own.
fn kinds(scene: &Scene) -> Vec<Message> {
    let boot_server = || scene.boot_server_request(20, ADDRESS);
    let ipxe = |http: u8| {
        stranger(scene, 30 + u32::from(http)).with(|message| {
            message.bootp.set(77, *b"iPXE");
            message.bootp.set(175, [0x21, 1, 1, 0x13, 1, http]);
        })
    };
    let mut requests = vec![
        stranger(scene, 10),
        stranger(scene, 11).with(|message| message.bootp.flags = 0),
        stranger(scene, 12).with(|message| {
            message.bootp.unset(code::CLIENT_UUID);
        }),
        boot_server(),
        boot_server().with(|message| {
            message.bootp.xid = 21;
            message.bootp.set(43, [71, 4, 0x80, 0, 0, 0, 255]);
        }),
        boot_server().with(|message| {
            message.bootp.xid = 22;
            message.udp.source_port = 68;
        }),
    ];
    requests.extend([0, 1].map(ipxe));
    requests
}

/// A DISCOVER of a client that nobody knows; the number is its transaction, too.
pub fn stranger(scene: &Scene, number: u32) -> Message {
    let [.., a, b] = number.to_be_bytes();
    scene.discover(number).with(|message| {
        message.source_mac = [0x52, 0x54, 0, 0x77, a, b].into();
        message.bootp.chaddr = message.source_mac;
    })
}

/// The frame of the answer to a message.
fn answer(scene: &Scene, message: &Message) -> Vec<u8> {
    scene.at_client.send(&message.frame()).unwrap();
    let xid = message.bootp.xid;
    let is_it = |frame: &[u8]| Reply::read(frame).is_some_and(|reply| reply.is_proxys() && reply.xid == xid);
    scene.at_client.find(SOON, is_it).unwrap().unwrap_or_else(|| panic!("no answer to {message:?}"))
}

/// All frames but IPv6's until one comes, without it.
fn frames_until(at: &Raw, last: &[u8]) -> Vec<Vec<u8>> {
    let (mut frames, deadline) = (Vec::new(), Instant::now() + SOON);
    while let Some(frame) = at.receive(deadline).unwrap() {
        if frame == last {
            return frames;
        }
        if frame[12..14] == [8, 0] {
            frames.push(frame);
        }
    }
    panic!("the last frame does not come; before it came {frames:x?}")
}

/// Asks until the kernel answers; how many it has answered then.
pub fn wait_for_fast_path(scene: &Scene, guard: &Guard<'_>) -> u64 {
    let answered = || kernel_answers(guard).unwrap_or_default();
    let before = answered();
    let mut number = 1000;
    until(SOON, "the kernel answers", || {
        number += 1;
        scene.ask(&stranger(scene, number));
        answered() > before
    })
    .unwrap();
    let daemons = daemon_answers(guard);
    assert!(daemons < 10, "{daemons} answers by the daemon");
    scene.at_client.drain().unwrap();
    answered()
}

/// `None` where it answers nobody.
pub fn kernel_answers(guard: &Guard<'_>) -> Option<u64> {
    let kernel = guard.json("status").unwrap()["boot_answers"]["kernel"].clone();
    Some(kernel["offers"].as_u64()? + kernel["boot_server"].as_u64()?)
}

pub fn daemon_answers(guard: &Guard<'_>) -> u64 {
    guard.json("status").unwrap()["boot_answers"]["daemon"].as_u64().unwrap()
}
