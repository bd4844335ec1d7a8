//! What the operator says about booting, by flags and configuration file.

mod program;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use ipnet::Ipv4Net;
use pxeguard_common::arch::Platform;

use crate::proxy::Strategy;
use crate::trust::MacAddress;

pub use program::{ArchChoice, NotArch, NotProgramChoice, NotProgramName, ProgramChoice, ProgramName};

/// Where boot files are, unless another folder is named.
pub const DEFAULT_ROOT: &str = "/var/lib/pxeguard/boot";
/// Port of the HTTP server of boot files.
pub const DEFAULT_HTTP_PORT: u16 = 8067;
/// How long a menu waits for a key.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// What the operator says; what is not said has a default.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// The boot root.
    pub root: PathBuf,
    /// Whether somebody named the root: then it has to be there.
    pub is_root_named: bool,
    /// Port of the HTTP server; TFTP has 69.
    pub http_port: u16,
    /// Networks beyond relays and routers whose clients are served, too.
    pub networks: Vec<Ipv4Net>,
    /// The boot program of an architecture, by its name below the root.
    pub programs: BTreeMap<ArchChoice, String>,
    /// How an architecture is answered first.
    pub strategies: BTreeMap<Platform, Strategy>,
    /// The same for a client, and what it boots.
    pub clients: BTreeMap<MacAddress, ClientSettings>,
    /// How long a menu waits for a key before it takes its default; 0 means for ever.
    pub timeout: Duration,
    /// The entry that a menu takes by itself; else the first.
    pub default: Option<String>,
    /// Whether an iPXE in a card's ROM first loads the iPXE of the boot root, once.
    pub chain_ipxe: bool,
    /// Whether the kernel may answer clients by itself.
    pub fast_path: bool,
    /// Transfers at once of one client, and in all.
    pub transfers: (usize, usize),
}

/// What is said of one client.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct ClientSettings {
    /// The entry that it boots without a menu.
    pub entry: Option<String>,
    /// The boot program that its firmware loads.
    pub program: Option<String>,
    /// How it is answered.
    pub strategy: Option<Strategy>,
}

/// The Ethernet address of one client: neither zero nor a group's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClientMac(pub MacAddress);

/// The text is not the Ethernet address of one client.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotClientMac {
    /// Not an address at all.
    #[error("\"{0}\" is not a MAC address like 52:54:00:12:34:56")]
    Shape(String),
    /// Zero, or a group's.
    #[error("{0} is no client's MAC address: zero, or a group's")]
    Group(MacAddress),
}

impl FromStr for ClientMac {
    type Err = NotClientMac;

    fn from_str(text: &str) -> Result<Self, NotClientMac> {
        let mac: MacAddress = text.parse().map_err(|_| NotClientMac::Shape(text.to_owned()))?;
        if mac.is_sender() { Ok(Self(mac)) } else { Err(NotClientMac::Group(mac)) }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            root: DEFAULT_ROOT.into(),
            is_root_named: false,
            http_port: DEFAULT_HTTP_PORT,
            networks: Vec::new(),
            programs: BTreeMap::new(),
            strategies: BTreeMap::new(),
            clients: BTreeMap::new(),
            timeout: DEFAULT_TIMEOUT,
            default: None,
            chain_ipxe: false,
            fast_path: true,
            transfers: (16, 4096),
        }
    }
}
