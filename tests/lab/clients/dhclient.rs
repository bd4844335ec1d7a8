//! ISC dhclient.

use anyhow::Result;

use super::{SCRIPT, spawn, write_script};
use crate::{Host, Process};

/// A copy: Debian's AppArmor profile goes by the program's path, and forbids a script of ours.
const PROGRAM: &str = "/run/lab/dhclient";
const CONFIG: &str = "/run/lab/dhclient.conf";
const LEASES: &str = "/run/lab/dhclient.leases";
const PID: &str = "/run/lab/dhclient.pid";

pub(super) fn start(host: &Host) -> Result<Process> {
    write_script(host, r#"[ "$reason" != BOUND ] || echo "lease $new_ip_address $new_dhcp_server_identifier""#)?;
    let intervals = "initial-delay 0;\ninitial-interval 1;\nbackoff-cutoff 1;\ntimeout 10;\n";
    host.write(CONFIG, intervals)?;
    host.write(LEASES, "")?;
    host.run(["sh", "-c", r#"[ -e "$0" ] || cp "$(command -v dhclient)" "$0""#, PROGRAM])?;
    spawn(host, &[PROGRAM, "-4", "-1", "-d", "-v", "-cf", CONFIG, "-lf", LEASES, "-pf", PID, "-sf", SCRIPT, "eth0"])
}
