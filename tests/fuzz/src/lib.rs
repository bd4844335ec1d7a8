//! What must hold for every input: a function for each fuzz target, which panics where it does not.
//!
//! They are plain functions, so that the corpus can be replayed by any toolchain: `cargo test` does.

mod judge;
mod parse;

use std::path::Path;
use std::{fs, io};

pub use judge::judge;
pub use parse::parse;

/// Runs a target on files.
pub fn replay(target: fn(&[u8]), files: impl IntoIterator<Item = impl AsRef<Path>>) -> io::Result<()> {
    files.into_iter().try_for_each(|file| {
        eprintln!("{}", file.as_ref().display());
        target(&fs::read(file)?);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_holds_for_its_corpus() {
        replay_corpus("parse", parse);
    }

    #[test]
    fn judge_holds_for_its_corpus() {
        replay_corpus("judge", judge);
    }

    fn replay_corpus(name: &str, target: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let files: Vec<_> = files.collect();
        assert!(files.len() > 20, "{} has its seeds", folder.display());
        replay(target, files).unwrap();
    }
}
