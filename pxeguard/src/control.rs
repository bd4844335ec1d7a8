//! The control socket: how the other commands reach the running daemon.
//!
//! A connection carries requests and responses in turn, each one line of JSON.  Only root may connect: the socket has
//! mode 0600.

mod client;
mod server;
mod socket;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::capture::Frames;
use crate::report::{Alert, BootClient, BootList, Explanation, Overview, Port, Sample, Server, Status, TrustEntry};
use crate::trust::{MacAddress, Trust};

pub use client::{AskError, ask};
pub use server::serve;
pub use socket::{ControlSocket, SocketError};

/// What can be asked.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "ask", content = "about")]
pub enum Request {
    /// The daemon as a whole.
    Status,
    /// The servers that were seen.
    Servers,
    /// The guarded ports.
    Ports,
    /// Who is trusted.
    TrustList,
    /// Somebody more is trusted from now on.
    TrustAdd(Trust),
    /// Somebody is not trusted any more.
    TrustRemove(Trust),
    /// The machines that boot.
    Clients,
    /// What there is to boot.
    BootList,
    /// A client boots this entry from now on.
    BootSet {
        /// The client.
        mac: MacAddress,
        /// The entry's name.
        entry: String,
        /// Whether it is for the next boot only.
        once: bool,
    },
    /// A client boots what everybody does.
    BootUnset(MacAddress),
    /// What somebody should look at.
    Alerts,
    /// All at once.
    Overview,
    /// What the replies added up to, in the last ten minutes.
    History,
    /// Why a client boots or not.
    Explain {
        /// The client.
        mac: MacAddress,
        /// The message on its screen, if somebody has read it.
        screen: Option<String>,
    },
    /// Frames that were recorded after the one with this number; `None` for none, but from now on.
    Frames {
        /// The number, as [`Frames::next`] told it.
        after: Option<u64>,
    },
}

/// What is answered.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "answer", content = "content")]
pub enum Response {
    /// To [`Request::Status`].
    Status(Box<Status>),
    /// To [`Request::Servers`].
    Servers(Vec<Server>),
    /// To [`Request::Ports`].
    Ports(Vec<Port>),
    /// To [`Request::TrustList`].
    Trusts(Vec<TrustEntry>),
    /// To [`Request::Clients`].
    Clients(Vec<BootClient>),
    /// To [`Request::BootList`].
    Boot(BootList),
    /// To [`Request::Alerts`].
    Alerts(Vec<Alert>),
    /// To [`Request::Overview`].
    Overview(Box<Overview>),
    /// To [`Request::History`].
    History(Vec<Sample>),
    /// To [`Request::Explain`].
    Explained(Box<Explanation>),
    /// To [`Request::Frames`].
    Frames(Frames),
    /// To a change: what was done, on one line.
    Done(String),
    /// Why it was not done, on one line.
    Error(String),
}

/// A request that waits for its response.
pub type Pending = (Request, oneshot::Sender<Response>);

/// Who answers requests.
pub type Handler = mpsc::Sender<Pending>;

/// Version of what is said on the socket; a request of another one is refused.
const PROTOCOL: u32 = 3;

/// A request as it is sent.
#[derive(Deserialize, Serialize)]
struct Envelope {
    protocol: u32,
    #[serde(flatten)]
    request: Request,
}

/// All that is read of a request that may be of another version.
#[derive(Deserialize)]
struct Protocol {
    protocol: u32,
}

#[cfg(test)]
mod tests;
