//! Who may answer, as the operator writes it: `52:54:00:12:34:56@eno1,vlan=5,pxe`.

mod compiled;
mod interface_name;
mod mac_address;
mod port_name;
mod trusts;

use std::fmt;
use std::str::FromStr;

use pxeguard_common::net::Mac;
use pxeguard_common::trust::Class;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::guests::{BadGuestName, PREFIX};

pub use compiled::{Compiled, compile};
pub use interface_name::{BadInterfaceName, InterfaceName};
pub use mac_address::{MacAddress, NotMac};
pub use port_name::PortName;
pub use trusts::{Refusal, Source, Trusts};

/// One trust.  Its text, [`fmt::Display`], is read back by [`FromStr`] as the same trust.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Trust {
    /// Where the servers are.
    pub place: TrustPlace,
    /// Only in this VLAN, 0 for what has no VLAN (no tag, or a priority tag); `None` for all alike.
    pub vlan: Option<u16>,
    /// What they may say.
    pub class: Class,
}

/// Where trusted servers are.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum TrustPlace {
    /// All that is behind a port: `*@eno1`, or behind those of a guest: `*@vm:100`.
    Port(PortName),
    /// A MAC address behind a port; elsewhere it is a spoof: `52:54:00:12:34:56@eno1`.
    MacAtPort(Mac, PortName),
    /// A MAC address at the port where it is first seen; elsewhere it is a spoof: `52:54:00:12:34:56`.
    MacFirstSeen(Mac),
    /// A MAC address at every port: `52:54:00:12:34:56@*`.
    MacAnywhere(Mac),
}

impl TrustPlace {
    /// The port, where it is given.
    pub fn port(&self) -> Option<&PortName> {
        match self {
            Self::Port(port) | Self::MacAtPort(_, port) => Some(port),
            Self::MacFirstSeen(_) | Self::MacAnywhere(_) => None,
        }
    }
}

impl Trust {
    /// Reads what `--trust-port` takes: `PORT[,vlan=N][,pxe]`.
    pub fn parse_port(text: &str) -> Result<Self, TrustError> {
        Self::parse_with(text, |port| Ok(TrustPlace::Port(port.parse()?)))
    }

    /// The narrowest trust that lets this server answer; `None` where its address or port's name cannot be written.
    pub fn for_server(mac: Mac, port: &str, vlan: u16) -> Option<Self> {
        let port = PortName::Interface(port.parse().ok()?);
        let vlan = (vlan != 0).then_some(vlan);
        let trust = Self { place: TrustPlace::MacAtPort(mac, port), vlan, class: Class::Dhcp };
        MacAddress(mac).is_sender().then_some(trust)
    }

    /// The option of `pxeguard run` that says the same, ready for a shell.
    pub fn to_option(&self) -> String {
        match &self.place {
            TrustPlace::Port(port) => {
                format!("--trust-port {}", shell_word(&format!("{port}{}", Options(self))))
            }
            _ => format!("--trust {}", shell_word(&self.to_string())),
        }
    }

    fn parse_with(text: &str, place: impl Fn(&str) -> Result<TrustPlace, TrustError>) -> Result<Self, TrustError> {
        let mut parts = text.split(',');
        let place = place(parts.next().unwrap_or_default())?;
        let mut trust = Self { place, vlan: None, class: Class::Dhcp };
        for option in parts {
            match option.split_once('=') {
                None if option == "pxe" => trust.class = Class::Pxe,
                Some(("vlan", _)) if trust.vlan.is_some() => return Err(TrustError::TwoVlans),
                Some(("vlan", vlan)) => trust.vlan = Some(parse_vlan(vlan)?),
                _ => return Err(TrustError::Option(option.to_owned())),
            }
        }
        Ok(trust)
    }
}

/// The word for VLAN 0: what has no VLAN.
const UNTAGGED: &str = "untagged";
/// VLAN identifiers (IEEE 802.1Q §9.6): 4095 is reserved.
const VLANS: std::ops::RangeInclusive<u16> = 0..=4094;

