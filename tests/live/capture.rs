//! `pxeguard capture`: what tshark reads of it.

use std::time::Duration;

use nix::sys::signal::Signal;
use pxeguard_lab::frames::Message;
use pxeguard_lab::{Guard, Guest, Host, Process, guard, skip_unless, until};

use crate::scene::{BRIDGE, SOON, Scene};

const FILE: &str = "/run/lab/captured.pcapng";

/// What tshark says of one frame.
#[derive(Debug)]
struct Read {
    iface: String,
    captured: u32,
    len: u32,
    vlan: String,
    /// Option 53.
    kind: String,
    comment: String,
}

/// Reads a capture as Wireshark does, which has nothing to complain of.
fn read(host: &Host) -> Vec<Read> {
    let fields = ["frame.interface_name", "frame.cap_len", "frame.len", "vlan.id", "dhcp.option.dhcp", "frame.comment"];
    let fields = fields.iter().flat_map(|field| ["-e", field]);
    let command = ["tshark", "-n", "-r", FILE, "-T", "fields", "-E", "separator=|"];
    let ran = host.output(command.into_iter().chain(fields)).unwrap();
    let complaints = String::from_utf8_lossy(&ran.output.stderr).into_owned();
    let complaints: Vec<_> = complaints.lines().filter(|line| !line.contains("Running as user")).collect();
    assert!(ran.output.status.success() && complaints.is_empty(), "{complaints:?}");
    let read = |line: &str| {
        let parts: Vec<_> = line.split('|').collect();
        let [iface, captured, len, vlan, kind, comment] = parts[..] else { panic!("{line}") };
        Read {
            iface: iface.to_owned(),
            captured: captured.parse().unwrap(),
            len: len.parse().unwrap(),
            vlan: vlan.to_owned(),
            kind: kind.to_owned(),
            comment: comment.to_owned(),
        }
    };
    String::from_utf8_lossy(&ran.output.stdout).lines().map(read).collect()
}

/// Waits until the guard has seen so many replies behind a guest's port.
fn wait_seen(guard: &Guard<'_>, guest: &Guest, replies: u64) {
    until(SOON, &format!("{replies} replies are seen at {}", guest.port()), || {
        let ports = guard.json("ports").unwrap();
        let port = ports.as_array().unwrap().iter().find(|port| port["name"] == guest.port()).unwrap();
        ["passed", "dropped", "would_drop"].iter().map(|verdict| port[verdict].as_u64().unwrap()).sum::<u64>()
            >= replies
    })
    .unwrap();
}

fn start(host: &Host, arguments: &[&str]) -> Process {
    let program = guard::program().unwrap();
    host.spawn([&[program.to_str().unwrap(), "capture"], arguments].concat()).unwrap()
}

#[test]
fn what_is_remembered_is_read_by_tshark_with_verdict_reason_and_lengths() {
    skip_unless!("tshark");
    let scene = Scene::new();
    let (trusted, rogue) = (scene.attach("trusted"), scene.attach("rogue"));
    let guard = scene.guard(&["--trust-port", trusted.port()]);
    let long = Message::offer().with(|offer| {
        offer.bootp.set(43, [7; 250]).set(250, [7; 250]).set(251, [7; 250]).set(252, [7; 250]);
    });
    trusted.raw().unwrap().send(&Message::offer().frame()).unwrap();
    rogue.raw().unwrap().send(&long.frame()).unwrap();
    for guest in [&trusted, &rogue] {
        wait_seen(&guard, guest, 1);
    }
    scene.ask(&scene.discover(1));

    let hypervisor = scene.lab.hypervisor();
    // The counters know of a reply before the recorder does.
    let mut frames = Vec::new();
    until(SOON, "all are remembered", || {
        guard.run(["capture", "--past", "-w", FILE]).unwrap();
        frames = read(hypervisor);
        [trusted.port(), rogue.port(), BRIDGE].iter().all(|iface| frames.iter().any(|frame| frame.iface == *iface))
    })
    .unwrap();
    let at = |iface: &str| frames.iter().filter(|frame| frame.iface == iface).collect::<Vec<_>>();
    let [passed, dropped] = [&trusted, &rogue].map(|guest| at(guest.port())[0]);
    assert!(passed.comment.starts_with("passed (trusted): "), "{passed:?}");
    assert_eq!((passed.captured, passed.kind.as_str()), (passed.len, "2"));
    assert!(dropped.comment.starts_with("dropped (untrusted): the server is not trusted"), "{dropped:?}");
    assert_eq!((dropped.captured, dropped.len as usize), (1024, long.frame().len()));
    let answer = at(BRIDGE)[0];
    assert_eq!(answer.comment, "answered by pxeguard in the kernel, which does not show the question");
    assert_eq!((answer.kind.as_str(), answer.captured), ("2", answer.len));
    let info = hypervisor.run(["capinfos", FILE]).unwrap();
    for line in ["Encapsulation = Ethernet", "Time precision = nanoseconds (9)", &format!("Name = {}", rogue.port())] {
        assert!(info.contains(line), "{line} is not in {info}");
    }

    guard.run(["capture", "--past", "--dropped", "-w", FILE]).unwrap();
    let only = read(hypervisor);
    assert!(only.len() == 1 && only[0].iface == rogue.port(), "{only:?}");
    guard.run(["capture", "--past", "--count", "2", "-w", FILE]).unwrap();
    assert_eq!(read(hypervisor).len(), 2);
}

