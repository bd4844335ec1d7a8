//! dnsmasq on this host, and what of its configuration is in conflict with pxeguard.

mod settings;

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::command::output;
use super::processes::{Process, quoted};
use super::{Check, Finding, Host};
use settings::{Setting, Settings};

/// A running dnsmasq.
#[derive(Clone, Debug, Default)]
pub(super) struct Server {
    pub(super) process: Process,
    settings: Settings,
    /// What `dnsmasq --version` says, such as `2.90`.
    version: Option<String>,
}

/// A network that pxeguard serves.
#[derive(Clone, Debug, Default)]
pub(super) struct Served {
    /// Names of the interfaces that have its addresses.
    pub(super) ifaces: Vec<String>,
    pub(super) nets: Vec<Ipv4Net>,
}

pub(super) fn check(host: &Host<'_>) -> Vec<Finding> {
    let served = served(host);
    let servers = gather();
    let all = servers.iter().flat_map(|server| judge(server, &served, host.config.boot.is_some()));
    all.collect()
}

/// Those that run in the network of the calling thread.
pub(super) fn gather() -> Vec<Server> {
    let all = Process::named("dnsmasq").into_iter().map(|process| {
        let version = process
            .trusted_program()
            .filter(|_| process.is_privileged)
            .and_then(|program| output(&[program.to_str()?, "--version"]).ok());
        let version = version.as_deref().and_then(version_of).map(str::to_owned);
        Server { settings: Settings::of(&process), version, process }
    });
    all.collect()
}

pub(super) fn served(host: &Host<'_>) -> Served {
    let mut served = Served::default();
    for segment in &host.segments {
        let owner = segment.bridge.as_ref().unwrap_or(&segment.name);
        let trunk = host.snapshot.index_of(owner);
        let vlans = host.snapshot.links().filter(|link| link.vlan_of.is_some_and(|of| Some(of.trunk) == trunk));
        served.ifaces.extend(vlans.map(|link| link.name.clone()).chain([owner.clone()]));
    }
    served.nets = host.networks.own.iter().map(|network| network.address).collect();
    served
}

/// `Dnsmasq version 2.90  Copyright ...`
fn version_of(said: &str) -> Option<&str> {
    said.strip_prefix("Dnsmasq version ")?.split_whitespace().next()
}

impl Server {
    /// Whether it answers DHCP clients there.
    pub(super) fn answers(&self, served: &Served) -> bool {
        let values = |key: &'static str| -> Vec<&str> {
            self.settings.of_key(key).flat_map(|setting| setting.value.split(',')).collect()
        };
        let names = |patterns: &[&str]| {
            let fits = |pattern: &&str, name: &String| match pattern.strip_suffix('*') {
                Some(begin) => name.starts_with(begin),
                None => pattern == name,
            };
            served.ifaces.iter().any(|name| patterns.iter().any(|pattern| fits(pattern, name)))
        };
        let (only, addresses) = (values("interface"), values("listen-address"));
        let is_own =
            |address: &&str| address.parse().is_ok_and(|ip: Ipv4Addr| served.nets.iter().any(|net| net.addr() == ip));
        let is_here = (only.is_empty() && addresses.is_empty()) || names(&only) || addresses.iter().any(is_own);
        is_here && !names(&values("except-interface")) && !names(&values("no-dhcp-interface"))
    }

    /// Whether it gives addresses of these networks.
    pub(super) fn gives_addresses(&self, served: &Served) -> bool {
        self.answers(served) && self.ranges(served).any(|range| !range.is_proxy)
    }

    fn ranges<'a>(&'a self, served: &'a Served) -> impl Iterator<Item = Range<'a>> {
        let ranges = self.settings.of_key("dhcp-range").filter_map(Range::parse);
        ranges.filter(|range| served.nets.iter().any(|net| net.contains(&range.first)))
    }
}

/// A `dhcp-range`.
struct Range<'a> {
    first: Ipv4Addr,
    is_proxy: bool,
    setting: &'a Setting,
}

impl<'a> Range<'a> {
    /// `[tag:...,][set:...,]FIRST,LAST|proxy|static[,MASK...]`; `None` for IPv6.
    fn parse(setting: &'a Setting) -> Option<Self> {
        let mut parts = setting.value.split(',').filter(|part| !part.contains(':'));
        let first = parts.next()?.parse().ok()?;
        Some(Self { first, is_proxy: parts.any(|part| part == "proxy"), setting })
    }
}

