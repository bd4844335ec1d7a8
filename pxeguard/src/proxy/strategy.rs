//! The ways to answer a PXE client: no single one suits every firmware.

use serde::{Deserialize, Serialize};

/// A way to tell a client what to load.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// All in the offer, with option 43.6 = 8: no trip to port 4011.
    Direct,
    /// No option 43 in the offer; the file comes from port 4011.
    Binl,
    /// A menu in option 43, of boot servers on port 4011.
    Menu,
}

impl Strategy {
    /// The name in configuration, tables and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Binl => "binl",
            Self::Menu => "menu",
        }
    }
}