#[test]
fn a_client_that_the_daemon_answers_is_there_with_question_and_answer_and_its_vlan() {
    skip_unless!("tshark");
    let scene = Scene::new();
    let guard = scene.guard(&["--no-fast-path"]);
    let question = scene.discover(1);
    scene.at_client.send(&question.framed(&question.carried().tag(0x8100, 5))).unwrap();
    scene.ours(SOON, |reply| reply.xid == 1).expect("it is answered");
    // An answer is sent before it is recorded.
    let mut frames = Vec::new();
    until(SOON, "both are remembered", || {
        guard.run(["capture", "--past", "-w", FILE]).unwrap();
        frames = read(scene.lab.hypervisor());
        frames.len() == 2
    })
    .unwrap();
    let told: Vec<_> = frames.iter().map(|frame| (frame.kind.as_str(), frame.vlan.as_str())).collect();
    assert_eq!(told, [("1", "5"), ("2", "5")], "{frames:?}");
    assert_eq!(frames[0].comment, "a client's question: answered by an offer (direct)");
    assert_eq!(frames[1].comment, "answered by pxeguard");
}

#[test]
fn tshark_at_a_pipe_shows_a_drop_as_it_happens_and_its_end_ends_the_capture() {
    skip_unless!("tshark");
    let scene = Scene::new();
    let rogue = scene.attach("rogue");
    let guard = scene.guard(&["--mode", "enforce"]);
    let program = guard::program().unwrap();
    let line = format!(
        "{} capture --dropped -w - | tshark -l -n -r - -c 1 -T fields -e frame.interface_name -e frame.comment; \
         echo ended ${{PIPESTATUS[0]}}",
        program.display()
    );
    let piped = scene.lab.hypervisor().spawn(["bash", "-c", &line]).unwrap();
    piped.wait_line(|line| line.contains("capturing"), SOON).unwrap();
    // What is not dropped is not there.
    scene.ask(&scene.discover(1));
    rogue.raw().unwrap().send(&Message::offer().frame()).unwrap();
    let shown = piped.wait_line(|line| line.contains("dropped (untrusted)"), SOON).unwrap();
    assert!(shown.starts_with(rogue.port()), "{shown}");
    // Whoever writes to a pipe learns of its other end when there is something to write.
    let sender = rogue.raw().unwrap();
    until(Duration::from_secs(10), "the capture ends", || {
        sender.send(&Message::nak().frame()).unwrap();
        piped.output().contains("ended 0")
    })
    .unwrap();
    drop(guard);
}

#[test]
fn a_signal_ends_a_capture_whose_file_is_whole() {
    skip_unless!("tshark");
    let scene = Scene::new();
    let rogue = scene.attach("rogue");
    let guard = scene.guard(&[]);
    let hypervisor = scene.lab.hypervisor();
    let capture = start(hypervisor, &["-w", FILE]);
    capture.wait_line(|line| line.contains("capturing"), SOON).unwrap();
    rogue.raw().unwrap().send(&Message::offer().frame()).unwrap();
    until(SOON, "the frame is written", || read(hypervisor).len() == 1).unwrap();
    capture.signal(Signal::SIGINT).unwrap();
    assert!(capture.wait(SOON).unwrap().success());
    assert!(capture.output().contains("1 frames written"), "{}", capture.output());
    let frames = read(hypervisor);
    assert!(frames[0].comment.starts_with("would be dropped (untrusted): "), "{frames:?}");

    // One that has lost its daemon says so, and keeps what it has.
    let capture = start(hypervisor, &["--past", "--duration", "60", "-w", FILE]);
    until(SOON, "the past is written", || read(hypervisor).len() == 1).unwrap();
    guard.stop().unwrap();
    assert_eq!(capture.wait(SOON).unwrap().code(), Some(1));
    assert!(capture.output().contains("no pxeguard runs here"), "{}", capture.output());
    assert_eq!(read(hypervisor).len(), 1);
}
