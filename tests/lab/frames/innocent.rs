//! Traffic that is none of a DHCP guard's business, or a client's rightful message.

use super::message::Message;

mod clients;
mod neighbours;
mod packets;

/// A frame that has to pass, by whatever port it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Innocent {
    /// Does not change: reports and fuzz corpora refer to it.
    pub name: String,
    /// The frame.
    pub frame: Vec<u8>,
}

impl Innocent {
    fn new(name: impl Into<String>, frame: Vec<u8>) -> Self {
        Self { name: name.into(), frame }
    }
}

/// All of them; their senders and receivers are those of [`Message::discover`].
pub fn innocent() -> Vec<Innocent> {
    let mut all = clients::all();
    all.extend(packets::all());
    all.extend(neighbours::all());
    all
}

/// Puts a packet into a frame of the usual sender.
fn framed(carried: &super::Carried) -> Vec<u8> {
    Message::discover().framed(carried)
}
