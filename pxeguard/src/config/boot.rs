//! The section `[boot]` of the configuration file, and the flags that go with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use ipnet::Ipv4Net;
use pxeguard_common::arch::Platform;
use serde::Deserialize;
use toml::Spanned;

use super::ConfigError;
use super::file::{Mistake, Texts, mistake, number};
use crate::boot::{ClientMac, ClientSettings, DEFAULT_ROOT, ProgramName, Settings};
use crate::cli::RunArgs;
use crate::proxy::Strategy;

/// What the section says.
#[derive(Debug, Default)]
pub(super) struct BootSection {
    is_enabled: Option<bool>,
    /// Whether it says anything at all.
    is_filled: bool,
    settings: Settings,
}

/// The section as it is written.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub(super) struct BootKeys {
    enabled: Option<bool>,
    root: Option<Spanned<PathBuf>>,
    http_port: Option<Spanned<i64>>,
    networks: Texts,
    timeout: Option<Spanned<i64>>,
    default: Option<Spanned<String>>,
    fast_path: Option<bool>,
    chain_ipxe: Option<bool>,
    max_transfers: Option<Spanned<i64>>,
    max_transfers_per_client: Option<Spanned<i64>>,
    programs: Table<Spanned<String>>,
    strategy: Table<Strategy>,
    clients: Table<ClientKeys>,
}

type Table<T> = BTreeMap<Spanned<String>, T>;

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
struct ClientKeys {
    entry: Option<Spanned<String>>,
    program: Option<Spanned<String>>,
    strategy: Option<Strategy>,
}

/// Seconds that a menu can wait: pxelinux takes no more than 35996 tenths (its `TIMEOUT`).
const MAX_TIMEOUT_S: u64 = 3599;
/// Transfers at once that can be allowed: a port of UDP each.
const MAX_TRANSFERS: u64 = 60_000;

impl BootKeys {
    pub(super) fn parse(self) -> Result<BootSection, Mistake> {
        let is_filled = self != Self::default();
        let mut settings = Settings::default();
        if let Some(root) = self.root {
            if root.get_ref().as_os_str().is_empty() {
                return Err(mistake(&root, "the name of the boot root is missing"));
            }
            settings.root = root.into_inner();
            settings.is_root_named = true;
        }
        if let Some(port) = self.http_port {
            settings.http_port = number(&port, 1, u16::MAX.into(), "a port")? as u16;
        }
        settings.networks = self.networks.parse(network)?;
        if let Some(timeout) = self.timeout {
            settings.timeout = Duration::from_secs(number(&timeout, 0, MAX_TIMEOUT_S, "a time in seconds")?);
        }
        settings.default = self.default.map(entry).transpose()?;
        settings.fast_path = self.fast_path.unwrap_or(settings.fast_path);
        settings.chain_ipxe = self.chain_ipxe.unwrap_or(settings.chain_ipxe);
        settings.transfers = transfers(self.max_transfers, self.max_transfers_per_client, settings.transfers)?;
        settings.programs = table(self.programs, str::parse, program)?;
        settings.strategies = table(self.strategy, platform, Ok)?;
        settings.clients = table(self.clients, |mac| mac.parse().map(|ClientMac(mac)| mac), client)?;
        Ok(BootSection { is_enabled: self.enabled, is_filled, settings })
    }
}

impl BootSection {
    /// What is to be done; `None` where nothing is booted: because it was said, or because nobody said anything of it and
    /// there is nothing in the default place.
    pub(super) fn resolve(self, flags: &RunArgs) -> Result<Option<Settings>, ConfigError> {
        let Self { is_enabled, is_filled, mut settings } = self;
        if let Some(root) = &flags.boot_root {
            settings.root.clone_from(root);
            settings.is_root_named = true;
        }
        for (place, choice) in flags.boot.iter().enumerate() {
            if flags.boot[..place].iter().any(|other| other.arch == choice.arch) {
                return Err(ConfigError::TwoPrograms(choice.arch));
            }
            settings.programs.insert(choice.arch, choice.program.0.clone());
        }
        settings.fast_path &= !flags.no_fast_path;
        // A flag that names something to boot wins over the file.
        let by_flag = flags.boot_root.is_some() || !flags.boot.is_empty();
        let is_off = flags.no_boot || (is_enabled == Some(false) && !by_flag);
        let is_wanted = by_flag || is_filled || Path::new(DEFAULT_ROOT).exists();
        Ok((is_wanted && !is_off).then_some(settings))
    }
}

