//! What can be booted: the files below the boot root, what they are, and what each client is offered.

mod content;
mod offer;
pub mod root;
mod settings;

pub use content::{Content, FileError, Library, Source, Via, Visitor};
pub use offer::{AskingProgram, Client, NoOffer, Offer, Offers};
pub use root::{Root, RootError};
pub use settings::{ArchChoice, ClientSettings, DEFAULT_HTTP_PORT, DEFAULT_ROOT, Settings};
