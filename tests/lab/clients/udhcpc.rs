//! busybox udhcpc: no state, no delay.

use anyhow::Result;

use super::{SCRIPT, spawn, write_script};
use crate::{Host, Process};

pub(super) fn start(host: &Host) -> Result<Process> {
    write_script(host, r#"[ "$1" != bound ] || echo "lease $ip $serverid""#)?;
    spawn(host, &["busybox", "udhcpc", "-i", "eth0", "-f", "-n", "-q", "-t", "5", "-T", "1", "-s", SCRIPT])
}