/// Whether it gives DHCP option 60 `PXEClient`, which sends every PXE client to its own port 4011.
fn gives_option_60(setting: &Setting) -> bool {
    let is_option = matches!(setting.key.as_str(), "dhcp-option" | "dhcp-option-force");
    let is_60 = |part: &str| matches!(part, "60" | "option:60" | "option:vendor-class" | "vendor-class");
    is_option && setting.value.split(',').any(is_60) && setting.value.contains("PXEClient")
}

fn judge(server: &Server, served: &Served, boots: bool) -> Vec<Finding> {
    let subject = format!("dnsmasq (pid {})", server.process.pid);
    let version = server.version.as_ref().map_or_else(String::new, |version| format!(" {version}"));
    let mut findings: Vec<_> = server
        .settings
        .unread
        .iter()
        .map(|why| {
            Finding::warn(Check::Dnsmasq, &subject, format!("its configuration is not known in full: {why}"), None)
        })
        .collect();
    if !server.answers(served) {
        findings.push(Finding::pass(Check::Dnsmasq, &subject, format!("dnsmasq{version}, on other interfaces")));
        return findings;
    }
    if !boots {
        findings.push(Finding::pass(
            Check::Dnsmasq,
            &subject,
            format!("dnsmasq{version}; pxeguard boots nobody beside it"),
        ));
        return findings;
    }
    let mut conflicts = Vec::new();
    let proxies: Vec<_> = server.ranges(served).filter(|range| range.is_proxy).map(|range| range.setting).collect();
    let mut menus: Vec<&Setting> =
        server.settings.of_key("pxe-service").chain(server.settings.of_key("pxe-prompt")).collect();
    if !proxies.is_empty() {
        let both = if server.ranges(served).any(|range| !range.is_proxy) {
            "; it has a range of addresses in the same network as well, of which one may have been meant"
        } else {
            ""
        };
        let evidence = format!("a second proxyDHCP beside pxeguard{both}: two answers to each PXE client");
        menus.extend(proxies);
        conflicts.push((evidence, menus));
    } else if !menus.is_empty() {
        conflicts
            .push(("it answers PXE clients with a menu of its own: two answers to each PXE client".to_owned(), menus));
    }
    let option_60: Vec<_> = server.settings.all.iter().filter(|setting| gives_option_60(setting)).collect();
    if !option_60.is_empty() {
        let evidence =
            "it sends option 60 PXEClient, so that clients ask it on port 4011, where it does not answer (PXE-E55)";
        conflicts.push((evidence.to_owned(), option_60));
    }
    let fails = conflicts.into_iter().map(|(evidence, settings)| {
        let evidence = format!("{evidence}: {}", Setting::in_words(&settings));
        Finding::fail(Check::Dnsmasq, &subject, evidence, Some(without(&server.process, &settings)))
    });
    let before = findings.len();
    findings.extend(fails);
    let boots: Vec<_> = server.settings.of_key("dhcp-boot").collect();
    if !boots.is_empty() {
        let evidence = format!(
            "its offer names a boot file as well, and firmware that takes the first one does not come to pxeguard: {}",
            Setting::in_words(&boots)
        );
        findings.push(Finding::warn(Check::Dnsmasq, &subject, evidence, Some(without(&server.process, &boots))));
    }
    let has_menu = server.settings.of_key("pxe-service").next().is_some();
    if has_menu && server.version.as_deref().is_some_and(|version| version.starts_with("2.92")) {
        let evidence = "dnsmasq 2.92 sends its answers on port 4011 to everybody's port 68, where no client hears them; \
                        2.93 does not";
        findings.push(Finding::warn(Check::Dnsmasq, &subject, evidence, Some("apt install dnsmasq-base".to_owned())));
    }
    if findings.len() == before {
        findings.push(Finding::pass(
            Check::Dnsmasq,
            &subject,
            format!("dnsmasq{version}, which leaves PXE to pxeguard"),
        ));
    }
    findings
}

/// The command that takes settings out of its files or command line, and starts it anew.
fn without(process: &Process, settings: &[&Setting]) -> String {
    let mut files: Vec<_> = settings.iter().filter_map(|setting| setting.file.as_ref()).collect();
    files.sort_unstable();
    files.dedup();
    let mut commands: Vec<_> = files
        .into_iter()
        .map(|file| {
            let here = settings.iter().filter(|setting| setting.file.as_ref() == Some(file));
            let lines: Vec<_> = here.map(|setting| format!("{}d", setting.line)).collect();
            format!("sed -i {} {}", quoted(&lines.join(";")), quoted(&file.display().to_string()))
        })
        .collect();
    let by_words = |word: &str| settings.iter().any(|setting| setting.file.is_none() && setting.is_word(word));
    commands.push(process.restart(by_words));
    commands.join(" && ")
}

#[cfg(test)]
mod tests;
