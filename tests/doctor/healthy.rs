//! A host on which all is well.

use pxeguard::doctor::{Check, Outcome};
use pxeguard_lab::guard::{program, run};
use pxeguard_lab::{BRIDGE, Lab, Pool, Server, skip_unless};

use crate::scene::Scene;

#[test]
fn a_healthy_host_gets_no_warning_before_while_and_after_pxeguard_runs() {
    skip_unless!("nft", "iptables", "dnsmasq");
    let scene = Scene::new();
    let _dhcp = Server::Dnsmasq.start(&scene.other, &Pool::TRUSTED).unwrap();
    scene.assert_healthy();
    let guard = scene.guard();
    scene.assert_healthy();
    let (findings, _) = scene.doctor();
    let of = |check, subject: &str| {
        let found = findings.iter().find(|finding| finding.check == check && finding.subject == subject);
        found.unwrap_or_else(|| panic!("{check:?} {subject} in {findings:#?}")).evidence.clone()
    };
    assert_eq!(of(Check::Holder, "udp 69"), "held by pxeguard");
    assert!(of(Check::Port, "p-client").starts_with("guarded by tcx since "));
    assert!(of(Check::Firewall, "vmbr0 udp 67, 4011").contains("do not matter"));
    guard.stop().unwrap();
    scene.assert_healthy();
    let left =
        scene.doctor().0.into_iter().find(|finding| finding.subject == "p-client" && finding.check == Check::Port);
    assert!(left.unwrap().evidence.contains("though no pxeguard runs"));
}

#[test]
fn a_host_that_only_guards_needs_no_address_and_no_port() {
    skip_unless!("nft");
    let lab = Lab::new().unwrap();
    let _guest = lab.attach("guest").unwrap();
    let text = run(lab.hypervisor(), ["doctor", "--iface", BRIDGE]).unwrap();
    let results: Vec<_> = text.lines().skip(1).map(|line| line.split(' ').next().unwrap()).collect();
    assert!(results.len() > 9 && results.iter().all(|result| *result == "pass"), "{text}");
}

#[test]
fn without_rights_the_doctor_says_what_it_could_not_look_at() {
    skip_unless!("nft", "setpriv");
    let scene = Scene::new();
    let program = program().unwrap();
    let program = program.to_str().unwrap();
    let root = scene.root();
    let argv = [
        "setpriv",
        "--bounding-set=-all",
        "--inh-caps=-all",
        program,
        "doctor",
        "--json",
        "--iface",
        BRIDGE,
        "--boot-root",
    ];
    let findings = scene.lab.hypervisor().json(argv.into_iter().chain([root.to_str().unwrap()])).unwrap();
    let findings: Vec<pxeguard::doctor::Finding> = serde_json::from_value(findings).unwrap();
    let warned = |check, words: &str| {
        let fits = |finding: &&pxeguard::doctor::Finding| finding.check == check && finding.evidence.contains(words);
        assert_eq!(findings.iter().find(fits).map(|finding| finding.result), Some(Outcome::Warn), "{findings:#?}");
    };
    warned(Check::Kernel, "CAP_NET_ADMIN");
    warned(Check::Firewall, "cannot be read");
}

#[test]
fn an_interface_that_is_not_there_fails_with_what_may_be_meant() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let ran = pxeguard_lab::guard::run_any(lab.hypervisor(), ["doctor", "--iface", "vmbr1"]).unwrap();
    let (out, err) = (String::from_utf8(ran.output.stdout).unwrap(), String::from_utf8(ran.output.stderr).unwrap());
    assert!(out.contains("no such interface; did you mean vmbr0?"), "{out}");
    assert_eq!((ran.output.status.code(), err.as_str()), (Some(1), "pxeguard: one check failed\n"));
}
