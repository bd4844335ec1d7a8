use super::super::Outcome as Result;
use super::packet::{Field, Packet, TCP, UDP, Value, state};
use super::rules::{Action, Base, Condition, Rule, Wanted};
use super::way::{ANY_PORT, EPHEMERAL};
use super::*;

/// As nft 1.0.6 lists what stands in `ruleset.txt`, both written by it.
const RULESET: [&str; 2] = [include_str!("tests/ruleset.json"), include_str!("tests/ruleset.txt")];
/// What Docker 24 and the firewall of Proxmox VE 8 write, in outline.
const SAVED: &str = include_str!("tests/iptables-save.txt");
/// What ufw 0.36.2 writes, which allows nothing but SSH.
const UFW: &str = include_str!("tests/ufw-save.txt");

/// Chains as firewalld 1 lays them out, by hand.
const FIREWALLD: &str = include_str!("tests/firewalld.json");

fn wire() -> Wire {
    Wire {
        name: "vmbr0".to_owned(),
        ports: vec!["eno1".to_owned(), "tap0".to_owned()],
        is_bridge: true,
        net: Some("10.77.0.1/16".parse().unwrap()),
        calls_iptables: false,
    }
}

fn facts(chains: Vec<Chain>) -> Facts {
    Facts { ruleset: Ruleset { chains }, unread: Vec::new(), boot: Some(Boot { http_port: 8067 }), wires: vec![wire()] }
}

/// What becomes of a TCP or UDP packet that comes in by `vmbr0`, at IPv4's input.
fn at_input(chains: Vec<Chain>, from: &str, protocol: u32, port: u16, state: u32) -> Outcome {
    let request = wire().request(protocol, (2000, 2000), (port, port), state);
    let packet = Packet { from: vec![from.to_owned()], source: "10.77.0.9/32".parse().unwrap(), ..request };
    Ruleset { chains }.outcome(IP, Hook::Input, &packet)
}

fn dropped_by(outcome: Outcome) -> String {
    match outcome {
        Outcome::Open => "nothing".to_owned(),
        Outcome::Blocked(cause) => cause_in_words(&cause),
        Outcome::Uncertain(cause) => format!("maybe {}", cause_in_words(&cause)),
    }
}

fn nft() -> Vec<Chain> {
    nft::parse(RULESET[0], RULESET[1]).expect("nft's JSON")
}

#[test]
fn rules_of_nft_are_followed_as_the_kernel_does() {
    use state::{ESTABLISHED, INVALID, NEW};
    let tftp = "by nftables, table inet filter, chain tftp: counter packets 0 bytes 0 drop";
    let unknown = "maybe by nftables, table inet filter, chain tftp: counter packets 0 bytes 0 drop";
    for (from, protocol, port, state, expected) in [
        ("vmbr0", UDP, 69, ESTABLISHED, "nothing"),
        ("vmbr0", UDP, 69, INVALID, "by nftables, table inet filter, chain input: ct state invalid drop"),
        ("lo", UDP, 69, NEW, "nothing"),
        ("p0", UDP, 69, NEW, "nothing"),
        ("vmbr1", UDP, 4011, NEW, "nothing"),
        ("vmbr9", TCP, 8067, NEW, "nothing"),
        ("eth0", TCP, 53, NEW, "nothing"),
        (
            "vmbr0",
            TCP,
            81,
            NEW,
            "by nftables, table inet filter, chain input: ip saddr @nets tcp dport != 22 reject with tcp reset",
        ),
        ("eth0", TCP, 22, NEW, "nothing"),
        ("vmbr0", UDP, 22, NEW, "nothing"),
        // `udp length 8`, before it, is not understood, and may accept.
        ("eth0", UDP, 69, NEW, unknown),
    ] {
        assert_eq!(
            dropped_by(at_input(nft(), from, protocol, port, state)),
            expected,
            "{from} {protocol} {port} {state}"
        );
    }
    // Without that rule.
    let without = || {
        let mut chains = nft();
        chains.iter_mut().for_each(|chain| chain.rules.retain(|rule| !rule.text.contains("udp length")));
        chains
    };
    assert_eq!(dropped_by(at_input(without(), "eth0", UDP, 69, NEW)), tftp);
    assert_eq!(dropped_by(at_input(without(), "eth0", UDP, 70, NEW)), tftp, "by a map of verdicts");
    assert_eq!(dropped_by(at_input(without(), "vmbr1", UDP, 71, NEW)), "nothing", "a name and a port together");
}

