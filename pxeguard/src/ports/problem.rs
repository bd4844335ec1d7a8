//! Why something that `--iface` names is not guarded.

/// Why something that `--iface` names is not guarded.
///
/// At the start each is an error; later it is told, and the interface is guarded once the reason is gone.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Problem {
    /// There is none, or no longer.
    #[error("{iface}: no such interface{}", suggestion(.candidates))]
    Missing {
        /// As given.
        iface: String,
        /// Names that may be meant: a similar one, else the bridges.
        candidates: Vec<String>,
    },
    /// A bridge of Open vSwitch, whose frames do not pass the bridge's own interface.
    #[error("{iface}: an Open vSwitch bridge; pxeguard guards its ports one by one: {}", flags(.ports))]
    OpenVswitchBridge {
        /// As given.
        iface: String,
        /// Interfaces to name instead.
        ports: Vec<String>,
    },
    /// An interface of the host's own in an Open vSwitch bridge.
    #[error("{iface}: an internal port of an Open vSwitch bridge, which only the host is behind; name the ports of \
             that bridge instead: {}", flags(.ports))]
    OpenVswitchInternal {
        /// As given.
        iface: String,
        /// Interfaces to name instead.
        ports: Vec<String>,
    },
    /// Open vSwitch runs here, and it cannot be found out whether this is one of its bridges.  It is guarded as
    /// what it looks like.
    #[error("{iface}: cannot find out whether this is an Open vSwitch bridge or a port of one: {why}")]
    OpenVswitchSilent {
        /// As given.
        iface: String,
        /// What `ovs-vsctl` said.
        why: String,
    },
    /// The host's loopback.
    #[error("{iface}: the loopback interface; no other machine is behind it")]
    Loopback {
        /// As given.
        iface: String,
    },
    /// Its frames have no Ethernet header; DHCP by broadcast does not exist there.
    #[error("{iface}: a {kind} interface, which carries no Ethernet frames; name a bridge or an Ethernet interface")]
    NotEthernet {
        /// As given.
        iface: String,
        /// Its kind's name.
        kind: String,
    },
}

impl Problem {
    /// Whether what is named is guarded as well as can be.
    pub fn is_guarded_all_the_same(&self) -> bool {
        matches!(self, Self::OpenVswitchSilent { .. })
    }

    /// What was given to `--iface`.
    pub fn iface(&self) -> &str {
        match self {
            Self::Missing { iface, .. }
            | Self::OpenVswitchBridge { iface, .. }
            | Self::OpenVswitchInternal { iface, .. }
            | Self::OpenVswitchSilent { iface, .. }
            | Self::Loopback { iface }
            | Self::NotEthernet { iface, .. } => iface,
        }
    }
}

fn suggestion(candidates: &[String]) -> String {
    match candidates {
        [] => String::new(),
        [one] => format!("; did you mean {one}?"),
        several => format!("; here are {}", several.join(", ")),
    }
}

fn flags(ports: &[String]) -> String {
    if ports.is_empty() {
        return "--iface PORT (it has none yet)".to_owned();
    }
    let flags: Vec<_> = ports.iter().map(|port| format!("--iface {port}")).collect();
    flags.join(" ")
}