/// What a running daemon cannot change; the names of keys that differ, which are put back.
pub(super) fn keep(old: Option<&Settings>, new: &mut Option<Settings>) -> Vec<&'static str> {
    let (old, changed) = match (old, &mut *new) {
        (None, None) => return Vec::new(),
        (Some(old), Some(new)) => {
            let changed = [
                ("boot.root", old.root != new.root),
                ("boot.http_port", old.http_port != new.http_port),
                ("boot.fast_path", old.fast_path != new.fast_path),
                ("boot.max_transfers", old.transfers != new.transfers),
            ];
            new.root.clone_from(&old.root);
            new.is_root_named = old.is_root_named;
            new.http_port = old.http_port;
            new.fast_path = old.fast_path;
            new.transfers = old.transfers;
            return changed.into_iter().filter_map(|(name, changed)| changed.then_some(name)).collect();
        }
        (old, _) => (old.cloned(), vec!["boot.enabled"]),
    };
    *new = old;
    changed
}

/// Returns how many of one client, and in all.
fn transfers(
    all: Option<Spanned<i64>>,
    per_client: Option<Spanned<i64>>,
    (default_per_client, default_all): (usize, usize),
) -> Result<(usize, usize), Mistake> {
    let count = |written: &Spanned<i64>, most| number(written, 1, most, "a number of transfers");
    let all = all.map_or(Ok(default_all as u64), |written| count(&written, MAX_TRANSFERS))?;
    let per_client = per_client.map_or(Ok(all.min(default_per_client as u64)), |written| count(&written, all))?;
    Ok((per_client as usize, all as usize))
}

fn parsed<T>(text: &Spanned<String>) -> Result<T, Mistake>
where
    T: FromStr<Err: ToString>,
{
    text.get_ref().parse().map_err(|why: T::Err| mistake(text, why))
}

fn program(text: Spanned<String>) -> Result<String, Mistake> {
    parsed(&text).map(|ProgramName(name)| name)
}

/// The name of a boot entry; whether there is one, only the boot root knows.
fn entry(name: Spanned<String>) -> Result<String, Mistake> {
    let text = name.get_ref();
    if text.trim().is_empty() || text.contains(char::is_control) {
        return Err(mistake(&name, format!("{text:?} is not the name of a boot entry")));
    }
    Ok(name.into_inner())
}

fn network(text: &str) -> Result<Ipv4Net, String> {
    let net: Ipv4Net = text.parse().map_err(|_| format!("\"{text}\" is not an IPv4 network like 10.9.0.0/16"))?;
    if net != net.trunc() {
        return Err(format!("{net} is an address in a network, which is {}", net.trunc()));
    }
    Ok(net)
}

fn platform(name: &str) -> Result<Platform, String> {
    let known = Platform::ALL.map(Platform::name).join(", ");
    Platform::named(name).ok_or_else(|| format!("\"{name}\" is no platform: {known}"))
}

fn client(keys: ClientKeys) -> Result<ClientSettings, Mistake> {
    Ok(ClientSettings {
        entry: keys.entry.map(entry).transpose()?,
        program: keys.program.map(program).transpose()?,
        strategy: keys.strategy,
    })
}

/// Reads keys and values; two keys that mean the same, such as `16` and `0x10`, are a mistake.
fn table<K: Ord, W, V, E: ToString>(
    written: Table<W>,
    key: impl Fn(&str) -> Result<K, E>,
    value: impl Fn(W) -> Result<V, Mistake>,
) -> Result<BTreeMap<K, V>, Mistake> {
    let mut read = BTreeMap::new();
    // In the order of the file, so that it is the first mistake that is told.
    let mut rows: Vec<_> = written.into_iter().collect();
    rows.sort_by_key(|(name, _)| name.span().start);
    for (name, row) in rows {
        let parsed = key(name.get_ref()).map_err(|why| mistake(&name, why))?;
        if read.insert(parsed, value(row)?).is_some() {
            return Err(mistake(&name, format!("\"{}\" stands twice in this table", name.get_ref())));
        }
    }
    Ok(read)
}
