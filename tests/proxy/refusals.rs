//! Who is not answered.

use pxeguard_lab::frames::{Message, code};
use pxeguard_lab::skip_unless;

use crate::scene::Scene;

#[test]
fn malformed_and_foreign_requests_get_nothing() {
    skip_unless!();
    let scene = Scene::new();
    let _guard = scene.guard(&[]);
    let changed = |change: fn(&mut Message)| scene.discover(1).with(change).frame();
    let mut frames = vec![
        changed(|discover| _ = discover.bootp.unset(code::VENDOR_CLASS)),
        changed(|discover| _ = discover.bootp.set(code::CLIENT_UUID, [1, 2, 3])),
        changed(|discover| _ = discover.bootp.unset(code::ARCHITECTURE)),
        changed(|discover| _ = discover.bootp.set(code::ARCHITECTURE, [0, 2])),
        changed(|discover| discover.bootp.hlen = 255),
        changed(|discover| discover.bootp.cookie = [0; 4]),
        changed(|discover| discover.bootp.giaddr = [224, 0, 0, 1].into()),
        changed(|discover| discover.udp.destination_port = 4011),
        scene.boot_server_request(1, [192, 168, 9, 9].into()).frame(),
    ];
    let whole = scene.discover(1).frame();
    frames.extend((14..42 + 240).step_by(7).map(|len| whole[..len].to_vec()));
    for frame in &frames {
        scene.at_client.send(frame).unwrap();
    }
    let replies = scene.replies_until(&scene.discover(2));
    assert!(replies.is_empty(), "{replies:?}");
}
