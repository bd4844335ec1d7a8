//! An Ethernet address as people write it.

use std::fmt;
use std::str::FromStr;

use pxeguard_common::net::Mac;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An Ethernet address; written `52:54:00:12:34:56`, and read with dashes or capitals, too.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MacAddress(pub Mac);

impl MacAddress {
    /// Whether a network card can have it: not a group's address, and not zero.
    pub fn is_sender(self) -> bool {
        self.0[0] & 1 == 0 && self.0 != [0; 6]
    }
}

/// The text is no Ethernet address.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a MAC address has six bytes in hexadecimal, like 52:54:00:12:34:56")]
pub struct NotMac;

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl FromStr for MacAddress {
    type Err = NotMac;

    fn from_str(text: &str) -> Result<Self, NotMac> {
        let separator = if text.contains('-') { '-' } else { ':' };
        let mut mac = Mac::default();
        let mut parts = text.split(separator);
        for byte in &mut mac {
            let digits = parts.next().ok_or(NotMac)?;
            // from_str_radix would take a sign.
            if digits.len() != 2 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(NotMac);
            }
            *byte = u8::from_str_radix(digits, 16).map_err(|_| NotMac)?;
        }
        match parts.next() {
            None => Ok(Self(mac)),
            Some(_) => Err(NotMac),
        }
    }
}

impl Serialize for MacAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MacAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
