//! Real firmware in virtual machines boots from the network, beside a DHCP server that knows nothing of it.

mod dnsmasq;
mod files;
