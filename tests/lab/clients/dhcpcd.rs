//! dhcpcd.

use anyhow::Result;

use super::{SCRIPT, spawn, write_script};
use crate::{Host, Process};

const CONFIG: &str = "/run/lab/dhcpcd.conf";

pub(super) fn start(host: &Host) -> Result<Process> {
    write_script(host, r#"[ "$reason" != BOUND ] || echo "lease $new_ip_address $new_dhcp_server_identifier""#)?;
    host.write(CONFIG, "clientid\nnoarp\nnoipv4ll\nnodelay\nnodev\n")?;
    spawn(host, &["dhcpcd", "-4", "-1", "-B", "-d", "-t", "10", "-f", CONFIG, "-c", SCRIPT, "eth0"])
}

/// Takes back what it has done to the interface, and its leases.
pub(super) fn forget(host: &Host) -> Result<()> {
    host.ip("address flush dev eth0\n")?;
    host.run(["sh", "-c", "rm -rf /var/lib/dhcpcd/* /run/dhcpcd/*"]).map(drop)
}
