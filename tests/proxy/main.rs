//! What PXE clients are answered, beside real DHCP servers.
