//! A lab whose bridge has many ports.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Result, ensure};
use macaddr::MacAddr6;
use pxeguard_lab::frames::Message;
use pxeguard_lab::{BRIDGE, Guard, Host, Lab, Sender, until};

/// The ports are `p-0` and so on; their cables all end in one host, as `g-0` and so on.
pub struct Crowd {
    pub lab: Lab,
    /// How many ports.
    pub ports: usize,
    others: Host,
}

impl Crowd {
    /// All ports are in the bridge, and forward.
    pub fn new(ports: usize) -> Result<Self> {
        let crowd = Self { lab: Lab::new()?, ports: 0, others: Host::new("others")? };
        let (mut here, mut there) = (String::new(), String::new());
        for number in 0..ports {
            let pid = crowd.others.pid();
            writeln!(here, "link add p-{number} type veth peer name g-{number} netns {pid}")?;
            writeln!(here, "link set p-{number} up master {BRIDGE}")?;
            writeln!(there, "link set g-{number} up")?;
        }
        let crowd = Self { ports, ..crowd };
        crowd.lab.hypervisor().ip(&here)?;
        crowd.others.ip(&there)?;
        for number in 0..ports {
            crowd.lab.join_port(&Self::port(number), BRIDGE)?;
        }
        Ok(crowd)
    }

    /// The name of a port.
    pub fn port(number: usize) -> String {
        format!("p-{number}")
    }

    /// Another cable, whose port is in no bridge yet.
    pub fn spare(&self) -> Result<String> {
        let (port, pid) = (Self::port(self.ports), self.others.pid());
        let add = format!("link add {port} type veth peer name g-{} netns {pid}\nlink set {port} up\n", self.ports);
        self.lab.hypervisor().ip(&add)?;
        Ok(port)
    }

    /// Makes the guard know so many servers: each sends an OFFER, by the ports in turns.
    pub fn introduce(&self, guard: &Guard<'_>, servers: usize) -> Result<()> {
        for port in 0..self.ports.min(servers) {
            let offer = |number: usize| {
                let [.., a, b] = number.to_be_bytes();
                Message::offer().with(|offer| offer.source_mac = MacAddr6::new(0x02, 0x20, 0, 0, a, b)).frame()
            };
            let offers: Vec<_> = (port..servers).step_by(self.ports).map(offer).collect();
            Sender::open(&self.others, &format!("g-{port}"))?.send_all(&offers)?;
        }
        let known = || guard.json("servers").ok().and_then(|known| known.as_array().map(Vec::len));
        until(Duration::from_secs(10), "all servers are known", || known().is_some_and(|known| known >= servers))?;
        ensure!(known() == Some(servers), "more servers are known than there are");
        Ok(())
    }
}
