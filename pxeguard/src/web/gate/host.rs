//! The names by which this host may be asked.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};

/// This host's own name (proc_sys_kernel(5)).
const OWN: &str = "/proc/sys/kernel/hostname";

/// Names, in lower case.  An address needs none: a browser that asks an address was told no name by anybody.
#[derive(Debug)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    pub(super) fn new(configured: &[String]) -> Self {
        let own = fs::read_to_string(OWN).ok().map(|name| name.trim_end().to_owned());
        let names = configured.iter().cloned().chain(own).chain(["localhost".to_owned()]);
        Self(names.map(|name| name.to_ascii_lowercase()).collect())
    }

    /// Whether a header `Host` (RFC 9110 §7.2) names this host; its port does not matter.
    pub(super) fn include(&self, host: &str) -> bool {
        if let Some((address, port)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            return address.parse::<Ipv6Addr>().is_ok() && (port.is_empty() || is_port(port.strip_prefix(':')));
        }
        let name = match host.split_once(':') {
            Some((name, port)) if is_port(Some(port)) => name,
            Some(_) => return false,
            None => host,
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        name.parse::<Ipv4Addr>().is_ok() || self.0.contains(&name.to_ascii_lowercase())
    }
}

fn is_port(text: Option<&str>) -> bool {
    text.is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_known_names_are_this_host_and_others_are_not() {
        let names = Names::new(&["Guard.Example".to_owned()]);
        let own = fs::read_to_string(OWN).unwrap();
        let known = ["127.0.0.1", "10.0.0.1:9467", "[::1]", "[fe80::1]:9467", "localhost:1", "LOCALHOST", "localhost."];
        for host in known.into_iter().chain(["guard.example:9467", "guard.EXAMPLE", own.trim_end()]) {
            assert!(names.include(host), "{host}");
        }
        let unknown = ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "[evil]", "[::1", "::1"];
        for host in
            unknown.into_iter().chain(["localhost:port", "localhost:99999", "2130706433", "user@localhost", "."])
        {
            assert!(!names.include(host), "{host}");
        }
    }
}
