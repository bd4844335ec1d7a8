//! Why a datagram to a DHCP server's port is none of ours.

/// Why nothing is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Ignore {
    /// No IPv4 datagram that could be read.
    Unreadable,
    /// It is sent to somebody else.
    ForAnother,
    /// No address of ours is in the sender's network.
    NotServed,
    /// No DHCP message.
    NotDhcp,
    /// A server's or a relay's message.
    NotRequest,
    /// The hardware address is none of Ethernet's, or nobody's.
    NotEthernet,
    /// No DISCOVER, REQUEST or INFORM.
    OtherMessage,
    /// A client that does not boot from the network: option 60 says nothing of it.
    NotPxe,
    /// It boots from the network, and does not say what it is (option 93).
    NoArchitecture,
    /// Option 97 has neither 0 nor 17 bytes.
    OddUuid,
    /// It wants its files signed.
    Credentials,
    /// The relay's address is none.
    OddRelay,
    /// A REQUEST on port 67: it is the DHCP server's to answer.
    ForDhcpServer,
    /// A DISCOVER on port 4011, where clients only ask for what an offer has promised.
    OddPort,
}

impl Ignore {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 14] = [
        Self::Unreadable,
        Self::ForAnother,
        Self::NotServed,
        Self::NotDhcp,
        Self::NotRequest,
        Self::NotEthernet,
        Self::OtherMessage,
        Self::NotPxe,
        Self::NoArchitecture,
        Self::OddUuid,
        Self::Credentials,
        Self::OddRelay,
        Self::ForDhcpServer,
        Self::OddPort,
    ];

    /// The name in statistics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::ForAnother => "for_another",
            Self::NotServed => "not_served",
            Self::NotDhcp => "not_dhcp",
            Self::NotRequest => "not_request",
            Self::NotEthernet => "not_ethernet",
            Self::OtherMessage => "other_message",
            Self::NotPxe => "not_pxe",
            Self::NoArchitecture => "no_architecture",
            Self::OddUuid => "odd_uuid",
            Self::Credentials => "credentials",
            Self::OddRelay => "odd_relay",
            Self::ForDhcpServer => "for_dhcp_server",
            Self::OddPort => "odd_port",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stands_at_its_number() {
        for (number, reason) in Ignore::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, number, "{}", reason.name());
        }
    }
}
