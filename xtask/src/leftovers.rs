//! What tests must not leave on the machine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Tells the tests which program to test; whatever they start inherits it.
pub const PROGRAM: &str = "PXEGUARD_BIN";

/// Folders in which the kernel shows what lives on when its maker is gone: namespaces, pinned programs, interfaces, control
/// groups (of both hierarchies where there are two).
const PLACES: [&str; 5] = ["/run/netns", "/sys/fs/bpf", "/sys/class/net", "/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// How the names of everything begin that we make there.
const OURS: [&str; 2] = ["pxeguard", "pxg"];

/// How long what is being torn down may still be there.
const PATIENCE: Duration = Duration::from_secs(3);

/// What of ours is on this machine.
pub struct Leftovers {
    program: PathBuf,
    found: BTreeSet<PathBuf>,
}

impl Leftovers {
    /// What is here before the tests of `program`, such as a daemon in use.
    pub fn before(program: &Path) -> Self {
        Self { found: find(program), program: program.to_owned() }
    }

    /// Fails for what is here now and was not here before the tests.
    pub fn none_since(&self) -> Result<()> {
        let start = Instant::now();
        loop {
            let found = find(&self.program);
            let new: Vec<_> = found.difference(&self.found).collect();
            if new.is_empty() {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                let new: Vec<_> = new.iter().map(|path| path.to_string_lossy()).collect();
                bail!("the tests left this behind: {}; end or remove it as root", new.join(" "));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A place that is missing, or not for us to read, has nothing of ours.
fn find(program: &Path) -> BTreeSet<PathBuf> {
    let entries = |place: &str| fs::read_dir(place).into_iter().flatten().flatten();
    let named = PLACES.into_iter().flat_map(entries).filter(|entry| {
        let name = entry.file_name();
        OURS.iter().any(|ours| name.to_string_lossy().starts_with(ours))
    });
    let started = entries("/proc").filter(|process| {
        let environment = fs::read(process.path().join("environ")).unwrap_or_default();
        let ours = format!("{PROGRAM}={}", program.display());
        environment.split(|byte| *byte == 0).any(|variable| variable == ours.as_bytes())
    });
    named.chain(started).map(|entry| entry.path()).collect()
}
