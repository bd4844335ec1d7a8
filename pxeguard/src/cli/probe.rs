//! What `pxeguard probe` is told.

use std::time::Duration;

use clap::Args;

use super::ControlArgs;
use crate::boot::ArchChoice;
use crate::trust::InterfaceName;

/// After the help of `pxeguard probe`.
pub(super) const AFTER_PROBE: &str = "\
Examples:
  pxeguard probe --iface vmbr0
      Asks as a machine of its own behind the bridge, and says who answers and what is wrong with it.
  pxeguard probe --iface vmbr0 --boot --arch efi-x64
      Goes on as a UEFI machine would: takes an address, fetches its file, gives the address back.

No lease is left behind.  A server may hold an offered address back for some seconds.

Exit status: 0 all well, 1 a conflict or another problem (or it failed), 2 nobody answers (or wrong usage).";

/// What `pxeguard probe` is told.
#[derive(Args, Clone, Debug)]
pub struct ProbeArgs {
    /// Interface to ask on: of a bridge, as a guest behind it would; of a card, the network that it is in.
    #[arg(long, value_name = "IF")]
    pub iface: InterfaceName,

    /// Architecture to ask as, by name or number of option 93, such as efi-x64 or 16.  Can be given several times
    /// [default: bios, efi-x64, efi-arm64 and UEFI HTTP boot on x64].
    #[arg(long, value_name = "ARCH")]
    pub arch: Vec<ArchChoice>,

    /// VLAN to ask in, 0 for the untagged network.  Can be given several times [default: 0, and on a bridge that filters
    /// VLANs those that have a device on it].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=4094))]
    pub vlan: Vec<u16>,

    /// Plays a whole client: takes an address, fetches the file that it is told to load, gives the address back.
    #[arg(long)]
    pub boot: bool,

    /// Seconds to wait for offers; a server that looks first whether an address is free takes up to three.
    #[arg(long, value_name = "S", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=60))]
    pub timeout: u16,

    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,

    /// Whom to ask what the guard drops meanwhile, and who is trusted.
    #[command(flatten)]
    pub control: ControlArgs,
}

impl ProbeArgs {
    /// How long offers are waited for.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.timeout.into())
    }
}
