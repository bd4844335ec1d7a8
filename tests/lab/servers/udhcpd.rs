//! busybox udhcpd.

use anyhow::Result;

use super::{Pool, settle};
use crate::{Host, Process};

const CONFIG: &str = "/run/lab/udhcpd.conf";
const LEASES: &str = "/run/lab/udhcpd.leases";

/// Starts it on `eth0`; returns once it listens.
pub(super) fn start(host: &Host, pool: &Pool) -> Result<Process> {
    settle(host, pool)?;
    let Pool { server, first, last } = pool;
    let config = format!(
        "interface eth0\nstart {first}\nend {last}\nmax_leases 254\n\
         lease_file {LEASES}\npidfile /run/lab/udhcpd.pid\n\
         option subnet 255.255.0.0\noption lease 3600\noption serverid {server}\n"
    );
    host.write(LEASES, "")?;
    host.write(CONFIG, config)?;
    // It asks by ARP whether somebody has the address, for two seconds unless told otherwise.
    let process = host.spawn(["busybox", "udhcpd", "-f", "-a", "1", CONFIG])?;
    // It says that it has started before it opens its socket.
    host.wait_udp(67)?;
    Ok(process)
}
