//! What a test does where it cannot run: it says so, except in CI, where nothing may be skipped.

use std::env;
use std::path::Path;

use nix::unistd::geteuid;

use crate::provided;

/// Set where a test that cannot run is a failure.
pub const NO_SKIP: &str = "PXEGUARD_NO_SKIP";

/// Whether the test has to be left out, because it is not run by root or lacks one of these programs.
///
/// A name with a `/` is that of any file of a package, which may be unpacked instead of installed ([`provided`]).
///
/// Says `SKIP: why` on standard error.
///
/// # Panics
/// If it has to be left out, and the environment has `PXEGUARD_NO_SKIP`.
pub fn unless_possible(programs: &[&str]) -> bool {
    match obstacle(programs) {
        None => false,
        Some(why) if env::var_os(NO_SKIP).is_some() => panic!("may not be skipped: {why}"),
        Some(why) => {
            eprintln!("SKIP: {why}");
            true
        }
    }
}

/// Returns from a test that cannot run here: `skip_unless!("dnsmasq", "udhcpc");`, see [`unless_possible`].
#[macro_export]
macro_rules! skip_unless {
    ($($program:expr),* $(,)?) => {
        if $crate::skip::unless_possible(&[$($program),*]) {
            return;
        }
    };
}

fn obstacle(programs: &[&str]) -> Option<String> {
    if !geteuid().is_root() {
        return Some("needs root".to_owned());
    }
    let missing = programs.iter().find(|program| !installed(program));
    missing.map(|program| format!("{program} is not here: `cargo xtask setup --for test` provides it"))
}

fn installed(program: &str) -> bool {
    if program.starts_with('/') {
        return provided(program).is_some();
    }
    let folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    folders.iter().any(|folder| Path::new(folder).join(program).exists())
}
