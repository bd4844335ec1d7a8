//! BOOTP messages and DHCP options (RFC 951, RFC 2131 §2, RFC 2132).

use std::net::Ipv4Addr;

use macaddr::MacAddr6;

/// `op` of a client's message (RFC 951 §3).
pub const BOOTREQUEST: u8 = 1;
/// `op` of a server's message.
pub const BOOTREPLY: u8 = 2;
/// What comes before the options (RFC 2131 §3).
pub const COOKIE: [u8; 4] = [99, 130, 83, 99];

/// Option codes (RFC 2132, RFC 4578).
pub mod code {
    #![expect(missing_docs, reason = "the names are the RFC's")]
    pub const PAD: u8 = 0;
    pub const SUBNET_MASK: u8 = 1;
    pub const ROUTER: u8 = 3;
    pub const VENDOR_SPECIFIC: u8 = 43;
    pub const REQUESTED_ADDRESS: u8 = 50;
    pub const LEASE_TIME: u8 = 51;
    pub const OVERLOAD: u8 = 52;
    pub const MESSAGE_TYPE: u8 = 53;
    pub const SERVER_ID: u8 = 54;
    pub const PARAMETER_LIST: u8 = 55;
    pub const VENDOR_CLASS: u8 = 60;
    pub const BOOT_FILE: u8 = 67;
    pub const ARCHITECTURE: u8 = 93;
    pub const NETWORK_INTERFACE: u8 = 94;
    pub const CLIENT_UUID: u8 = 97;
    pub const END: u8 = 255;
}

/// Values of option 53 (RFC 2132 §9.6).
pub mod kind {
    #![expect(missing_docs, reason = "the names are the RFC's")]
    pub const DISCOVER: u8 = 1;
    pub const OFFER: u8 = 2;
    pub const REQUEST: u8 = 3;
    pub const DECLINE: u8 = 4;
    pub const ACK: u8 = 5;
    pub const NAK: u8 = 6;
    pub const RELEASE: u8 = 7;
    pub const INFORM: u8 = 8;
    /// RFC 3203.
    pub const FORCE_RENEW: u8 = 9;
}

/// A BOOTP message; `sname` and `file` are filled up with zeros, `options` with PADs before and END after.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of RFC 2131, figure 1")]
pub struct Bootp {
    pub op: u8,
    pub htype: u8,
    pub hlen: u8,
    pub hops: u8,
    pub xid: u32,
    pub secs: u16,
    pub flags: u16,
    pub ciaddr: Ipv4Addr,
    pub yiaddr: Ipv4Addr,
    pub siaddr: Ipv4Addr,
    pub giaddr: Ipv4Addr,
    pub chaddr: MacAddr6,
    pub sname: Vec<u8>,
    pub file: Vec<u8>,
    pub cookie: [u8; 4],
    /// PAD bytes between the cookie and the first option.
    pub pads: usize,
    pub options: Vec<(u8, Vec<u8>)>,
    /// Whether the options have their END.
    pub end: bool,
}

/// Where options are hidden by option 52 (RFC 2132 §9.3); the numbers are its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Overload {
    /// In `file`.
    File = 1,
    /// In `sname`.
    Sname = 2,
    /// The first one in `file`, the others in `sname`.
    Both = 3,
}

impl Bootp {
    /// A message without addresses and options.
    pub fn new(op: u8, xid: u32, chaddr: MacAddr6) -> Self {
        Self {
            op,
            htype: 1,
            hlen: 6,
            hops: 0,
            xid,
            secs: 0,
            flags: 0x8000,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            siaddr: Ipv4Addr::UNSPECIFIED,
            giaddr: Ipv4Addr::UNSPECIFIED,
            chaddr,
            sname: Vec::new(),
            file: Vec::new(),
            cookie: COOKIE,
            pads: 0,
            options: Vec::new(),
            end: true,
        }
    }

    /// Adds an option, in place of any of that code.
    pub fn set(&mut self, code: u8, value: impl Into<Vec<u8>>) -> &mut Self {
        let value = value.into();
        match self.options.iter_mut().find(|(present, _)| *present == code) {
            Some(option) => option.1 = value,
            None => self.options.push((code, value)),
        }
        self
    }

    /// Takes an option away.
    pub fn unset(&mut self, code: u8) -> &mut Self {
        self.options.retain(|(present, _)| *present != code);
        self
    }

    /// Moves options 53 and 54 to where only option 52 leads.
    pub fn overload(&mut self, place: Overload) -> &mut Self {
        let hidden = |(code, _): &(u8, Vec<u8>)| [code::MESSAGE_TYPE, code::SERVER_ID].contains(code);
        let (moved, left): (Vec<_>, Vec<_>) = self.options.drain(..).partition(hidden);
        self.options = left;
        self.set(code::OVERLOAD, [place as u8]);
        let (in_file, in_sname) = match place {
            Overload::File => moved.split_at(moved.len()),
            Overload::Sname => moved.split_at(0),
            Overload::Both => moved.split_at(1.min(moved.len())),
        };
        for (field, options) in [(&mut self.file, in_file), (&mut self.sname, in_sname)] {
            if !options.is_empty() {
                *field = encoded(options);
                field.push(code::END);
            }
        }
        self
    }

    /// The message as it is sent.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.op, self.htype, self.hlen, self.hops];
        bytes.extend(self.xid.to_be_bytes());
        bytes.extend(self.secs.to_be_bytes());
        bytes.extend(self.flags.to_be_bytes());
        for address in [self.ciaddr, self.yiaddr, self.siaddr, self.giaddr] {
            bytes.extend(address.octets());
        }
        bytes.extend(self.chaddr.as_bytes());
        bytes.resize(44, 0);
        bytes.extend(&self.sname);
        bytes.resize(108, 0);
        bytes.extend(&self.file);
        bytes.resize(236, 0);
        bytes.extend(self.cookie);
        bytes.resize(240 + self.pads, code::PAD);
        bytes.extend(encoded(&self.options));
        if self.end {
            bytes.push(code::END);
        }
        bytes
    }
}

fn encoded(options: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (code, value) in options {
        assert!(value.len() < 256, "option {code} is too long");
        bytes.extend([*code, value.len() as u8]);
        bytes.extend(value);
    }
    bytes
}
