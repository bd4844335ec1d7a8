//! Datagrams: what a client sends is read, what it is sent is built.
//!
//! ```text
//! RRQ, WRQ   | 1, 2 | file name | 0 | mode | 0 | option | 0 | value | 0 | ...   RFC 1350 §5, RFC 2347
//! DATA       | 3 | block | up to blksize bytes |
//! ACK        | 4 | block |
//! ERROR      | 5 | code | text | 0 |
//! OACK       | 6 | option | 0 | value | 0 | ...                                 RFC 2347
//! ```
//! Opcodes, block numbers and error codes have two bytes each, the high one first.

const RRQ: u16 = 1;
const WRQ: u16 = 2;
const DATA: u16 = 3;
const ACK: u16 = 4;
const ERROR: u16 = 5;
const OACK: u16 = 6;

/// Bytes before a block's data.
pub(super) const DATA_HEADER: usize = 4;

/// The longest text of an ERROR that is sent or shown; some clients have 128 bytes for the whole packet.
const TEXT_BYTES: usize = 100;

/// What a client asks for, at the server's port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Request<'a> {
    /// It wants a file.
    Read(Read<'a>),
    /// It wants to store one.
    Write {
        /// Under this name.
        file: &'a [u8],
    },
}

/// A request for a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Read<'a> {
    /// The name, as the client wrote it; without NUL.
    pub(super) file: &'a [u8],
    /// How the bytes shall come.
    pub(super) mode: Mode,
    /// The options, unread: [`Read::options`].
    options: &'a [u8],
}

/// The transfer mode (RFC 1350 §1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mode {
    /// Bytes as they are.
    Octet,
    /// Lines of text that end in CR LF.
    Netascii,
    /// Anything else, such as `mail`.
    Other,
}

impl<'a> Request<'a> {
    /// Reads a datagram; `None` if it is no request, which nobody answers.
    pub(super) fn parse(datagram: &'a [u8]) -> Option<Self> {
        let (opcode, rest) = datagram.split_first_chunk()?;
        let (file, rest) = string(rest)?;
        let (mode, options) = string(rest)?;
        match u16::from_be_bytes(*opcode) {
            RRQ => Some(Self::Read(Read { file, mode: Mode::parse(mode), options })),
            WRQ => Some(Self::Write { file }),
            _ => None,
        }
    }

    /// The name of the file.
    pub(super) fn file(&self) -> &'a [u8] {
        match self {
            Self::Read(Read { file, .. }) | Self::Write { file } => file,
        }
    }
}

impl<'a> Read<'a> {
    /// The options and their values, in the client's order; what is cut off at the end is left out.
    pub(super) fn options(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut rest = self.options;
        std::iter::from_fn(move || {
            let (name, behind) = string(rest)?;
            let (value, behind) = string(behind)?;
            rest = behind;
            Some((name, value))
        })
    }
}

impl Mode {
    fn parse(mode: &[u8]) -> Self {
        match mode {
            mode if mode.eq_ignore_ascii_case(b"octet") => Self::Octet,
            mode if mode.eq_ignore_ascii_case(b"netascii") => Self::Netascii,
            _ => Self::Other,
        }
    }
}

/// What a client sends during a transfer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reply<'a> {
    /// It has this block, and all before.
    Ack(u16),
    /// It ends the transfer.
    Error {
        /// See [`ErrorCode`].
        code: u16,
        /// For people.
        text: &'a [u8],
    },
}

impl<'a> Reply<'a> {
    /// Reads a datagram; `None` if it is something else, which changes nothing.
    pub(super) fn parse(datagram: &'a [u8]) -> Option<Self> {
        let (opcode, rest) = datagram.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let number = u16::from_be_bytes(*number);
        match u16::from_be_bytes(*opcode) {
            ACK => Some(Self::Ack(number)),
            // The NUL may be missing: the text is only shown.
            ERROR => Some(Self::Error { code: number, text: string(rest).map_or(rest, |(text, _)| text) }),
            _ => None,
        }
    }
}

/// Why nothing is sent (RFC 1350 §5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u16)]
pub(super) enum ErrorCode {
    /// The text says it.
    NotDefined = 0,
    /// No such file.
    NotFound = 1,
    /// The file is not for the client.
    AccessViolation = 2,
    /// The request makes no sense here.
    IllegalOperation = 4,
}

/// The first bytes of a block's datagram; block 65536 is 0 again, as clients expect (RFC 1350 says nothing).
pub(super) fn data_header(block: u64) -> [u8; DATA_HEADER] {
    let ([a, b], [c, d]) = (DATA.to_be_bytes(), (block as u16).to_be_bytes());
    [a, b, c, d]
}

/// An ERROR.
pub(super) fn error(code: ErrorCode, text: &str) -> Vec<u8> {
    let text = &text.as_bytes()[..text.floor_char_boundary(TEXT_BYTES)];
    [&ERROR.to_be_bytes(), &(code as u16).to_be_bytes(), text, &[0]].concat()
}

/// An OACK of these options.
pub(super) fn option_ack(options: &[(&str, u64)]) -> Vec<u8> {
    let mut packet = OACK.to_be_bytes().to_vec();
    for (name, value) in options {
        packet.extend_from_slice(format!("{name}\0{value}\0").as_bytes());
    }
    packet
}

/// Text of a client, for people: at most [`TEXT_BYTES`] of it, and no control characters.
pub(super) fn printable(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(TEXT_BYTES)]).escape_debug().to_string()
}

/// The bytes before the next NUL, and those behind it.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

#[cfg(test)]
mod tests;
