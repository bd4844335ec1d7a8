//! The ways to answer a PXE client: no single one suits every firmware.

use pxeguard_common::arch::Platform;
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

    /// In which order they are tried, one after another and again from the beginning.
    ///
    /// `direct` is first everywhere.  A BIOS has had bit 3 of option 43.6 since PXE 2.1 (pixiecore and smee rely on it),
    /// and iPXE and edk2 save a second or more by it: edk2's exchange on port 4011 takes as long as its timeout.  The
    /// UEFI firmware that overlooks such an offer takes the file from port 4011 (pixiecore found no exception), so
    /// `binl` is second there.  A BIOS knows menus better: `binl` came with Windows' servers.
    pub const fn order(platform: Option<Platform>) -> [Self; 3] {
        match platform {
            Some(Platform::Bios) => [Self::Direct, Self::Menu, Self::Binl],
            _ => [Self::Direct, Self::Binl, Self::Menu],
        }
    }

    /// The one to try after this one.
    pub fn next(self, platform: Option<Platform>) -> Self {
        let order = Self::order(platform);
        let place = order.iter().position(|strategy| *strategy == self).expect("the order has all of them");
        order[(place + 1) % order.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_platform_comes_through_all_strategies() {
        for platform in Platform::ALL.map(Some).into_iter().chain([None]) {
            let mut tried = vec![Strategy::order(platform)[0]];
            for _ in 1..3 {
                tried.push(tried[tried.len() - 1].next(platform));
            }
            assert_eq!(tried, Strategy::order(platform));
            tried.sort();
            assert_eq!(tried, [Strategy::Direct, Strategy::Binl, Strategy::Menu]);
        }
    }
}