fn parse_vlan(text: &str) -> Result<u16, TrustError> {
    if text == UNTAGGED {
        return Ok(0);
    }
    let vlan = text.parse().ok().filter(|vlan| VLANS.contains(vlan));
    vlan.ok_or_else(|| TrustError::Vlan(text.to_owned()))
}

/// Why a text is no trust.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TrustError {
    /// Neither MAC address nor `*`.
    #[error("{0:?} is not a MAC address; all servers behind a port are trusted by --trust-port, or *@PORT")]
    NotMac(String),
    /// Has a MAC address' shape.
    #[error("{text:?}: {source}")]
    BadMac {
        /// The text.
        text: String,
        /// What is wrong with it.
        source: NotMac,
    },
    /// No server sends from it.
    #[error("{0} is a group's address: no server sends from it")]
    Group(MacAddress),
    /// No server sends from it.
    #[error("{0} is no server's address")]
    Zero(MacAddress),
    /// `*` alone, or `*@*`.
    #[error("{0:?} would trust everybody; give a MAC address or a port")]
    Everybody(String),
    /// The port's name.
    #[error(transparent)]
    Port(#[from] BadInterfaceName),
    /// The guest's name.
    #[error(transparent)]
    Guest(#[from] BadGuestName),
    /// The VLAN.
    #[error("{0:?} is not a VLAN: 1 to 4094, or untagged")]
    Vlan(String),
    /// It cannot be in both.
    #[error("only one VLAN can be given; for another one, give a second trust")]
    TwoVlans,
    /// After a comma.
    #[error("unknown option {0:?} of a trust; there are vlan=N and pxe")]
    Option(String),
}

impl FromStr for TrustPlace {
    type Err = TrustError;

    fn from_str(text: &str) -> Result<Self, TrustError> {
        match text.split_once('@') {
            None | Some((_, "*")) if text.starts_with('*') => Err(TrustError::Everybody(text.to_owned())),
            None => Ok(Self::MacFirstSeen(parse_sender(text)?)),
            Some((mac, "*")) => Ok(Self::MacAnywhere(parse_sender(mac)?)),
            Some(("*", port)) => Ok(Self::Port(port.parse()?)),
            Some((mac, port)) => Ok(Self::MacAtPort(parse_sender(mac)?, port.parse()?)),
        }
    }
}

fn parse_sender(text: &str) -> Result<Mac, TrustError> {
    let address: MacAddress = match text.parse() {
        Ok(address) => address,
        Err(source) if text.contains(':') && !text.starts_with(PREFIX) => {
            return Err(TrustError::BadMac { text: text.to_owned(), source });
        }
        Err(_) => return Err(TrustError::NotMac(text.to_owned())),
    };
    match address {
        MacAddress([0, 0, 0, 0, 0, 0]) => Err(TrustError::Zero(address)),
        _ if !address.is_sender() => Err(TrustError::Group(address)),
        MacAddress(mac) => Ok(mac),
    }
}

impl FromStr for Trust {
    type Err = TrustError;

    fn from_str(text: &str) -> Result<Self, TrustError> {
        Self::parse_with(text, str::parse)
    }
}

impl fmt::Display for TrustPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(port) => write!(f, "*@{port}"),
            Self::MacAtPort(mac, port) => write!(f, "{}@{port}", MacAddress(*mac)),
            Self::MacFirstSeen(mac) => write!(f, "{}", MacAddress(*mac)),
            Self::MacAnywhere(mac) => write!(f, "{}@*", MacAddress(*mac)),
        }
    }
}

/// What stands behind the place.
struct Options<'a>(&'a Trust);

impl fmt::Display for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.vlan {
            None => {}
            Some(0) => write!(f, ",vlan={UNTAGGED}")?,
            Some(vlan) => write!(f, ",vlan={vlan}")?,
        }
        match self.0.class {
            Class::Dhcp => Ok(()),
            Class::Pxe => f.write_str(",pxe"),
        }
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.place, Options(self))
    }
}

impl Serialize for Trust {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Trust {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Quotes what a shell would not take as it is: names of interfaces may hold `;` and quotes.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@:,=.-_+%/".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests;