#[test]
fn rules_of_bridges_and_devices_are_read() {
    let chains = nft();
    let forwarding = chains.iter().find(|chain| chain.place.chain == "forwarding").unwrap();
    assert_eq!((forwarding.place.family, forwarding.base.as_ref().unwrap().hook), (Family::Bridge, Hook::Forward));
    assert_eq!(forwarding.rules[1].text, "iifname \"p0\" udp sport 67 drop");
    assert_eq!(forwarding.rules[1].action, Action::Drop);
    let ingress = chains.iter().find(|chain| chain.place.family == Family::Netdev).unwrap();
    let devices = ["p0", "p1"].map(str::to_owned).to_vec();
    assert_eq!(
        ingress.base.as_ref().unwrap().devices,
        Some(devices),
        "of the text, for nft 1.0.6 does not tell in JSON"
    );
    let one = "table netdev nd {\n\tchain i { # handle 1\n\t\ttype filter hook ingress device \"eno1\" priority 0; policy accept;\n";
    let json = r#"{"nftables": [{"chain": {"family": "netdev", "table": "nd", "name": "i", "hook": "ingress"}}]}"#;
    let chains = nft::parse(json, one).unwrap();
    assert_eq!(chains[0].base.as_ref().unwrap().devices, Some(vec!["eno1".to_owned()]));
}

#[test]
fn rules_at_other_devices_are_no_matter_and_those_at_devices_not_told_a_doubt() {
    let drops = rule(vec![Condition::number(Field::DestinationPort, 69)], Action::Drop);
    let judged = |devices: Option<&[&str]>| {
        let mut chains = input(vec![drops.clone()], false);
        let devices = devices.map(|names| names.iter().map(|&name| name.to_owned()).collect());
        chains[0].place.family = Family::Netdev;
        chains[0].base = Some(Base { hook: Hook::Ingress, drops: false, devices });
        facts(chains).finding(&wire(), Traffic::Tftp).result
    };
    assert_eq!(judged(Some(&["eth9"])), Result::Pass);
    assert_eq!(judged(Some(&["vmbr0"])), Result::Fail);
    assert_eq!(judged(Some(&["eno1", "tap0"])), Result::Fail);
    assert_eq!(judged(Some(&["tap0"])), Result::Warn, "at one port");
    assert_eq!(judged(None), Result::Warn);
}

#[test]
fn ufw_is_followed_and_told_in_its_own_words() {
    let findings = judge(&facts(iptables::parse(UFW)));
    let of = |subject: &str| findings.iter().find(|finding| finding.subject == subject).unwrap();
    for (subject, remedy) in [
        ("vmbr0 udp 69", "ufw prepend allow in on vmbr0 proto udp to any port 69"),
        ("vmbr0 tcp 8067", "ufw prepend allow in on vmbr0 proto tcp to any port 8067"),
    ] {
        assert_eq!((of(subject).result, of(subject).remedy.as_deref()), (Result::Fail, Some(remedy)));
    }
    for subject in
        ["vmbr0 udp 67, 4011", "vmbr0 answers", "vmbr0 TFTP transfers", "vmbr0 files", "vmbr0 DHCP between ports"]
    {
        assert_eq!(of(subject).result, Result::Pass, "{subject}");
    }
    let bridged = facts(iptables::parse(UFW)).finding(&Wire { calls_iptables: true, ..wire() }, Traffic::Bridged);
    assert_eq!(bridged.remedy.as_deref(), Some("ufw route prepend allow in on vmbr0 out on vmbr0"));
    let allowed = UFW.replace("--dport 22 -j", "--dport 8000:9000 -j");
    assert_eq!(facts(iptables::parse(&allowed)).finding(&wire(), Traffic::Http(8067)).result, Result::Pass);
}

