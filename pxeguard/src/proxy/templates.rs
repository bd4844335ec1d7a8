//! Replies that were made before: a client that wants what another one got costs a copy.

use std::num::NonZeroUsize;

use lru::LruCache;
use pxeguard_common::template::{Template, sum};

use super::answer::Answer;
use super::frame::{Envelope, HEADERS};
use super::reply::{Shape, TooLong};

/// So many are kept; more than that come only from an operator who names a file for each of a thousand clients, or
/// changes them as often.
const KEPT: NonZeroUsize = NonZeroUsize::new(1024).expect("it is not zero");

/// The longest frame.
pub const FRAME: usize = HEADERS + 1500;

/// Templates by what they say.
///
/// The key holds all that goes into one, so that none can be out of date: a boot folder that changes names other files.
#[derive(Debug)]
pub struct Templates(LruCache<Shape, Box<Template>>);

impl Default for Templates {
    fn default() -> Self {
        Self(LruCache::new(KEPT))
    }
}

/// A reply is not sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unsendable {
    /// It cannot be made.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// The client would not take it.
    #[error("the answer has {len} bytes, and the client takes {max_len}")]
    OverLimit {
        /// Length of the message in bytes.
        len: usize,
        /// What option 57 allows.
        max_len: usize,
    },
    /// A relay's address may be anybody's: whoever forges it gains little.
    #[error("the answer has {len} bytes, more than one and a half times as many as the relayed question")]
    MuchLonger {
        /// Length of the message in bytes.
        len: usize,
    },
}

impl Templates {
    /// Writes the frame of an answer to the beginning of `frame`, which has room for [`FRAME`] bytes; its length.  `asked_len`
    /// is that of the question's.
    pub fn write(
        &mut self,
        answer: &Answer,
        max_len: usize,
        asked_len: usize,
        frame: &mut [u8],
    ) -> Result<usize, Unsendable> {
        let envelope = Envelope {
            from_mac: answer.from_mac,
            to_mac: answer.to_mac,
            vlan: answer.vlan,
            from: answer.from,
            to: answer.to,
        };
        let payload = &mut frame[envelope.headers_len()..];
        let fits = |len| if len > max_len { Err(Unsendable::OverLimit { len, max_len }) } else { Ok(len) };
        let (len, payload_sum) = match &answer.relay_information {
            None => {
                let template = self.template(&answer.shape)?;
                let len = fits(template.message_len())?;
                (len, template.fill(&answer.values, payload).ok_or(TooLong)?)
            }
            // One client behind one relay's port: nobody else gets such an answer.
            Some(information) => {
                let (message, _) = answer.shape.build(&answer.values, Some(information))?;
                let len = fits(message.len())?;
                payload.get_mut(..len).ok_or(TooLong)?.copy_from_slice(&message);
                (len, sum(&message, 0))
            }
        };
        let is_relayed = answer.values.giaddr != [0; 4];
        if is_relayed && (envelope.headers_len() + len) * 2 > asked_len * 3 {
            return Err(Unsendable::MuchLonger { len });
        }
        let len = envelope.headers_len() + len;
        envelope.write(&mut frame[..len], payload_sum);
        Ok(len)
    }

    fn template(&mut self, shape: &Shape) -> Result<&Template, TooLong> {
        self.0.try_get_or_insert_ref(shape, || shape.template().map(Box::new)).map(|template| &**template)
    }
}
