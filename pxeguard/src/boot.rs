//! What can be booted: the files below the boot root, what they are, and what each client is offered.

mod content;
mod offer;
mod settings;

pub use content::{Content, FileError, Library, Source, Via, Visitor};
pub use offer::{AskingProgram, Client, NoOffer, Offer, Offers};
pub use settings::{
    ArchChoice, ClientMac, ClientSettings, DEFAULT_HTTP_PORT, DEFAULT_ROOT, DEFAULT_TIMEOUT, NotArch, NotClientMac,
    NotProgramChoice, NotProgramName, ProgramChoice, ProgramName, Settings,
};