#[test]
fn rules_of_iptables_are_followed_as_the_kernel_does() {
    let chains = || iptables::parse(SAVED);
    let host_in = "by iptables, table filter, chain PVEFW-HOST-IN: -A PVEFW-HOST-IN -j DROP";
    assert_eq!(dropped_by(at_input(chains(), "vmbr0", UDP, 69, state::NEW)), host_in);
    assert_eq!(dropped_by(at_input(chains(), "vmbr0", UDP, 40000, state::ESTABLISHED)), "nothing");
    assert_eq!(dropped_by(at_input(chains(), "vmbr0", TCP, 22, state::NEW)), "nothing");
    assert_eq!(dropped_by(at_input(chains(), "lo", UDP, 69, state::NEW)), "nothing");
}

#[test]
fn docker_drops_dhcp_between_ports_only_where_bridged_frames_pass_iptables() {
    let judged = |calls_iptables| {
        let facts = facts(iptables::parse(SAVED));
        facts.finding(&Wire { calls_iptables, ..wire() }, Traffic::Bridged)
    };
    let finding = judged(true);
    assert_eq!((finding.check, finding.result), (Check::Forwarding, Result::Fail));
    assert!(finding.evidence.contains("chain FORWARD: its policy is to drop"), "{}", finding.evidence);
    assert_eq!(finding.remedy.as_deref(), Some("iptables -I DOCKER-USER -i vmbr0 -o vmbr0 -j ACCEPT"));
    assert_eq!(judged(false).result, Result::Pass);
}

#[test]
fn firewalld_is_followed_through_its_zones_and_told_in_its_own_words() {
    let chains = nft::parse(FIREWALLD, "").unwrap();
    let findings = judge(&facts(chains.clone()));
    let of = |subject: &str| findings.iter().find(|finding| finding.subject == subject).unwrap();
    let remedy = of("vmbr0 udp 69").remedy.as_deref().unwrap();
    assert_eq!(of("vmbr0 udp 69").result, Result::Fail);
    assert!(remedy.starts_with("firewall-cmd --permanent --zone=") && remedy.contains("--add-port=69/udp"), "{remedy}");
    assert_eq!(of("vmbr0 tcp 8067").result, Result::Fail);
    for subject in
        ["vmbr0 udp 67, 4011", "vmbr0 answers", "vmbr0 TFTP transfers", "vmbr0 files", "vmbr0 DHCP between ports"]
    {
        assert_eq!(of(subject).result, Result::Pass, "{subject}");
    }
    assert_eq!(dropped_by(at_input(chains, "vmbr0", TCP, 22, state::NEW)), "nothing");
}

fn input(rules: Vec<Rule>, drops: bool) -> Vec<Chain> {
    let place = Place { tool: Tool::Nft, family: Family::Inet, table: "filter".to_owned(), chain: "input".to_owned() };
    let base = Some(Base { hook: Hook::Input, drops, devices: None });
    vec![Chain { place, base, rules }]
}

fn rule(conditions: Vec<Condition>, action: Action) -> Rule {
    Rule { conditions, action, text: "the rule".to_owned() }
}

#[test]
fn a_policy_to_drop_fails_for_files_and_is_no_matter_for_questions() {
    let findings = judge(&facts(input(Vec::new(), true)));
    let of = |subject: &str| findings.iter().find(|finding| finding.subject == subject).unwrap();
    for (subject, remedy) in [
        ("vmbr0 udp 69", "nft insert rule inet filter input iifname vmbr0 udp dport 69 accept"),
        ("vmbr0 tcp 8067", "nft insert rule inet filter input iifname vmbr0 tcp dport 8067 accept"),
        ("vmbr0 TFTP transfers", "nft insert rule inet filter input iifname vmbr0 ct state established accept"),
    ] {
        assert_eq!((of(subject).result, of(subject).remedy.as_deref()), (Result::Fail, Some(remedy)));
    }
    for subject in ["vmbr0 udp 67, 4011", "vmbr0 answers", "vmbr0 DHCP between ports", "vmbr0 files"] {
        assert_eq!(of(subject).result, Result::Pass, "{subject}");
    }
}

