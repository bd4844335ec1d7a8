use super::super::Outcome;
use super::*;

fn served() -> Served {
    Served { ifaces: vec!["vmbr0".to_owned()], nets: vec!["10.77.0.1/16".parse().unwrap()] }
}

fn server(version: &str, settings: &[&str]) -> Server {
    let all = settings.iter().map(|text| {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        Setting { key: key.to_owned(), value: value.to_owned(), file: None, line: 0 }
    });
    let argv = std::iter::once("dnsmasq".to_owned()).chain(settings.iter().map(|text| format!("--{text}")));
    let process = Process { pid: 7, name: "dnsmasq".to_owned(), argv: argv.collect(), unit: None, is_privileged: true };
    let settings = Settings { all: all.collect(), ..Settings::default() };
    Server { process, settings, version: Some(version.to_owned()) }
}

fn worst(version: &str, settings: &[&str]) -> Finding {
    let mut findings = judge(&server(version, settings), &served(), true);
    findings.sort_by_key(|finding| finding.result);
    findings.remove(0)
}

const FULL: &str = "dhcp-range=10.77.1.0,10.77.2.0,255.255.0.0,1h";
const PROXY: &str = "dhcp-range=10.77.0.1,proxy,255.255.0.0";

#[test]
fn a_dhcp_server_that_leaves_pxe_alone_is_well() {
    assert_eq!(worst("2.90", &[FULL, "interface=vmbr0"]).result, Outcome::Pass);
    assert_eq!(worst("2.92", &[FULL]).result, Outcome::Pass, "2.92 without PXE");
}

#[test]
fn a_second_proxy_fails_and_is_started_anew_without_what_makes_it_one() {
    let finding = worst("2.90", &["interface=vm*", PROXY, "pxe-service=x86PC,boot,file"]);
    assert_eq!(finding.result, Outcome::Fail);
    assert!(finding.evidence.starts_with("a second proxyDHCP"), "{}", finding.evidence);
    assert_eq!(finding.remedy.as_deref(), Some("kill 7; sleep 1; dnsmasq '--interface=vm*'"));
    let both = worst("2.90", &[FULL, PROXY]);
    assert!(both.evidence.contains("a range of addresses in the same network as well"), "{}", both.evidence);
}

#[test]
fn settings_of_a_file_are_taken_out_by_their_lines() {
    let mut server = server("2.90", &[PROXY, "pxe-service=x86PC,boot,file"]);
    for (line, setting) in server.settings.all.iter_mut().enumerate() {
        (setting.file, setting.line) = (Some("/etc/dnsmasq.d/pxe".into()), line + 3);
    }
    server.process.unit = Some("dnsmasq.service".to_owned());
    let remedy = judge(&server, &served(), true)[0].remedy.clone().unwrap();
    assert_eq!(remedy, "sed -i '4d;3d' /etc/dnsmasq.d/pxe && systemctl restart dnsmasq.service");
}

#[test]
fn option_60_fails_whatever_its_name() {
    for option in ["dhcp-option=60,PXEClient", "dhcp-option-force=tag:x,option:vendor-class,PXEClient"] {
        let finding = worst("2.90", &[FULL, option]);
        assert_eq!(finding.result, Outcome::Fail, "{option}");
        assert!(finding.evidence.contains("option 60"), "{}", finding.evidence);
    }
    assert_eq!(worst("2.90", &[FULL, "dhcp-option=6,10.77.0.1"]).result, Outcome::Pass);
}

#[test]
fn a_boot_file_in_its_offer_is_doubtful() {
    assert_eq!(worst("2.90", &[FULL, "dhcp-boot=pxelinux.0"]).result, Outcome::Warn);
}

#[test]
fn what_it_does_elsewhere_is_no_matter() {
    for elsewhere in
        ["interface=virbr0", "listen-address=10.1.0.1", "except-interface=vmbr0", "no-dhcp-interface=vmbr0"]
    {
        assert_eq!(worst("2.90", &[PROXY, "pxe-service=x86PC,a,b", elsewhere]).result, Outcome::Pass, "{elsewhere}");
    }
    let other_net = "dhcp-range=192.168.122.2,proxy,255.255.255.0";
    assert_eq!(worst("2.90", &[other_net]).result, Outcome::Pass);
}

#[test]
fn the_fault_of_2_92_is_told_where_it_answers_on_4011() {
    let menu = "pxe-service=x86PC,boot,file";
    let told = |version| judge(&server(version, &[FULL, menu]), &served(), true);
    let is_told = |findings: &[Finding]| findings.iter().any(|finding| finding.evidence.contains("2.92"));
    assert!(is_told(&told("2.92")) && !is_told(&told("2.90")) && !is_told(&told("2.93")));
    assert_eq!(version_of("Dnsmasq version 2.92  Copyright (c) 2000-2025 Simon Kelley\n"), Some("2.92"));
}
