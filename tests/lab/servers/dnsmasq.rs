//! dnsmasq: DHCP, proxyDHCP, TFTP.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::{Pool, settle};
use crate::{Host, Process};

/// Makes an OFFER a second late: such a server loses against any other.
pub const SLOW: &str = "--dhcp-reply-delay=1";

/// Starts dnsmasq on `eth0` with more arguments; returns once it listens.
pub fn start(host: &Host, pool: &Pool, more: &[&str]) -> Result<Process> {
    settle(host, pool)?;
    start_on(host, "eth0", pool, more)
}

/// As [`start`], on another device, which has the pool's server address already.
pub fn start_on(host: &Host, device: &str, pool: &Pool, more: &[&str]) -> Result<Process> {
    let range = format!("--dhcp-range={},{},255.255.0.0,1h", pool.first, pool.last);
    run(host, device, &[&["--dhcp-authoritative", &range], more].concat())
}

/// Starts dnsmasq on `eth0` as a proxyDHCP server, with at least a `--pxe-service=..` in `more`.
pub fn start_proxy(host: &Host, pool: &Pool, more: &[&str]) -> Result<Process> {
    settle(host, pool)?;
    let range = format!("--dhcp-range={},proxy,255.255.0.0", pool.server);
    run(host, "eth0", &[&[range.as_str()], more].concat())
}

/// As [`start_proxy`], and serves the files below `root` by TFTP.
pub fn start_boot_server(host: &Host, pool: &Pool, root: &Path, more: &[&str]) -> Result<Process> {
    let root = format!("--tftp-root={}", root.display());
    start_proxy(host, pool, &[&["--enable-tftp", &root], more].concat())
}

fn run(host: &Host, device: &str, more: &[&str]) -> Result<Process> {
    let interface = format!("--interface={device}");
    let mut argv = vec![
        "dnsmasq",
        "--keep-in-foreground",
        "--log-facility=-",
        "--log-dhcp",
        "--conf-file=/dev/null",
        "--user=root",
        "--pid-file=/run/lab/dnsmasq.pid",
        "--dhcp-leasefile=/run/lab/dnsmasq.leases",
        "--port=0",
        "--no-ping",
        &interface,
        "--bind-interfaces",
    ];
    argv.extend(more);
    let process = host.spawn(argv)?;
    // The last line of its start, after the sockets are made.
    process.wait_line(|line| line.contains("sockets bound"), Duration::from_secs(10))?;
    Ok(process)
}
