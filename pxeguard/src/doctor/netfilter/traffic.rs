//! What has to pass, in words and as rules ask for it.

use super::rules::Hook;
use super::way::Wire;

/// What is on the way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Traffic {
    /// Clients' questions to ports 67 and 4011.
    Question,
    /// Our answers.
    Answer,
    /// The first datagram of a transfer.
    Tftp,
    /// Acknowledgements, which come to a port of the transfer's own.
    TftpData,
    /// Connections to the HTTP server.
    Http(u16),
    /// What this host sends of files.
    Served,
    /// DHCP between the ports of a bridge.
    Bridged,
}

impl Traffic {
    /// In a finding's subject.
    pub fn name(self) -> String {
        match self {
            Self::Question => "udp 67, 4011".to_owned(),
            Self::Answer => "answers".to_owned(),
            Self::Tftp => "udp 69".to_owned(),
            Self::TftpData => "TFTP transfers".to_owned(),
            Self::Http(port) => format!("tcp {port}"),
            Self::Served => "files".to_owned(),
            Self::Bridged => "DHCP between ports".to_owned(),
        }
    }

    /// In a sentence.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Question => "a PXE client's question",
            Self::Answer => "an answer to a PXE client",
            Self::Tftp => "a TFTP client's request",
            Self::TftpData => "what a TFTP client acknowledges",
            Self::Http(_) => "an HTTP client's connection",
            Self::Served => "what is sent of a file",
            Self::Bridged => "DHCP between the ports of the bridge",
        }
    }

    /// Why it passes.
    pub fn passes(self, wire: &Wire) -> String {
        match self {
            Self::Question => {
                "read before netfilter's input, so that rules there do not matter; nothing on the way drops it"
                    .to_owned()
            }
            Self::Answer => {
                "sent as whole frames, which netfilter's output does not see; nothing drops them".to_owned()
            }
            Self::Bridged if wire.calls_iptables => {
                "br_netfilter sends bridged frames through iptables, and nothing there drops DHCP".to_owned()
            }
            Self::Bridged => "bridged frames do not pass iptables, and no rule of the bridge's drops DHCP".to_owned(),
            _ => "nothing drops it".to_owned(),
        }
    }

    /// What a rule of nft's looks for; `has_bridge` where the bridge is the interface, and not its ports.
    pub fn in_nft(self, name: &str, has_bridge: bool) -> String {
        let (from, to) = match has_bridge {
            true => (format!("iifname {name} "), format!("oifname {name} ")),
            // There, interfaces are ports.
            false => (String::new(), String::new()),
        };
        match self {
            Self::Question => "udp dport { 67, 4011 }".to_owned(),
            Self::Answer => "udp sport { 67, 4011 }".to_owned(),
            Self::Bridged if has_bridge => format!("{from}{to}").trim_end().to_owned(),
            Self::Bridged => "udp dport { 67, 68 }".to_owned(),
            Self::Tftp => format!("{from}udp dport 69"),
            Self::TftpData if has_bridge => format!("{from}ct state established"),
            Self::TftpData => "udp dport 32768-60999".to_owned(),
            Self::Http(port) => format!("{from}tcp dport {port}"),
            Self::Served if has_bridge => format!("{to}meta l4proto {{ tcp, udp }}"),
            Self::Served => "meta protocol ip".to_owned(),
        }
    }

    /// What a rule of iptables' looks for.
    pub fn in_iptables(self, name: &str, hook: Hook) -> String {
        match self {
            Self::Bridged if hook == Hook::Forward => format!("-i {name} -o {name}"),
            Self::Question | Self::Bridged => "-p udp --dport 67:68".to_owned(),
            Self::Answer => "-p udp --sport 67".to_owned(),
            Self::Tftp => format!("-i {name} -p udp --dport 69"),
            Self::TftpData => format!("-i {name} -m conntrack --ctstate ESTABLISHED"),
            Self::Http(port) => format!("-i {name} -p tcp --dport {port}"),
            Self::Served => format!("-o {name}"),
        }
    }
}
