//! kea-dhcp4.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::{Pool, settle};
use crate::host::command;
use crate::{Host, Process};

/// Where Debian's AppArmor profile lets it read its settings.
const CONFIG: &str = "/etc/kea/kea-dhcp4.conf";

/// Starts it on `eth0`; returns once it listens.
pub(super) fn start(host: &Host, pool: &Pool) -> Result<Process> {
    settle(host, pool)?;
    let config = json!({ "Dhcp4": {
        "interfaces-config": { "interfaces": ["eth0"], "dhcp-socket-type": "raw" },
        "lease-database": { "type": "memfile", "persist": false },
        "valid-lifetime": 3600,
        "subnet4": [{
            "subnet": format!("{}/16", pool.server),
            "pools": [{ "pool": format!("{} - {}", pool.first, pool.last) }],
            "option-data": [{ "name": "dhcp-server-identifier", "data": pool.server }],
        }],
        "loggers": [{
            "name": "kea-dhcp4",
            "severity": "INFO",
            "output_options": [{ "output": "stdout", "flush": true }],
        }],
    }});
    host.write(CONFIG, config.to_string())?;
    let mut kea = command(["kea-dhcp4", "-c", CONFIG])?;
    kea.env("KEA_PIDFILE_DIR", "/run/kea").env("KEA_LOCKFILE_DIR", "/run/kea");
    let process = host.spawn_command(kea)?;
    process.wait_line(|line| line.contains("DHCP4_STARTED"), Duration::from_secs(20))?;
    Ok(process)
}
