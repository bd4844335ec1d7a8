//! A network interface's name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A name that Linux gives to network interfaces (`dev_valid_name` in net/core/dev.c).
///
/// Linux takes control characters, commas and `*`, too.  Nobody uses them, and a trust could not be written with them.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct InterfaceName(String);

impl InterfaceName {
    /// Bytes of a name at the most: IFNAMSIZ without the final NUL.
    pub const MAX_BYTES: usize = 15;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why no network interface can have this name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadInterfaceName {
    /// Nothing.
    #[error("the name of a network interface is missing")]
    Empty,
    /// More than Linux takes.
    #[error("{0:?} is too long for a network interface: at most 15 bytes")]
    TooLong(String),
    /// Something that Linux does not take.
    #[error("{0:?} is not the name of a network interface: no slash, colon, comma, asterisk or space")]
    Character(String),
    /// What stands for a folder.
    #[error("{0:?} is not the name of a network interface")]
    Dots(String),
}

impl FromStr for InterfaceName {
    type Err = BadInterfaceName;

    fn from_str(name: &str) -> Result<Self, BadInterfaceName> {
        let refused = |c: char| "/:,*".contains(c) || c.is_whitespace() || c.is_control();
        if name.is_empty() {
            Err(BadInterfaceName::Empty)
        } else if name.len() > Self::MAX_BYTES {
            Err(BadInterfaceName::TooLong(name.to_owned()))
        } else if name.chars().any(refused) {
            Err(BadInterfaceName::Character(name.to_owned()))
        } else if matches!(name, "." | "..") {
            Err(BadInterfaceName::Dots(name.to_owned()))
        } else {
            Ok(Self(name.to_owned()))
        }
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for InterfaceName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for InterfaceName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
