//! A port as the operator names it: by its interface, or by the guest behind it.

use std::fmt;
use std::str::FromStr;

use super::{InterfaceName, TrustError};
use crate::guests::{Guest, GuestName, PREFIX};

/// A port, or all ports of a guest.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum PortName {
    /// The interface of this name: `tap100i0`.
    Interface(InterfaceName),
    /// Whichever ports the guest has: `vm:100`.
    Guest(GuestName),
}

impl PortName {
    /// Whether it names the port of this name, with the guest that is behind it.
    pub fn is(&self, name: &str, guest: Option<&Guest>) -> bool {
        match self {
            Self::Interface(interface) => interface.as_str() == name,
            Self::Guest(named) => guest.is_some_and(|guest| named.is(guest)),
        }
    }
}

impl FromStr for PortName {
    type Err = TrustError;

    fn from_str(text: &str) -> Result<Self, TrustError> {
        Ok(match text.starts_with(PREFIX) {
            true => Self::Guest(text.parse()?),
            false => Self::Interface(text.parse()?),
        })
    }
}

impl fmt::Display for PortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface(name) => name.fmt(f),
            Self::Guest(name) => name.fmt(f),
        }
    }
}
