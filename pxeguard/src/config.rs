//! What flags and configuration file resolve to.

mod alerts;
mod boot;
mod file;
mod limits;
mod web_section;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use pxeguard_common::trust::{MAX_TRUSTS, Mode};
use serde::Deserialize;

use crate::boot::{ArchChoice, Settings};
use crate::cli::RunArgs;
use crate::hook::HookChoice;
use crate::trust::{InterfaceName, Source, Trust, Trusts};
use crate::web;
use file::ConfigFile;

pub use alerts::AlertSettings;
pub use file::FileError;
pub use limits::{Limit, Limits, MAX_PER_S};

/// Where the configuration file is, unless another one is named.
pub const DEFAULT_CONFIG: &str = "/etc/pxeguard/pxeguard.toml";
/// Where the control socket is.
pub const DEFAULT_CONTROL: &str = "/run/pxeguard/pxeguard.sock";
/// Where the state file is.
pub const DEFAULT_STATE: &str = "/var/lib/pxeguard/state.toml";
/// Where the HTTP server listens.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9467);

/// What the operator can say about the mode.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ModeChoice {
    /// Drops nothing; counts and tells what enforce would drop.
    Observe,
    /// Drops what does not come from somebody trusted.
    Enforce,
}

impl From<ModeChoice> for Mode {
    fn from(choice: ModeChoice) -> Self {
        match choice {
            ModeChoice::Observe => Self::Observe,
            ModeChoice::Enforce => Self::Enforce,
        }
    }
}

/// What to do: flags, configuration file and defaults taken together.
#[derive(Clone, Debug)]
pub struct Config {
    /// Interfaces to guard; at least one.
    pub ifaces: Vec<InterfaceName>,
    /// Who is trusted, each once, with where it says so.
    pub trusts: Vec<(Trust, Source)>,
    /// What the operator says about the mode; see [`Config::mode`].
    pub mode: Option<Mode>,
    /// Where on a port the guard is attached.
    pub hook: HookChoice,
    /// Where the HTTP server listens.
    pub listen: SocketAddr,
    /// The control socket.
    pub control: PathBuf,
    /// The state file.
    pub state: PathBuf,
    /// How much may come in by a port.
    pub limits: Limits,
    /// Who is told of alerts, and how long they last.
    pub alerts: AlertSettings,
    /// About the page and the API.
    pub web: web::Settings,
    /// What is booted, and how; `None` where nothing is.
    pub boot: Option<Settings>,
    /// The configuration file, where there is one.
    pub file: Option<PathBuf>,
    flags: RunArgs,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Nothing to guard.
    #[error("no interface to guard: give --iface, or iface in {}", .0.display())]
    NoInterface(PathBuf),
    /// More than the kernel's map holds.
    #[error("{0} trusts are more than the {MAX_TRUSTS_CONFIGURED} that fit")]
    TooManyTrusts(usize),
    /// `--boot` twice for the same.
    #[error("--boot names two programs for {0}")]
    TwoPrograms(ArchChoice),
}

/// Each trust can take two entries of the kernel's map.
const MAX_TRUSTS_CONFIGURED: usize = MAX_TRUSTS as usize / 2;

/// A setting that takes effect at the next start only.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NeedsRestart(pub &'static str);

impl Config {
    /// Reads the configuration file and adds the flags: they win over it, and lists add up.
    pub fn load(flags: RunArgs) -> Result<Self, ConfigError> {
        let default = Path::new(DEFAULT_CONFIG);
        let path = match &flags.config {
            Some(path) => Some(path.clone()),
            None => default.exists().then(|| default.to_owned()),
        };
        Self::resolve(flags, path)
    }

    /// Reads the configuration file again.  Where anything in it is wrong, nothing of it counts.
    ///
    /// What cannot change in a running daemon is left as it is, and told.
    pub fn reload(&self) -> Result<(Self, Vec<NeedsRestart>), ConfigError> {
        // A file that was there has to be there still: without it, its trusts would be gone in silence.
        let mut new = match &self.file {
            Some(path) => Self::resolve(self.flags.clone(), Some(path.clone()))?,
            None => Self::load(self.flags.clone())?,
        };
        let changed = [
            ("hook", new.hook != self.hook),
            ("listen", new.listen != self.listen),
            ("control", new.control != self.control),
            ("state", new.state != self.state),
            ("hosts in [web]", new.web != self.web),
        ];
        new.hook = self.hook;
        new.listen = self.listen;
        new.control.clone_from(&self.control);
        new.state.clone_from(&self.state);
        new.web.clone_from(&self.web);
        let changed = changed.into_iter().filter_map(|(name, changed)| changed.then_some(name));
        let boot_changed = boot::keep(self.boot.as_ref(), &mut new.boot);
        Ok((new, changed.chain(boot_changed).map(NeedsRestart).collect()))
    }

    fn resolve(flags: RunArgs, path: Option<PathBuf>) -> Result<Self, ConfigError> {
        let file = match &path {
            Some(path) => ConfigFile::read(path)?,
            None => ConfigFile::default(),
        };
        let mut ifaces: Vec<InterfaceName> = Vec::new();
        for iface in flags.iface.iter().chain(&file.ifaces) {
            if !ifaces.contains(iface) {
                ifaces.push(iface.clone());
            }
        }
        if ifaces.is_empty() {
            return Err(ConfigError::NoInterface(path.unwrap_or_else(|| DEFAULT_CONFIG.into())));
        }
        let by_flag = flags.trust.iter().chain(&flags.trust_port).map(|trust| (trust.clone(), Source::Flag));
        let by_file = file.trusts.into_iter().map(|trust| (trust, Source::Config));
        let trusts = Trusts::new(by_flag.chain(by_file), &[]);
        if trusts.iter().len() > MAX_TRUSTS_CONFIGURED {
            return Err(ConfigError::TooManyTrusts(trusts.iter().len()));
        }
        Ok(Self {
            ifaces,
            trusts: trusts.with_sources().map(|(trust, source)| (trust.clone(), source)).collect(),
            mode: flags.mode.or(file.mode).map(Mode::from),
            hook: flags.hook.or(file.hook).unwrap_or_default(),
            listen: flags.listen.or(file.listen).unwrap_or(DEFAULT_LISTEN),
            control: flags.control.clone().or(file.control).unwrap_or_else(|| DEFAULT_CONTROL.into()),
            state: file.state.unwrap_or_else(|| DEFAULT_STATE.into()),
            limits: file.limits.or_flag(flags.client_messages_per_s),
            alerts: file.alerts,
            web: file.web,
            boot: file.boot.resolve(&flags)?,
            file: path,
            flags,
        })
    }

    /// The mode, given all trusts, also those added at run time; with a warning where it may surprise.
    ///
    /// With nobody trusted it is to observe, so that a first start cuts nobody off.  Who says enforce gets it: where
    /// this host itself is the DHCP server, nobody else is to be trusted.
    pub fn mode(&self, trusts: &Trusts) -> (Mode, Option<&'static str>) {
        match (self.mode, trusts.is_empty()) {
            (None, true) => (
                Mode::Observe,
                Some("nobody is trusted yet: only observing; trust a server (see pxeguard servers) to enforce"),
            ),
            (None, false) => (Mode::Enforce, None),
            (Some(Mode::Enforce), true) => (
                Mode::Enforce,
                Some("nobody is trusted, and the mode is enforce: every DHCP server but this host itself is cut off"),
            ),
            (Some(mode), _) => (mode, None),
        }
    }
}

#[cfg(test)]
mod tests;
