//! What became of clients, kept across restarts: of those heard of last, what is told of each.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pxeguard_common::net::Mac;
use serde::{Deserialize, Serialize};

use super::guard::Guard;
use crate::explain::explain;
use crate::report::{Explanation, Timeline};
use crate::state::create;
use crate::trust::MacAddress;

/// Clients that are kept: some 4 kB each.
const MAX_CLIENTS: usize = 256;
/// Boots of one that are told, with those from before.
const MAX_BOOTS: usize = 5;
/// How often they are written, if anything was heard.
const WRITE_EVERY: Duration = Duration::from_secs(60);
/// The longest file that is read: whoever can write it can do worse, but not make the daemon swallow a disk.
const MAX_BYTES: u64 = 16 << 20;

/// What an earlier daemon saw.
#[derive(Debug, Default)]
pub(super) struct Kept {
    path: PathBuf,
    before: BTreeMap<MacAddress, Explanation>,
    written: Option<(Instant, u64)>,
}

/// The file: JSON, for it is what `pxeguard explain --json` prints.
#[derive(Deserialize, Serialize)]
struct Contents {
    clients: Vec<Explanation>,
}

impl Kept {
    /// Reads what is there, beside the state file.  It is no loss that matters: what cannot be read is told, and written anew.
    pub(super) fn open(state: &Path) -> Self {
        let path = state.with_file_name("boots.json");
        let before = match read(&path) {
            Ok(before) => before,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                log::warn!("what became of clients before is not known: cannot read {}: {error}", path.display());
                BTreeMap::new()
            }
        };
        Self { path, before, written: None }
    }

    /// Adds what was seen before to what is told now.
    fn complete(&self, told: Explanation) -> Explanation {
        let Some(before) = self.before.get(&told.mac) else { return told };
        if told.attempts.is_empty() {
            return Explanation { screen: told.screen, ..before.clone() };
        }
        let mut attempts: Vec<Timeline> = told.attempts;
        attempts.extend(before.attempts.iter().cloned());
        attempts.truncate(MAX_BOOTS);
        Explanation { attempts, ..told }
    }
}

fn read(path: &Path) -> io::Result<BTreeMap<MacAddress, Explanation>> {
    if fs::metadata(path)?.len() > MAX_BYTES {
        return Err(io::Error::other("it is longer than any that was written"));
    }
    let Contents { clients } = serde_json::from_slice(&fs::read(path)?)?;
    Ok(clients.into_iter().take(MAX_CLIENTS).map(|told| (told.mac, told)).collect())
}

impl Guard {
    /// Why a client boots or not, with what was seen before this daemon began.
    pub(super) fn explain(
        &self,
        mac: MacAddress,
        screen: Option<&str>,
    ) -> Result<Explanation, crate::dataplane::DataPlaneError> {
        let around = self.surroundings()?;
        Ok(self.kept.complete(explain(&self.clients.case(mac.0), &around, screen)))
    }

    /// Writes what became of clients, if anything was heard of one and the last time is long enough ago.
    pub(super) fn keep_boots(&mut self) {
        let (now, revision) = (Instant::now(), self.clients.revision());
        let is_due = |(at, seen): (Instant, u64)| now - at >= WRITE_EVERY && seen != revision;
        if self.kept.written.is_none_or(is_due) && revision != 0 {
            self.write_boots();
        }
    }

    /// Writes it at once: the daemon is about to stop.
    pub(super) fn write_boots(&mut self) {
        let revision = self.clients.revision();
        if self.kept.written.is_some_and(|(_, seen)| seen == revision) || revision == 0 {
            return;
        }
        self.kept.written = Some((Instant::now(), revision));
        if let Err(error) = self.try_write_boots() {
            log::error!("cannot keep what became of clients in {}: {error:#}", self.kept.path.display());
        }
    }

    fn try_write_boots(&self) -> anyhow::Result<()> {
        let around = self.surroundings()?;
        let (fetched, asked): (Vec<_>, Vec<_>) =
            self.clients.macs().into_iter().partition(|(_, has_fetched)| *has_fetched);
        let told = |(mac, _): &(Mac, bool)| self.kept.complete(explain(&self.clients.case(*mac), &around, None));
        let is_gone = |before: &&Explanation| !fetched.iter().chain(&asked).any(|(mac, _)| *mac == before.mac.0);
        // Who invents clients displaces none that is known from before, or has fetched something.
        let before = self.kept.before.values().filter(is_gone).cloned();
        let all = fetched.iter().map(told).chain(before).chain(asked.iter().map(told));
        let clients: Vec<_> = all.take(MAX_CLIENTS).collect();
        let text = serde_json::to_vec(&Contents { clients })?;
        let temporary = self.kept.path.with_extension("json.new");
        // Without waiting for the disk: what is lost with the power is a minute of stories.
        create(&temporary)?.write_all(&text)?;
        fs::rename(&temporary, &self.kept.path)?;
        Ok(())
    }
}
