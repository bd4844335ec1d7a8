//! What one packet costs in the kernel (`BPF_PROG_TEST_RUN`), beside xdp-filter's program.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, ensure};
use pxeguard_lab::frames::{Carried, Ipv4, Message, Udp, protocol};
use pxeguard_lab::{Guard, Host, Lab};
use serde_json::Value;

use super::Effort;
use super::figure::{Figure, Goal, Peer, Unit};
use super::samples::in_turns;
use super::switch::enforcing;
use super::test_run::Program;

/// Runs of a program for one value.
const REPEAT: u32 = 400_000;

/// Both hooks, with the same frames, beside xdp-filter as one uses it against rogue servers.
pub fn measure(effort: Effort) -> Result<Vec<Figure>> {
    let rounds = effort.choose(31, 7);
    let peers = Lab::new()?;
    let (all, udp) = (peers.attach("all")?, peers.attach("udp")?);
    let filters = [
        XdpFilter::load(&all, "xdp-filter -f udp,ethernet,ipv4", "udp,ethernet,ipv4")?,
        XdpFilter::load(&udp, "xdp-filter -f udp", "udp")?,
    ];
    let mut figures = Vec::new();
    for hook in ["xdp", "tcx"] {
        let lab = Lab::new()?;
        let rogue = lab.attach("rogue")?;
        let guard = enforcing(&lab, hook)?;
        let ours = guarding(&lab, rogue.port(), hook)?;
        for frame in Frame::ALL {
            let [pxeguard, counting, plain] = in_turns(rounds, |contender| match contender {
                0 => ours.cost_ns(frame),
                _ => filters[contender - 1].at.cost_ns(frame),
            })?;
            for (filter, samples, goal) in [(&filters[0], counting, Some(frame.goal())), (&filters[1], plain, None)] {
                figures.push(Figure {
                    name: format!("packet: {}, {hook}", frame.name()),
                    unit: Unit::Ns,
                    pxeguard: pxeguard.clone(),
                    peer: Some(Peer { name: filter.name, samples }),
                    goal,
                });
            }
        }
        ensure_counted(&guard)?;
    }
    Ok(figures)
}

/// Frames that nearly all are, that look a little like DHCP, and that are to be dropped.
#[derive(Clone, Copy)]
pub enum Frame {
    BulkTcp,
    Udp,
    RogueOffer,
}

impl Frame {
    const ALL: [Self; 3] = [Self::BulkTcp, Self::Udp, Self::RogueOffer];

    /// What it is.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BulkTcp => "bulk TCP, 1514 bytes",
            Self::Udp => "UDP, 1514 bytes",
            Self::RogueOffer => "rogue OFFER",
        }
    }

    const fn goal(self) -> Goal {
        match self {
            Self::BulkTcp | Self::Udp => Goal::AtMost(0.5),
            Self::RogueOffer => Goal::AtMost(3.0),
        }
    }

    const fn is_to_be_dropped(self) -> bool {
        matches!(self, Self::RogueOffer)
    }

    fn bytes(self) -> Vec<u8> {
        let ip = |protocol| Ipv4::new(Ipv4Addr::new(10, 77, 0, 2), Ipv4Addr::new(10, 77, 0, 1), protocol);
        let offer = Message::offer();
        let packet = match self {
            // Ports 40000 and 5201, an ACK, header of 8 words with timestamps.
            Self::BulkTcp => {
                let mut segment = vec![0x9c, 0x40, 0x14, 0x51, 0, 0, 0, 1, 0, 0, 0, 1, 0x80, 0x10, 1, 0];
                segment.resize(1480, 0x5a);
                ip(protocol::TCP).packet(&segment)
            }
            Self::Udp => {
                let ip = ip(protocol::UDP);
                ip.packet(&Udp::new(40000, 5201).datagram(&ip, &[0x5a; 1472]))
            }
            Self::RogueOffer => return offer.frame(),
        };
        offer.framed(&Carried::ipv4(packet))
    }
}

/// A program in the kernel, and what makes it think that frames come in by a port.
pub struct AtPort<'a> {
    host: &'a Host,
    program: Program,
    is_xdp: bool,
    port: u32,
}

/// From `linux/bpf.h` and `linux/pkt_cls.h`.
const XDP_DROP: u32 = 1;
const TC_ACT_SHOT: u32 = 2;

impl AtPort<'_> {
    /// CPU time of one run, in ns; an error if the frame is not treated as it should be.
    pub fn cost_ns(&self, frame: Frame) -> Result<f64> {
        let bytes = frame.bytes();
        // `struct xdp_md`, or `struct __sk_buff` as far as `ifindex`.
        let (context, drop_code) = match self.is_xdp {
            true => (vec![0, bytes.len() as u32, 0, self.port, 0, 0], XDP_DROP),
            false => ([vec![0; 10], vec![self.port]].concat(), TC_ACT_SHOT),
        };
        // The kernel looks for the port where the thread is.
        let ran = self.host.enter(|| self.program.run(&bytes, &context, REPEAT))??;
        let dropped = ran.returned == drop_code;
        ensure!(dropped == frame.is_to_be_dropped(), "{} is treated wrongly: {}", frame.name(), ran.returned);
        Ok(ran.cost_ns)
    }
}

/// The guard's program at a port.
pub fn guarding<'a>(lab: &'a Lab, port: &str, hook: &str) -> Result<AtPort<'a>> {
    let host = lab.hypervisor();
    let port = ifindex(host, port)?;
    let pin = format!("/sys/fs/bpf/pxeguard/links/{port}_{hook}_ingress");
    let link = host.json(["bpftool", "--json", "link", "show", "pinned", &pin])?;
    Ok(AtPort { host, program: program(&link, "prog_id")?, is_xdp: hook == "xdp", port })
}

/// xdp-filter at a host's `eth0`, told to drop what goes to DHCP clients.
struct XdpFilter<'a> {
    name: &'static str,
    at: AtPort<'a>,
}

impl<'a> XdpFilter<'a> {
    fn load(host: &'a Host, name: &'static str, features: &str) -> Result<Self> {
        host.run(["xdp-filter", "load", "--mode", "skb", "--features", features, "eth0"])?;
        host.run(["xdp-filter", "port", "68", "--mode", "dst", "--proto", "udp"])?;
        let port = ifindex(host, "eth0")?;
        let pins = "/sys/fs/bpf/xdp-filter/programs/eth0";
        let pinned = host.run(["ls", pins])?;
        let program =
            host.json(["bpftool", "--json", "prog", "show", "pinned", &format!("{pins}/{}", pinned.trim())])?;
        Ok(Self { name, at: AtPort { host, program: self::program(&program, "id")?, is_xdp: true, port } })
    }
}

fn ifindex(host: &Host, device: &str) -> Result<u32> {
    Ok(host.read(format!("/sys/class/net/{device}/ifindex"))?.trim().parse()?)
}

/// The program whose number bpftool tells.
fn program(told: &Value, field: &str) -> Result<Program> {
    let id = told[field].as_u64().with_context(|| format!("bpftool does not tell {field}: {told}"))?;
    Program::of_id(u32::try_from(id)?)
}

/// That what was measured was the whole of it: each drop counted for its server.
fn ensure_counted(guard: &Guard<'_>) -> Result<()> {
    let servers = guard.json("servers")?;
    let dropped = servers[0]["dropped"].as_u64().unwrap_or_default();
    ensure!(dropped >= u64::from(REPEAT), "the drops were not counted for their server: {servers}");
    Ok(())
}
