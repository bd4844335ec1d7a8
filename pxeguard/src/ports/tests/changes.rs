//! Changes are seen, also when the kernel has more to tell than fits.

use futures_util::FutureExt;
use tokio::time::timeout;

use super::super::{Link, Watch};
use super::namespace::{DEADLINE, ip, ip_in_background, run, until};
use super::{ifaces, names};

/// The kernel makes of it what it needs for one notification (`SOCK_MIN_RCVBUF`).
const SMALL: usize = 1;
const MANY: usize = 4000;
const PORTS: usize = 100;

#[test]
fn ports_that_join_leave_move_and_go_are_seen() {
    run(&["ip"], || async {
        let mut watch = Watch::open().expect("netlink");
        let guarded = ifaces(["vmbr0"]);
        let steps = [
            ("link add vmbr0 type bridge", vec![]),
            ("link add p0 type veth peer name e0", vec![]),
            ("link set p0 master vmbr0", vec!["p0"]),
            ("link set p0 name veth100i0", vec!["veth100i0"]),
            ("link add vmbr1 type bridge", vec!["veth100i0"]),
            ("link set veth100i0 master vmbr1", vec![]),
            ("link set veth100i0 master vmbr0", vec!["veth100i0"]),
            ("link set veth100i0 nomaster", vec![]),
            ("link set veth100i0 master vmbr0", vec!["veth100i0"]),
            ("link delete veth100i0", vec![]),
        ];
        for (line, expected) in steps {
            ip(&format!("{line}\n"));
            timeout(DEADLINE, watch.changed()).await.expect(line).expect("the kernel tells");
            let targets = watch.snapshot().await.expect("the kernel tells").targets(&guarded).await;
            assert_eq!(names(&targets), expected, "{line}");
        }
    });
}

#[test]
fn an_interface_that_comes_back_has_another_number() {
    run(&["ip"], || async {
        let mut watch = Watch::open().expect("netlink");
        ip("link add eno1 type veth peer name e0\n");
        let before = until(&mut watch, "eno1 is there", |now| now.index_of("eno1").is_some()).await;
        ip("link delete eno1\n");
        let between = until(&mut watch, "eno1 is gone", |now| now.index_of("eno1").is_none()).await;
        assert_eq!(between.targets(&ifaces(["eno1"])).await.problems.len(), 1);
        ip("link add eno1 type veth peer name e0\n");
        let after = until(&mut watch, "eno1 is back", |now| now.index_of("eno1").is_some()).await;
        assert_ne!(before.index_of("eno1"), after.index_of("eno1"));
        assert_eq!(names(&after.targets(&ifaces(["eno1"])).await), ["eno1"]);
    });
}

#[test]
fn an_address_is_a_change() {
    run(&["ip"], || async {
        let mut watch = Watch::open().expect("netlink");
        ip("link add vmbr0 type bridge\n");
        until(&mut watch, "it is there", |now| now.index_of("vmbr0").is_some()).await;
        ip("address add 192.0.2.1/24 dev vmbr0\n");
        until(&mut watch, "address", |now| now.link_named("vmbr0").is_some_and(Link::has_address)).await;
    });
}

#[test]
fn a_burst_is_one_change() {
    run(&["ip"], || async {
        let mut watch = Watch::open().expect("netlink");
        ip(&format!("link add vmbr0 type bridge\n{}", aliases(200)));
        watch.changed().await.expect("the kernel tells");
        for _ in 0..10 {
            // Lets the runtime look for more.
            tokio::task::yield_now().await;
            assert!(watch.changed().now_or_never().is_none(), "told once already");
        }
        assert_eq!(watch.overruns(), 0);
    });
}

#[test]
fn an_overrun_loses_nothing() {
    run(&["ip"], || async {
        let mut watch = Watch::with_receive_buffer(SMALL).expect("netlink");
        ip(&format!("link add vmbr0 type bridge\n{}link set vmbr0 name vmbr7\n", aliases(MANY)));
        watch.changed().await.expect("an overrun is a change, and no error");
        assert!(watch.overruns() > 0, "the buffer was meant to be too small");
        until(&mut watch, "the last change", |now| now.index_of("vmbr7").is_some()).await;
        while watch.changed().now_or_never().is_some() {}
        ip("link set vmbr7 name vmbr8\n");
        let after = timeout(DEADLINE, watch.changed()).await;
        after.expect("it goes on after an overrun").expect("the kernel tells");
        until(&mut watch, "what came after", |now| now.index_of("vmbr8").is_some()).await;
    });
}

#[test]
fn thousands_of_changes_while_they_are_read_end_in_what_there_is() {
    run(&["ip"], || async {
        let mut watch = Watch::with_receive_buffer(SMALL).expect("netlink");
        let ports: String = (0..PORTS)
            .map(|n| {
                let add = format!("link add p{n} master vmbr0 type veth peer name e{n}\n");
                format!("{add}{}link delete p{n}\n", aliases(MANY / PORTS))
            })
            .collect();
        let last = "link add last master vmbr0 type veth peer name e\n";
        let mut storm = ip_in_background(&format!("link add vmbr0 type bridge\n{ports}{last}"));
        let end = until(&mut watch, "the last port", |now| now.index_of("last").is_some()).await;
        assert!(storm.wait().expect("it is our child").success());
        assert_eq!(names(&end.targets(&ifaces(["vmbr0"])).await), ["last"]);
        eprintln!("{MANY} changes and {PORTS} ports, {} overruns", watch.overruns());
    });
}

/// So many changes of a bridge that is there.
fn aliases(count: usize) -> String {
    (0..count).map(|n| format!("link set vmbr0 alias a{n}\n")).collect()
}
