//! A flood of forged OFFERs: how many packets a second a port takes in, and drops.

use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use pxeguard_lab::frames::Message;
use pxeguard_lab::{Guest, Host, Lab, Process, until};

use super::Effort;
use super::counter::Counter;
use super::cpu_time::CpuTime;
use super::figure::{Figure, Goal, Peer, Unit};
use super::samples::in_turns;
use super::switch::Switch;

/// What an administrator writes against rogue servers, where no port is trusted.
const PLAIN_RULES: &str = "table bridge no_dhcp {
    chain prerouting {
        type filter hook prerouting priority filter;
        udp dport 68 drop
    }
}
";

/// The same, and which server sent how many, as far as there is room, which is what the guard counts as well.
const COUNTING_RULES: &str = "table bridge no_dhcp {
    set servers { type ether_addr; flags dynamic; size 16384; }
    chain prerouting {
        type filter hook prerouting priority filter;
        udp dport 68 update @servers { ether saddr counter }
        udp dport 68 drop
    }
}
";

/// The rule of those who use ebtables, which is a front end of nftables by now (`ebtables-nft`).
const EBTABLES_RULE: &str = "ebtables-nft -A FORWARD -p IPv4 --ip-protocol udp --ip-destination-port 68 -j DROP";

/// The sender sends as fast as it can, and its own process carries each packet through the cable to where it ends: its
/// CPU time is what sending and dropping cost, and a second of it is a second of a CPU that does nothing else.
pub fn measure(effort: Effort) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for flood in [Flood::OneMac, Flood::RandomMacs, Flood::Fragments] {
        figures.extend(one_flood(flood, effort)?);
    }
    Ok(figures)
}

/// How the forged OFFERs are sent.
#[derive(Clone, Copy)]
enum Flood {
    /// All by one server, each in one piece, as virtual machines and most programs send.
    OneMac,
    /// Each by another server.
    RandomMacs,
    /// All by one server through a transmit ring: all but the Ethernet header lies outside of an skb's linear part.
    Fragments,
}

impl Flood {
    const fn name(self) -> &'static str {
        match self {
            Self::OneMac => "drop: OFFERs of one MAC",
            Self::RandomMacs => "drop: OFFERs of random MACs",
            Self::Fragments => "drop: OFFERs through a TX ring",
        }
    }

    /// trafgen sends without a transmit ring where it has to keep to a rate, even to one that nothing reaches.
    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::OneMac | Self::RandomMacs => &["--rate", "90000000pps"],
            Self::Fragments => &[],
        }
    }

    /// The frame, as trafgen takes it.
    fn frame(self) -> String {
        let frame = Message::offer().frame();
        let mut text = "{ ".to_owned();
        for (at, byte) in frame.iter().enumerate() {
            match (self, at) {
                (Self::RandomMacs, 7) => text.push_str("drnd(5), "),
                (Self::RandomMacs, 8..12) => {}
                _ => write!(text, "{byte}, ").expect("a string takes everything"),
            }
        }
        format!("{} }}\n", text.trim_end_matches(", "))
    }

    /// Starts trafgen on the first CPU; its socket leaves out the queueing discipline.
    fn start(self, rogue: &Guest, taken: &Counter) -> Result<Process> {
        const FRAME_FILE: &str = "/run/lab/offer.trafgen";
        rogue.write(FRAME_FILE, self.frame())?;
        let command = ["trafgen", "--dev", "eth0", "--conf", FRAME_FILE, "--cpus", "1", "--no-sock-mem"];
        let sender = rogue.spawn([&command[..], self.arguments()].concat())?;
        let (first, limit) = (taken.read()?, Duration::from_secs(10));
        until(limit, "trafgen sends", || taken.read().is_ok_and(|now| now > first + 1000))?;
        Ok(sender)
    }
}

fn one_flood(flood: Flood, effort: Effort) -> Result<Vec<Figure>> {
    let lab = Lab::new()?;
    let (rogue, client) = (lab.attach("rogue")?, lab.attach("client")?);
    let hypervisor = lab.hypervisor();
    let taken = Counter::open(hypervisor, rogue.port(), "rx_packets")?;
    let passed = Counter::open(hypervisor, client.port(), "tx_packets")?;
    let sender = flood.start(&rogue, &taken)?;
    let cpu_time = CpuTime::of(&sender)?;

    let window = effort.choose(Duration::from_millis(400), Duration::from_millis(250));
    let mut guard = Switch::new(&lab, "auto");
    let mut in_force = None;
    let [none, guarded, plain, counting, ebtables] = in_turns(effort.choose(12, 5), |contender| {
        guard.set(contender == 1)?;
        let rules = [None, None, Some(PLAIN_RULES), Some(COUNTING_RULES), Some(EBTABLES_RULE)][contender];
        if in_force != rules {
            hypervisor.run(["ebtables-nft", "-F", "FORWARD"])?;
            use_rules(hypervisor, rules.filter(|rules| *rules != EBTABLES_RULE))?;
            if rules == Some(EBTABLES_RULE) {
                hypervisor.run(EBTABLES_RULE.split(' '))?;
            }
            in_force = rules;
        }
        thread::sleep(Duration::from_millis(100));
        let before = passed.read()?;
        let rate = per_cpu_second(&taken, &cpu_time, window)?;
        let reached_client = passed.read()? - before;
        ensure!((reached_client > 1000) == (contender == 0), "{reached_client} forged OFFERs reached the client");
        Ok(rate)
    })?;
    let figure = |name, samples, goal| Figure {
        name: flood.name().to_owned(),
        unit: Unit::PacketsPerS,
        pxeguard: guarded.clone(),
        peer: Some(Peer { name, samples }),
        goal,
    };
    Ok(vec![
        figure("nftables", plain, Some(Goal::AtLeast(1.0))),
        figure("nftables, counting by MAC", counting, None),
        figure("ebtables", ebtables, None),
        figure("no guard", none, None),
    ])
}

/// Puts rules in the place of those that are in force.
pub fn use_rules(hypervisor: &Host, rules: Option<&str>) -> Result<()> {
    const FILE: &str = "/run/lab/no_dhcp.nft";
    // Named without contents first, it can be deleted whether it was there or not.
    let rules = ["table bridge no_dhcp\ndelete table bridge no_dhcp\n", rules.unwrap_or_default()].concat();
    hypervisor.write(FILE, rules)?;
    hypervisor.run(["nft", "-f", FILE]).map(drop)
}

/// Packets that a port takes in for each second of their sender's CPU time.
fn per_cpu_second(taken: &Counter, cpu_time: &CpuTime, window: Duration) -> Result<f64> {
    let (before, packets) = (cpu_time.read()?, taken.read()?);
    thread::sleep(window);
    let packets = taken.read()? - packets;
    Ok(packets as f64 / (cpu_time.read()? - before).as_secs_f64())
}
