//! Where on a port a program is attached.

use std::fmt;

/// What the operator asks for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookChoice {
    /// XDP on cards that it suits, else tcx; `pxeguard ports` shows why.
    #[default]
    Auto,
    /// XDP in the driver.  On veth ports it costs most of the bulk throughput.
    Xdp,
    /// XDP behind the driver: it copies packets that it could pass.
    XdpGeneric,
    /// The traffic control hook (clsact on kernels before 6.6).
    Tcx,
    /// What tcx falls back to on kernels before 6.6.
    Clsact,
}

/// What a port has.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Hook {
    /// XDP in the driver.
    Xdp,
    /// XDP behind the driver.
    XdpGeneric,
    /// TCX (Linux 6.6).
    Tcx,
    /// A filter of the clsact queueing discipline.
    Clsact,
}

impl Hook {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Xdp, Self::XdpGeneric, Self::Tcx, Self::Clsact];

    /// The name in `ports --json`, labels and the names of pins.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xdp => "xdp",
            Self::XdpGeneric => "xdp-generic",
            Self::Tcx => "tcx",
            Self::Clsact => "clsact",
        }
    }

    /// Whether it is a kind of XDP.
    pub const fn is_xdp(self) -> bool {
        matches!(self, Self::Xdp | Self::XdpGeneric)
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
