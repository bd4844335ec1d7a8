//! What can be booted: the files below the boot root, what they are, and what each client is offered.

pub mod catalogue;
mod choice;
mod content;
pub mod entry;
mod image;
mod library;
mod menu;
mod offer;
pub mod root;
mod settings;

pub use choice::{Choice, Choices, Term};
pub use content::{Content, FileError, Library, Source, Via, Visitor};
pub use image::Image;
pub use library::{Shelf, UnknownEntry};
pub use offer::{AskingProgram, Client, NoOffer, Offer, Offers};
pub use root::{Root, RootError};
pub use settings::{
    ArchChoice, ClientMac, ClientSettings, DEFAULT_HTTP_PORT, DEFAULT_ROOT, DEFAULT_TIMEOUT, NotArch, NotClientMac,
    NotProgramChoice, NotProgramName, ProgramChoice, ProgramName, Settings,
};
