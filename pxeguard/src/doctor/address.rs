//! The address by which clients reach this host.

use ipnet::Ipv4Net;
use serde_json::Value;

use super::command::output;
use super::processes::quoted;
use super::{Check, Finding, Host};

/// An address that clients are told.
#[derive(Clone, Debug)]
struct Own {
    /// The interface that has it.
    owner: String,
    address: Ipv4Net,
    /// Seconds for which it is valid, where that ends: a DHCP server gave it.
    valid_s: Option<u64>,
    /// Other interfaces of this host with an address in the same network.
    rivals: Vec<(String, Ipv4Net)>,
}

/// What is known.
#[derive(Clone, Debug, Default)]
struct Facts {
    own: Vec<Own>,
    /// Guarded interfaces without any.
    without: Vec<String>,
    boots: bool,
    /// Why it is not known which addresses are static.
    silent: Option<String>,
}

pub(super) fn check(host: &Host<'_>) -> Vec<Finding> {
    judge(&gather(host))
}

fn gather(host: &Host<'_>) -> Facts {
    let listed = output(&["ip", "-json", "-4", "address"]);
    let mut facts = Facts {
        without: host.networks.without_address.clone(),
        boots: host.config.boot.is_some(),
        silent: listed.as_ref().err().map(ToString::to_string),
        ..Facts::default()
    };
    let lifetimes = lifetimes(&listed.unwrap_or_default());
    let all: Vec<(String, Ipv4Net)> = host
        .snapshot
        .links()
        .filter(|link| link.up)
        .flat_map(|link| link.addresses.iter().map(move |address| (link.name.clone(), *address)))
        .filter_map(|(name, address)| match address.ip {
            std::net::IpAddr::V4(ip) => Some((name, Ipv4Net::new(ip, address.prefix_len).ok()?)),
            std::net::IpAddr::V6(_) => None,
        })
        .collect();
    for network in &host.networks.own {
        let Some((owner, _)) = all.iter().find(|(_, address)| *address == network.address) else { continue };
        let is_rival = |(name, address): &&(String, Ipv4Net)| {
            // A wider network gives way to the longer prefix, and a single address is no network.
            name != owner && address.prefix_len() < 32 && network.address.contains(address)
        };
        facts.own.push(Own {
            owner: owner.clone(),
            address: network.address,
            valid_s: lifetimes
                .iter()
                .find(|(_, address, _)| *address == network.address)
                .and_then(|(_, _, valid)| *valid),
            rivals: all.iter().filter(is_rival).cloned().collect(),
        });
    }
    facts
}

/// Interface, address, and for how many seconds it is valid where that ends, of `ip -json address`.
fn lifetimes(json: &str) -> Vec<(String, Ipv4Net, Option<u64>)> {
    let links: Vec<Value> = serde_json::from_str(json).unwrap_or_default();
    let of_link = |link: &Value| -> Option<Vec<(String, Ipv4Net, Option<u64>)>> {
        let name = link.get("ifname")?.as_str()?;
        let each = link.get("addr_info")?.as_array()?.iter().filter_map(|info| {
            let ip = info.get("local")?.as_str()?.parse().ok()?;
            let net = Ipv4Net::new(ip, info.get("prefixlen")?.as_u64()?.try_into().ok()?).ok()?;
            let is_dynamic = info.get("dynamic").and_then(Value::as_bool) == Some(true);
            let valid = info.get("valid_life_time").and_then(Value::as_u64).filter(|_| is_dynamic);
            Some((name.to_owned(), net, valid))
        });
        Some(each.collect())
    };
    links.iter().filter_map(of_link).flatten().collect()
}

fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in &facts.without {
        findings.push(match facts.boots {
            true => {
                let evidence = "no IPv4 address: no PXE client can be booted by it";
                let remedy = format!("ip address add ADDRESS/LENGTH dev {}", quoted(name));
                Finding::fail(Check::Address, name, evidence, Some(remedy))
            }
            false => Finding::pass(Check::Address, name, "no IPv4 address, and none is needed: nobody is booted"),
        });
    }
    for Own { owner, address, valid_s, rivals } in &facts.own {
        if let Some((rival, other)) = rivals.first() {
            let evidence = format!(
                "{address} is here and {other} at {rival}: one network at two interfaces, so that what is sent to \
                 a client may leave by the wrong one"
            );
            let remedy = Some(format!("ip address delete {other} dev {}", quoted(rival)));
            findings.push(Finding::fail(Check::Address, owner, evidence, remedy));
            continue;
        }
        findings.push(match valid_s {
            _ if address.prefix_len() == 32 => {
                let evidence = format!("{address} is an address without a network: nobody is taken for a client");
                Finding::warn(
                    Check::Address,
                    owner,
                    evidence,
                    Some(format!("ip address add {}/24 dev {}", address.addr(), quoted(owner))),
                )
            }
            Some(seconds) => {
                let evidence = format!(
                    "{address} was given by a DHCP server and is valid for {seconds} s: should it change, clients that \
                     are booting lose this host; make it static, or reserve it there"
                );
                Finding::warn(Check::Address, owner, evidence, None)
            }
            None => {
                let is_known = facts
                    .silent
                    .as_ref()
                    .map_or_else(|| "static".to_owned(), |why| format!("whether it is static is not known: {why}"));
                Finding::pass(Check::Address, owner, format!("{address}, {is_known}"))
            }
        });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;

    fn own(address: &str) -> Own {
        Own { owner: "vmbr0".to_owned(), address: address.parse().unwrap(), valid_s: None, rivals: Vec::new() }
    }

    fn result(own: Own) -> Outcome {
        judge(&Facts { own: vec![own], boots: true, ..Facts::default() })[0].result
    }

    #[test]
    fn a_static_address_is_well_and_one_by_dhcp_or_without_a_network_doubtful() {
        assert_eq!(result(own("10.0.0.1/24")), Outcome::Pass);
        assert_eq!(result(Own { valid_s: Some(3600), ..own("10.0.0.1/24") }), Outcome::Warn);
        assert_eq!(result(own("10.0.0.1/32")), Outcome::Warn);
    }

    #[test]
    fn one_network_at_two_interfaces_fails() {
        let rivals = vec![("eno1".to_owned(), "10.0.0.2/24".parse().unwrap())];
        assert_eq!(result(Own { rivals, ..own("10.0.0.1/24") }), Outcome::Fail);
    }

    #[test]
    fn no_address_fails_only_where_somebody_is_to_be_booted() {
        let result = |boots| judge(&Facts { without: vec!["vmbr0".to_owned()], boots, ..Facts::default() })[0].result;
        assert_eq!((result(true), result(false)), (Outcome::Fail, Outcome::Pass));
    }

    #[test]
    fn lifetimes_are_read_of_what_ip_says() {
        let json = r#"[{"ifindex":2,"ifname":"eth0","addr_info":[{"family":"inet","local":"10.0.0.5","prefixlen":24,
            "scope":"global","dynamic":true,"label":"eth0","valid_life_time":3541,"preferred_life_time":3541},
            {"family":"inet","local":"10.0.0.6","prefixlen":24,"scope":"global","valid_life_time":4294967295}]}]"#;
        let read: Vec<_> =
            lifetimes(json).into_iter().map(|(name, net, valid)| (name, net.to_string(), valid)).collect();
        let eth0 = || "eth0".to_owned();
        assert_eq!(read, [(eth0(), "10.0.0.5/24".to_owned(), Some(3541)), (eth0(), "10.0.0.6/24".to_owned(), None)]);
    }
}
