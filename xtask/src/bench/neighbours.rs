//! The kernel's table of neighbours.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Room in the kernel's table of neighbours for more clients at once than the 1024 it has by itself: a server that is
/// quick meets them all before the first entry is old enough to be given up.  The table is the whole machine's; its
/// limits are put back in the end.
pub struct RoomForNeighbours {
    limits: Vec<(PathBuf, String)>,
}

impl RoomForNeighbours {
    /// Makes it.
    pub fn make() -> Result<Self> {
        let mut room = Self { limits: Vec::new() };
        for (name, limit) in [("gc_thresh3", "16384"), ("gc_thresh2", "8192")] {
            let path = Path::new("/proc/sys/net/ipv4/neigh/default").join(name);
            let before = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            fs::write(&path, limit).with_context(|| format!("cannot write {}", path.display()))?;
            room.limits.push((path, before));
        }
        Ok(room)
    }
}

impl Drop for RoomForNeighbours {
    fn drop(&mut self) {
        for (path, before) in self.limits.drain(..) {
            if let Err(why) = fs::write(&path, &before) {
                eprintln!("cannot put {} back to {}: {why}", path.display(), before.trim());
            }
        }
    }
}
