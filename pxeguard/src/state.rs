//! What has to outlive the daemon: trusts added at run time, the ports to which MAC addresses were bound, what clients are
//! to boot, and how they are answered best.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::process;

use serde::{Deserialize, Serialize};

use crate::boot::Choices;
use crate::proxy::Learnt;
use crate::time::Timestamp;
use crate::trust::{InterfaceName, MacAddress, Trust, TrustPlace, Trusts};

/// What the state file holds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct State {
    /// Trusts added at run time.
    pub trusts: Vec<Trust>,
    /// Where trusted MAC addresses were first seen.
    pub bindings: BTreeMap<MacAddress, InterfaceName>,
    /// What clients boot, as it was said at run time.
    pub choices: Choices,
    /// How clients are answered best, as it was learnt.
    pub learnt: Learnt,
}

impl State {
    /// Forgets bindings of MAC addresses that no trust binds any more; says whether there were any.
    pub fn prune(&mut self, trusts: &Trusts) -> bool {
        let wanted: BTreeSet<_> = trusts.iter().filter_map(bound_mac).collect();
        let before = self.bindings.len();
        self.bindings.retain(|mac, _| wanted.contains(mac));
        self.bindings.len() != before
    }
}

fn bound_mac(trust: &Trust) -> Option<MacAddress> {
    match trust.place {
        TrustPlace::MacFirstSeen(mac) => Some(MacAddress(mac)),
        _ => None,
    }
}

/// The state file: TOML, written as a whole or not at all.
#[derive(Clone, Debug)]
pub struct StateFile {
    path: PathBuf,
}

/// A state file that could not be read, and was put aside.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "the state file {} is damaged ({why}): trusts and boot entries set at run time are lost; it was moved to {}",
    path.display(), moved_to.display()
)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// Where it is now.
    pub moved_to: PathBuf,
    /// What is wrong with it, on one line.
    pub why: String,
}

/// Why there can be no state file.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The system refused.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was attempted.
        what: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A newer pxeguard wrote it.
    #[error(
        "the state file {} is of format {version}, and this pxeguard knows {FORMAT}: install the newer one, or move it away",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        version: u32,
    },
}

/// Format of the file.  1 had neither choices nor what was learnt, and is still read.
const FORMAT: u32 = 2;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    version: u32,
    #[serde(default)]
    trust: Vec<Trust>,
    #[serde(default)]
    bindings: BTreeMap<MacAddress, InterfaceName>,
    #[serde(default)]
    learnt: Learnt,
    #[serde(default)]
    choices: Choices,
}

impl From<State> for Contents {
    fn from(State { trusts, bindings, choices, learnt }: State) -> Self {
        Self { version: FORMAT, trust: trusts, bindings, learnt, choices }
    }
}

impl From<Contents> for State {
    fn from(Contents { version: _, trust, bindings, learnt, choices }: Contents) -> Self {
        Self { trusts: trust, bindings, choices, learnt }
    }
}

/// All that is read of a file that may be of another format.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl StateFile {
    /// Opens the state file; where it is missing, the state is empty and its folder is made.
    ///
    /// A damaged file is moved aside and told: refusing to start would leave the network without a guard.
    pub fn open(path: &Path) -> Result<(Self, State, Option<Damage>), StateError> {
        let file = Self { path: path.to_owned() };
        let folder = file.folder();
        let made = DirBuilder::new().recursive(true).mode(0o755).create(folder);
        made.map_err(|source| io_error("make the folder", folder, source))?;
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => {
                return Ok((file, State::default(), None));
            }
            Err(source) => return Err(io_error("read the state file", path, source)),
        };
        match parse(&bytes) {
            Ok(contents) => Ok((file, contents.into(), None)),
            Err(Unreadable::Newer(version)) => Err(StateError::Newer { path: path.to_owned(), version }),
            Err(Unreadable::Damaged(why)) => {
                let damage = file.put_aside(why)?;
                Ok((file, State::default(), Some(damage)))
            }
        }
    }

    /// Writes the state, so that after a crash at any moment either the old or the new one is there.
    pub fn save(&self, state: &State) -> Result<(), StateError> {
        let contents = Contents::from(state.clone());
        let toml = toml::to_string(&contents).expect("strings, numbers and tables of them are TOML");
        let text = format!("# Written by pxeguard: changes made here while it runs are lost.\n{toml}");
        let temporary = self.beside(&format!(".new-{}", process::id()));
        let written = self.replace(&temporary, text.as_bytes());
        if written.is_err() {
            // What failed is told; that the remainder could not be removed either adds nothing.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn replace(&self, temporary: &Path, text: &[u8]) -> Result<(), StateError> {
        let mut file = create(temporary).map_err(|source| io_error("create", temporary, source))?;
        let written = file.write_all(text).and_then(|()| file.sync_all());
        written.map_err(|source| io_error("write", temporary, source))?;
        fs::rename(temporary, &self.path).map_err(|source| io_error("replace", &self.path, source))?;
        let folder = self.folder();
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| io_error("write the folder", folder, source))
    }

    fn put_aside(&self, why: String) -> Result<Damage, StateError> {
        let second = Timestamp::now().unix_seconds() as u64;
        let mut names = (second..).map(|second| self.beside(&format!(".damaged-{second}")));
        let moved_to = names.find(|name| !name.exists()).expect("there are more seconds than files");
        fs::rename(&self.path, &moved_to).map_err(|source| io_error("move aside", &self.path, source))?;
        Ok(Damage { path: self.path.clone(), moved_to, why })
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    /// The file's path with something appended to its name.
    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(suffix);
        name.into()
    }
}

/// A new, empty file that nobody else can read.
///
/// Who runs the daemon by hand, as root, leaves files that the service can read: they belong to their folder's owner.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600).custom_flags(nix::libc::O_NOFOLLOW);
    let file = options.open(path)?;
    if let Some(Ok(folder)) = path.parent().map(fs::metadata) {
        // Others than root cannot, and need not.
        let _ = fchown(&file, Some(folder.uid()), Some(folder.gid()));
    }
    Ok(file)
}

enum Unreadable {
    Newer(u32),
    Damaged(String),
}

fn parse(bytes: &[u8]) -> Result<Contents, Unreadable> {
    let text = str::from_utf8(bytes).map_err(|_| Unreadable::Damaged("not text".to_owned()))?;
    match toml::from_str::<Version>(text) {
        Ok(Version { version }) if version > FORMAT => return Err(Unreadable::Newer(version)),
        _ => {}
    }
    toml::from_str(text).map_err(|error| Unreadable::Damaged(error.message().replace('\n', " ")))
}

fn io_error(what: &'static str, path: &Path, source: io::Error) -> StateError {
    StateError::Io { what, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
