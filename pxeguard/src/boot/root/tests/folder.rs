//! A folder for one test.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use nix::unistd::{Uid, geteuid};
use tempfile::TempDir;

use crate::boot::{Content, Root, Source};

pub(super) struct Folder(TempDir);

impl Folder {
    /// Empty, and open to everybody.
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        Self(folder)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn root(&self) -> Root {
        Root::new(self.0.path())
    }

    /// Writes a file, and makes the folders before it.
    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn link(&self, name: &str, target: &str) {
        symlink(target, self.path(name)).unwrap();
    }

    /// Makes a link somebody else's than root's.
    pub(super) fn give_away(&self, link: &str) {
        std::os::unix::fs::lchown(self.path(link), Some(Uid::from_raw(12345).as_raw()), None).unwrap();
    }

    /// Sets the time of modification.
    pub(super) fn touch(&self, name: &str, modified: SystemTime) {
        File::options().write(true).open(self.path(name)).unwrap().set_modified(modified).unwrap();
    }
}

/// All bytes of a content.
pub(super) fn text(content: &Content) -> String {
    let mut bytes = vec![0; usize::try_from(content.len).unwrap() + 1];
    let len = content.read_at(&mut bytes, 0).unwrap();
    String::from_utf8(bytes[..len].to_vec()).unwrap()
}

pub(super) fn is_in_memory(content: &Content) -> bool {
    matches!(content.bytes, Source::Memory(_))
}

/// Why a file is not served.
pub(super) fn denial(root: &Root, name: &str) -> String {
    root.file(name.as_bytes()).map(|content| panic!("{name:?} is served: {content:?}")).unwrap_err().to_string()
}

/// Whether links of root's can be made; else says that the test is skipped.
///
/// # Panics
/// If they cannot, although `PXEGUARD_NO_SKIP` is set.
pub(super) fn is_root() -> bool {
    if !geteuid().is_root() {
        assert!(std::env::var_os("PXEGUARD_NO_SKIP").is_none(), "may not be skipped: needs root");
        eprintln!("SKIP: needs root");
    }
    geteuid().is_root()
}

/// Calls until something holds.
///
/// # Panics
/// If it does not within 20 seconds.
pub(super) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = SystemTime::now();
    while !holds() {
        assert!(begin.elapsed().is_ok_and(|waited| waited < Duration::from_secs(20)), "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
