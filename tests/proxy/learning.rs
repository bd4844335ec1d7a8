//! A client whose firmware only takes files from port 4011.

use std::cell::Cell;
use std::time::{Duration, Instant};

use pxeguard_lab::frames::{Message, code};
use pxeguard_lab::{skip_unless, until};

use crate::fast_path::{kernel_answers, wait_for_fast_path};
use crate::scene::{PROGRAM, SERVER, SOON, Scene, of};

const ADDRESS: [u8; 4] = [10, 77, 0, 50];

#[test]
fn a_client_that_only_knows_port_4011_is_learnt_and_boots_at_its_second_try() {
    skip_unless!("curl");
    let scene = Scene::new();
    let guard = scene.guard(&[]);
    wait_for_fast_path(&scene, &guard);
    scene.client.add_address("10.77.0.50/16").unwrap();
    let xid = Cell::new(1);
    let offer = || scene.ask(&scene.discover(xid.replace(xid.get() + 1)));
    assert_eq!(offer().options[&43], [6, 1, 8, 255], "its firmware overlooks such an offer");
    // It asks again and again; after two seconds that is another try.
    until(SOON, "it is told to ask on port 4011", || !offer().options.contains_key(&43)).unwrap();
    tell_address(&scene);
    assert_eq!(scene.ask(&scene.boot_server_request(1000, ADDRESS.into())).file, PROGRAM);
    scene.client.run(["curl", "-sSf", "-o", "/dev/null", &format!("tftp://{SERVER}/{PROGRAM}")]).unwrap();
    until(SOON, "the kernel knows of it", || {
        let before = kernel_answers(&guard);
        let is_told_to_ask = !offer().options.contains_key(&43);
        assert!(is_told_to_ask);
        kernel_answers(&guard) > before
    })
    .unwrap();
    // From now on it is told so at once: also after more than two seconds, when others would be told something else.
    let mut asked = Vec::new();
    let since = Instant::now();
    until(SOON, "three seconds pass", || {
        asked.push(offer().options.contains_key(&43));
        since.elapsed() >= Duration::from_secs(3)
    })
    .unwrap();
    assert!(!asked.contains(&true), "{asked:?}");
    // And by the next daemon, from its first answer on.
    guard.stop().unwrap();
    let guard = scene.guard(&[]);
    wait_for_fast_path(&scene, &guard);
    assert!(!offer().options.contains_key(&43));
}

/// The client asks the DHCP server for its address, which is how the boot server knows whose it is.
fn tell_address(scene: &Scene) {
    let mut request = of(&scene.client, Message::pxe_discover(), 99);
    request.bootp.set(code::MESSAGE_TYPE, [3]).set(code::REQUESTED_ADDRESS, ADDRESS);
    scene.at_client.send(&request.frame()).unwrap();
}
