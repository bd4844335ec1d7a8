//! The menus that are written for each client, in the languages of iPXE, of pxelinux and of GRUB.
//!
//! No file's name can add to a menu's language: what a menu holds is an entry's own name, whose characters have no
//! meaning in any of the three, or quoted as that language quotes, or it is left out.

pub mod grub;
pub mod ipxe;
pub mod syslinux;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;
use std::time::Duration;

use pxeguard_common::arch::Platform;

use super::entry::{Boot, Entry};

/// The name of iPXE's script.
pub const IPXE_SCRIPT: &str = "boot.ipxe";

/// What a menu shows, and to whom.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// The client's platform.
    pub platform: Platform,
    /// The entries that the platform boots, with how.
    pub entries: Vec<(&'a Entry, &'a Boot)>,
    /// What it does by itself.
    pub start: Start,
    /// This host's address, as the client reaches it.
    pub server: Ipv4Addr,
    /// The HTTP server's port.
    pub http_port: u16,
}

/// What a menu does by itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Start {
    /// Boots an entry at once, by its name.
    Entry(String),
    /// Waits for a key, and then boots an entry.
    Menu {
        /// Its name.
        default: String,
        /// How long; zero means for ever.
        timeout: Duration,
    },
}

impl Start {
    /// The entry that is booted if nobody touches a key.
    pub fn entry(&self) -> &str {
        match self {
            Self::Entry(entry) => entry,
            Self::Menu { default, .. } => default,
        }
    }
}

impl Page<'_> {
    /// The address of the boot files by HTTP.
    fn url(&self) -> String {
        format!("http://{}:{}", self.server, self.http_port)
    }

    /// A command line, with the address in it.
    fn cmdline(&self, cmdline: &str) -> String {
        cmdline.replace("{url}", &self.url())
    }
}

/// A menu's line in the characters that every screen has and that no menu's language gives a meaning.
fn plain(title: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || " -+._/()[]:,@=".contains(c) { c } else { '?' };
    title.chars().map(plain).collect()
}
