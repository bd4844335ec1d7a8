//! Packet filters in the way.

use std::time::Duration;

use pxeguard::doctor::{Check, Outcome};
use pxeguard_lab::frames::Message;
use pxeguard_lab::{Pool, skip_unless};

use crate::scene::{PROGRAM, Scene};

/// Whether bridged frames pass iptables.
const CALL_IPTABLES: &str = "/proc/sys/net/bridge/bridge-nf-call-iptables";

/// What the client can fetch.
fn fetched(scene: &Scene) -> [bool; 2] {
    ["tftp".to_owned(), "http".to_owned()].map(|scheme| {
        let port = if scheme == "http" { ":8067" } else { "" };
        let url = format!("{scheme}://{}{port}/{PROGRAM}", Pool::TRUSTED.server);
        let ran = scene.client.output(["curl", "--silent", "--fail", "--max-time", "2", "--output", "/dev/null", &url]);
        ran.unwrap().output.status.success()
    })
}

/// What the doctor complains of.
fn subjects(scene: &Scene) -> Vec<String> {
    scene.complaints().into_iter().map(|finding| finding.subject).collect()
}

#[test]
fn nft_rules_that_drop_69_and_8067_are_named_and_overruled() {
    skip_unless!("nft", "curl");
    let scene = Scene::new();
    let hypervisor = scene.lab.hypervisor();
    let guard = scene.guard();
    assert_eq!(fetched(&scene), [true, true]);
    let rules = scene.write(
        "rules",
        "table inet filter {\n chain input {\n type filter hook input priority 0; policy accept;\n udp dport 69 drop\n \
         tcp dport { 80, 8000-8100 } counter drop\n }\n}\n",
    );
    hypervisor.run(["nft", "-f", &rules]).unwrap();
    assert_eq!(fetched(&scene), [false, false]);

    let first = scene.first();
    assert_eq!((first.check, first.result, first.subject.as_str()), (Check::Firewall, Outcome::Fail, "vmbr0 udp 69"));
    assert!(first.evidence.ends_with("table inet filter, chain input: udp dport 69 drop"), "{}", first.evidence);
    assert_eq!(subjects(&scene), ["vmbr0 udp 69", "vmbr0 tcp 8067"]);
    scene.mend();
    assert_eq!(fetched(&scene), [true, true]);
    drop(guard);
}

#[test]
fn a_policy_to_drop_is_told_for_requests_and_for_what_follows_them() {
    skip_unless!("nft", "curl");
    let scene = Scene::new();
    let _guard = scene.guard();
    let rules = "table inet filter {\n chain input {\n type filter hook input priority 0; policy drop;\n udp dport 67 accept\n }\n}\n";
    scene.lab.hypervisor().run(["nft", "-f", &scene.write("rules", rules)]).unwrap();
    assert_eq!(subjects(&scene), ["vmbr0 udp 69", "vmbr0 TFTP transfers", "vmbr0 tcp 8067"]);
    scene.mend();
    assert_eq!(fetched(&scene), [true, true]);
}

#[test]
fn iptables_of_both_kinds_are_read() {
    skip_unless!("iptables", "iptables-legacy", "nft");
    for iptables in ["iptables", "iptables-legacy"] {
        let scene = Scene::new();
        scene
            .lab
            .hypervisor()
            .run([iptables, "-A", "INPUT", "-p", "udp", "-m", "udp", "--dport", "69", "-j", "DROP"])
            .unwrap();
        let first = scene.first();
        assert_eq!((first.result, first.subject.as_str()), (Outcome::Fail, "vmbr0 udp 69"), "{iptables}");
        let remedy = format!("{iptables} -I INPUT -i vmbr0 -p udp --dport 69 -j ACCEPT");
        assert_eq!(first.remedy, Some(remedy));
        scene.mend();
    }
}

#[test]
fn br_netfilter_with_dockers_forward_policy_is_named_first_and_overruled() {
    skip_unless!("iptables", "nft");
    let scene = Scene::new();
    let hypervisor = scene.lab.hypervisor();
    // Where it is a module that nobody has needed yet.
    if hypervisor.read(CALL_IPTABLES).is_err() {
        hypervisor.run(["modprobe", "br_netfilter"]).unwrap();
    }
    hypervisor.write(CALL_IPTABLES, "1").unwrap();
    for rule in ["-P FORWARD DROP", "-N DOCKER-USER", "-A DOCKER-USER -j RETURN", "-A FORWARD -j DOCKER-USER"] {
        hypervisor.run(std::iter::once("iptables").chain(rule.split(' '))).unwrap();
    }
    hypervisor.run("iptables -A FORWARD -i docker0 ! -o docker0 -j ACCEPT".split(' ')).unwrap();
    assert!(!discover_arrives(&scene));

    let first = scene.first();
    assert_eq!((first.check, first.result), (Check::Forwarding, Outcome::Fail));
    assert!(
        first.evidence.contains("iptables, table filter, chain FORWARD: its policy is to drop"),
        "{}",
        first.evidence
    );
    assert_eq!(first.remedy.as_deref(), Some("iptables -I DOCKER-USER -i vmbr0 -o vmbr0 -j ACCEPT"));
    scene.mend();
    assert!(discover_arrives(&scene));
}

fn discover_arrives(scene: &Scene) -> bool {
    let (from, to) = (scene.client.raw().unwrap(), scene.other.raw().unwrap());
    let discover = Message::discover().with(|discover| discover.source_mac = scene.client.mac()).frame();
    from.send(&discover).unwrap();
    to.find(Duration::from_millis(300), |frame| frame == discover).unwrap().is_some()
}

#[test]
fn a_bridges_own_rules_are_read_and_a_rule_against_one_ports_replies_is_left_alone() {
    skip_unless!("nft");
    let scene = Scene::new();
    let hypervisor = scene.lab.hypervisor();
    hypervisor.run("nft add table bridge fw".split(' ')).unwrap();
    hypervisor
        .run(["nft", "add chain bridge fw forwarding { type filter hook forward priority 0; policy accept; }"])
        .unwrap();
    hypervisor.run(["nft", "add rule bridge fw forwarding iifname p-other udp sport 67 drop"]).unwrap();
    scene.assert_healthy();
    hypervisor.run(["nft", "add rule bridge fw forwarding udp dport 67 drop"]).unwrap();
    let first = scene.first();
    assert_eq!((first.check, first.result), (Check::Forwarding, Outcome::Fail));
    assert!(first.evidence.ends_with("chain forwarding: udp dport 67 drop"), "{}", first.evidence);
    scene.mend();
    assert!(discover_arrives(&scene));
}

#[test]
fn pxeguard_run_tells_what_failed_with_what_mends_it() {
    skip_unless!("nft");
    let scene = Scene::new();
    let hypervisor = scene.lab.hypervisor();
    hypervisor.run("nft add table inet filter".split(' ')).unwrap();
    hypervisor.run(["nft", "add chain inet filter input { type filter hook input priority 0; }"]).unwrap();
    hypervisor.run(["nft", "add rule inet filter input udp dport 69 drop"]).unwrap();
    let guard = scene.guard();
    let told = guard.process().wait_line(|line| line.contains("doctor: "), crate::scene::SOON).unwrap();
    assert!(
        told.contains("doctor: firewall vmbr0 udp 69: ") && told.contains("; what mends it: nft insert rule"),
        "{told}"
    );
}
