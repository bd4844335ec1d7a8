//! Exactly what the limit says passes, by each hook and from many CPUs; nothing else is counted or cut.

use std::thread;
use std::time::Instant;

use pxeguard_lab::frames::{Message, port};
use pxeguard_lab::{BRIDGE, Guard, Lab, Sender, skip_unless, until};

use crate::config::{CONFIG, Counted, counted, counted_in_all, limit, most, wait_counted};
use crate::cpus;
use crate::scene::SOON;

const HOOKS: [&str; 4] = ["tcx", "clsact", "xdp", "xdp-generic"];

#[test]
fn what_exceeds_the_burst_is_cut_at_its_port_by_each_hook() {
    skip_unless!();
    for hook in HOOKS {
        let lab = Lab::new().unwrap();
        let [flooder, client, server] = ["flooder", "client", "server"].map(|name| lab.attach(name).unwrap());
        limit(lab.hypervisor(), "client_messages_per_s = 1\nclient_burst = 50");
        let guard =
            Guard::start(&lab, ["--iface", BRIDGE, "--config", CONFIG, "--hook", hook, "--trust-port", server.port()])
                .unwrap();
        let (from, at_server) = (flooder.raw().unwrap(), server.raw().unwrap());
        let to_4011 = |message: &mut Message| message.udp.destination_port = port::PXE;
        let messages = [Message::discover().frame(), Message::pxe_discover().with(to_4011).frame()];
        // These are no messages to a server: a server's own, and a client's to another port.
        let others =
            [Message::offer().frame(), Message::discover().with(|message| message.udp.destination_port = 69).frame()];
        let began = Instant::now();
        for number in 0..200 {
            from.send(&messages[number % 2]).unwrap();
            others.iter().for_each(|other| from.send(other).unwrap());
        }
        let lasted = began.elapsed();
        let counted = wait_counted(&guard, &flooder, 200);
        assert!((50..=most(1, 50, lasted)).contains(&counted.passed), "{hook}: {counted:?} in {lasted:?}");
        assert_eq!(counted, Counted { cut: 200 - counted.passed, would_cut: 0, ..counted });
        assert_eq!(counted_in_all(&guard), counted);

        // Another port has a bucket of its own, and its last message is behind all others.
        let last = Message::discover().with(|last| last.source_mac = client.mac()).frame();
        client.raw().unwrap().send(&last).unwrap();
        let (mut arrived, mut to_69) = (0, 0);
        let deadline = Instant::now() + SOON;
        loop {
            let frame = at_server.receive(deadline).unwrap().expect("the last message arrives");
            match frame {
                frame if frame == last => break,
                frame if messages.contains(&frame) => arrived += 1,
                frame if frame == others[1] => to_69 += 1,
                _ => {}
            }
        }
        assert_eq!((arrived, to_69), (counted.passed, 200), "{hook}");
    }
}

#[test]
fn many_cpus_together_get_no_more_than_the_limit() {
    skip_unless!();
    const EACH: usize = 100_000;
    let lab = Lab::new().unwrap();
    let (flooder, server) = (lab.attach("flooder").unwrap(), lab.attach("server").unwrap());
    limit(lab.hypervisor(), "client_messages_per_s = 100\nclient_burst = 1000");
    let guard = Guard::start(&lab, ["--iface", BRIDGE, "--config", CONFIG, "--trust-port", server.port()]).unwrap();
    let frames = vec![Message::discover().frame(); EACH];
    let cpus = cpus::all();
    let began = Instant::now();
    thread::scope(|scope| {
        for cpu in &cpus {
            scope.spawn(|| {
                cpus::stay_on(*cpu);
                Sender::open(&flooder, "eth0").unwrap().send_all(&frames).unwrap();
            });
        }
    });
    let lasted = began.elapsed();
    // A CPU's backlog may have overflowed.
    let counted = counted(&guard, &flooder);
    let overdrawn = cpus.len() as u64 - 1;
    assert!(counted.all() > EACH as u64, "{counted:?}");
    let most = most(100, 1000, lasted) + overdrawn;
    assert!((1000..=most).contains(&counted.passed), "{counted:?} of at most {most} in {lasted:?}");
}

#[test]
fn an_observing_guard_counts_and_cuts_nothing() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let (flooder, server) = (lab.attach("flooder").unwrap(), lab.attach("server").unwrap());
    limit(lab.hypervisor(), "client_messages_per_s = 1\nclient_burst = 5");
    let guard = Guard::start(&lab, ["--iface", BRIDGE, "--config", CONFIG]).unwrap();
    let (from, at_server) = (flooder.raw().unwrap(), server.raw().unwrap());
    let discover = Message::discover().frame();
    (0..100).for_each(|_| from.send(&discover).unwrap());
    let counted = wait_counted(&guard, &flooder, 100);
    assert_eq!(counted, Counted { passed: 100 - counted.would_cut, cut: 0, would_cut: counted.would_cut });
    assert!(counted.would_cut > 0);
    let mut arrived = 0;
    until(SOON, "all of them arrive", || {
        arrived += usize::from(at_server.receive(Instant::now()).unwrap().is_some_and(|frame| frame == discover));
        arrived == 100
    })
    .unwrap();
    let told =
        "port=p-flooder: a flood of DHCP clients' messages: more than 1 a second and 5 at once; the rest would be cut";
    guard.process().wait_line(|line| line.ends_with(told), SOON).unwrap();
}