#[test]
fn what_is_not_understood_is_doubtful_where_it_decides_and_no_matter_where_it_does_not() {
    let doubtful = rule(vec![Condition::Unknown], Action::Drop);
    let elsewhere = rule(vec![Condition::number(Field::Protocol, 1), Condition::Unknown], Action::Drop);
    let accepting = rule(vec![Condition::Unknown], Action::Accept);
    let result = |rules, drops| facts(input(rules, drops)).finding(&wire(), Traffic::Tftp).result;
    assert_eq!(result(vec![doubtful.clone()], false), Result::Warn);
    assert_eq!(result(vec![elsewhere], false), Result::Pass);
    assert_eq!(result(vec![accepting.clone()], false), Result::Pass);
    assert_eq!(result(vec![accepting], true), Result::Warn);
    assert_eq!(result(vec![doubtful], true), Result::Fail, "it is dropped in any case");
    assert_eq!(result(vec![rule(Vec::new(), Action::Jump("nowhere".to_owned()))], false), Result::Warn);
}

#[test]
fn an_acceptance_counts_for_its_own_hook_and_chain_only() {
    let accept = rule(Vec::new(), Action::Accept);
    let mut chains = input(vec![accept], true);
    assert_eq!(facts(chains.clone()).finding(&wire(), Traffic::Tftp).result, Result::Pass);
    let mut second = input(Vec::new(), true).remove(0);
    second.place.table = "other".to_owned();
    chains.push(second);
    let finding = facts(chains).finding(&wire(), Traffic::Tftp);
    assert!(finding.evidence.contains("table inet other"), "{}", finding.evidence);
}

#[test]
fn rules_that_call_each_other_in_a_circle_come_to_an_end() {
    let looped = rule(Vec::new(), Action::Jump("input".to_owned()));
    assert_eq!(facts(input(vec![looped.clone(), looped], false)).finding(&wire(), Traffic::Tftp).result, Result::Warn);
}

#[test]
fn a_range_that_a_packet_is_partly_in_is_not_known() {
    let packet = wire().request(UDP, ANY_PORT, EPHEMERAL, state::NEW);
    assert_eq!(packet.value(Field::DestinationPort), Value::Within(32768, 60999));
    let asked = |from, to| {
        let wanted = vec![Wanted::Within(from, to)];
        let condition = Condition::Is { field: Field::DestinationPort, wanted, negated: false };
        let outcome = Ruleset { chains: input(vec![rule(vec![condition], Action::Drop)], false) };
        dropped_by(outcome.outcome(IP, Hook::Input, &packet)).split(' ').next().unwrap().to_owned()
    };
    assert_eq!(
        (asked(1024, 65535), asked(1, 1023), asked(40000, 40001)),
        ("by".to_owned(), "nothing".to_owned(), "maybe".to_owned())
    );
}

#[test]
fn replies_dropped_at_one_port_are_a_guard_and_questions_dropped_at_one_a_doubt() {
    let at = |port: &str, field, number| {
        let named = Condition::Is { field: Field::In, wanted: vec![Wanted::Named(port.to_owned())], negated: false };
        rule(vec![named, Condition::number(field, number)], Action::Drop)
    };
    let bridge = |rules| {
        let mut chains = input(rules, false);
        chains[0].place.family = Family::Bridge;
        chains[0].base.as_mut().unwrap().hook = Hook::Forward;
        facts(chains).finding(&wire(), Traffic::Bridged)
    };
    assert_eq!(bridge(vec![at("tap0", Field::SourcePort, 67)]).result, Result::Pass);
    assert_eq!(bridge(vec![at("*", Field::SourcePort, 67)]).result, Result::Fail);
    assert_eq!(bridge(vec![at("tap0", Field::DestinationPort, 67)]).result, Result::Warn);
    let all = bridge(vec![at("*", Field::DestinationPort, 67)]);
    assert_eq!(all.remedy.as_deref(), Some("nft insert rule bridge filter input udp dport { 67, 68 } accept"));
}

#[test]
fn what_nft_never_writes_is_no_ruleset() {
    for json in ["", "{}", "[]", r#"{"nftables": 1}"#] {
        assert!(nft::parse(json, "").is_none(), "{json}");
    }
    let odd = r#"{"nftables": [{"rule": {}}, {"chain": {"family": "ip"}}, 1, {"rule": {"family": "ip", "expr": [1, {"match": 2}]}}]}"#;
    assert!(nft::parse(odd, "# handle x\ntable").is_some());
}
