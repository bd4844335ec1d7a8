//! Real firmware in virtual machines boots from the network, beside a DHCP server that knows nothing of it.
//!
//! memtest86+ proves that what was loaded runs.  The lab itself is tried with dnsmasq as boot server (`dnsmasq`): the
//! same machines boot the same programs there.

mod arm64;
mod bios;
mod dnsmasq;
mod explain;
mod installer;
mod scene;
mod uefi;
