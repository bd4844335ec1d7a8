//! Addresses at which the daemon cannot listen.

use std::net::TcpListener;

use pxeguard_lab::{Lab, skip_unless};

use crate::ended::{Ended, assert_nothing_attached, guard};
use crate::http;

#[test]
fn address_that_is_in_use_or_not_ours_is_told_and_another_one_works() {
    skip_unless!("bpftool");
    let lab = Lab::new().unwrap();
    let _guest = lab.attach("guest").unwrap();
    let host = lab.hypervisor();
    let _other = host.enter(|| TcpListener::bind("127.0.0.1:9467")).unwrap().unwrap();
    Ended::of(host, "run --iface vmbr0").failed(&["127.0.0.1:9467", "another program uses this port", "--listen"]);
    let strange = Ended::of(host, "run --iface vmbr0 --listen 192.0.2.1:9467");
    strange.failed(&["192.0.2.1:9467", "Cannot assign requested address", "--listen"]);
    assert_nothing_attached(host);
    assert!(!host.enter(|| std::path::Path::new("/run/pxeguard/pxeguard.sock").exists()).unwrap());
    let _guard = guard(&lab, "--iface vmbr0 --listen 127.0.0.1:9468");
    assert!(http::get(host, 9468, "/metrics").contains("pxeguard_enforcing 0"));
}
