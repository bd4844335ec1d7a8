//! Floods of DHCP clients' messages: they end at their own port, and everybody else is served as ever.

mod attacker;
mod attacks;
mod bucket;
mod config;
#[path = "../evasion/cpus.rs"]
mod cpus;
#[path = "../proxy/scene.rs"]
#[expect(dead_code, reason = "the tests of proxyDHCP use all of it")]
mod scene;
mod told;
