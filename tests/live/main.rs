//! What is seen while it happens, and afterwards: captured frames, judged by Wireshark's own programs; the terminal view;
//! guests by name.

mod capture;
mod guests;
#[path = "../proxy/scene.rs"]
#[expect(dead_code, reason = "the tests of proxyDHCP use all of it")]
mod scene;
mod watch;
