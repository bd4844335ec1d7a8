//! What a client is offered to load: between the boot folder, which knows what is there, and proxyDHCP, which tells it.

use std::sync::Arc;

use pxeguard_common::arch::{Arch, Transport};
use pxeguard_common::net::Mac;

use super::ClientSettings;

/// A client, as far as it decides what it is offered.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Client {
    /// Its Ethernet address (`chaddr`).
    pub mac: Mac,
    /// Its architecture (option 93).
    pub arch: Arch,
    /// How it wants its first file.
    pub transport: Transport,
    /// What asks.
    pub program: AskingProgram,
}

/// What asks for something to load.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AskingProgram {
    /// The machine's firmware.
    Firmware,
    /// iPXE: in a card's ROM, or loaded before.
    Ipxe {
        /// Whether it can fetch by HTTP (option 175.19).
        http: bool,
    },
}

/// What it is offered; it exists, and fits the client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Offer {
    /// The name below the boot root, as TFTP and HTTP serve it.
    pub file: Arc<str>,
    /// Its length in bytes; `None` of what is written when it is asked for.
    pub len: Option<u64>,
}

/// Why a client is offered nothing; in words for the operator.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoOffer {
    /// Nothing for its architecture.
    #[error("there is no boot program for {0}")]
    NothingFits(String),
    /// The operator named a file that is not there, or not for it.
    #[error("{file}: {why}")]
    Unfit {
        /// The file.
        file: Arc<str>,
        /// What is wrong with it.
        why: String,
    },
}

/// Who knows what there is to boot.
pub trait Offers: Send + Sync {
    /// What a client is offered that asks now.
    fn offer(&self, client: &Client) -> Result<Offer, NoOffer>;

    /// What a client would be offered of whom the operator says this; nobody is asking, and nothing is remembered of it.
    fn offer_as_if(&self, client: &Client, own: &ClientSettings) -> Result<Offer, NoOffer>;

    /// Changes whenever an answer of [`Offers::offer`] may have changed.
    fn generation(&self) -> u64;
}
