//! Which bridges Open vSwitch has.
//!
//! The kernel does not tell: a bridge of the userspace datapath is a tap device like any virtual machine's, and its
//! ports belong to nothing.  The database of Open vSwitch does.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Where the database listens while Open vSwitch runs.
const SOCKETS: [&str; 2] = ["/run/openvswitch/db.sock", "/var/run/openvswitch/db.sock"];

/// The bridges of Open vSwitch on this host; without any where it does not run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct OpenVswitch {
    bridges: Vec<Bridge>,
    /// Interfaces that it made for the host; a bridge has one of its own name.
    internal: HashSet<String>,
}

/// A bridge of Open vSwitch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Bridge {
    /// Its name, which is also that of its internal interface.
    pub name: String,
    /// Whether its datapath is the daemon's own (`datapath_type=netdev`) rather than the kernel's.
    pub in_userspace: bool,
    /// What is connected to it, also what the kernel has no interface for, such as a patch to another bridge.
    pub interfaces: Vec<String>,
}

/// What Open vSwitch says, or why it does not.
pub(super) async fn ask() -> Result<OpenVswitch, String> {
    let Some(socket) = SOCKETS.into_iter().find(|socket| Path::new(socket).exists()) else {
        return Ok(OpenVswitch::default());
    };
    let answer = tokio::task::spawn_blocking(move || query(socket)).await.map_err(|join| join.to_string())??;
    OpenVswitch::parse(&answer).ok_or_else(|| "ovs-vsctl: an answer of another form than known".to_owned())
}

/// Three tables as JSON, one a line.
fn query(socket: &str) -> Result<String, String> {
    let output = Command::new("ovs-vsctl")
        .args(["--timeout=2", "--format=json", &format!("--db=unix:{socket}")])
        .args(["--", "--columns=name,datapath_type,ports", "list", "Bridge"])
        .args(["--", "--columns=_uuid,interfaces", "list", "Port"])
        .args(["--", "--columns=_uuid,name,type", "list", "Interface"])
        .stdin(Stdio::null())
        .output()
        .map_err(|why| format!("cannot run ovs-vsctl: {why}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(said.lines().last().map_or_else(|| format!("ovs-vsctl: {}", output.status), str::to_owned));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

impl OpenVswitch {
    pub fn bridge(&self, name: &str) -> Option<&Bridge> {
        self.bridges.iter().find(|bridge| bridge.name == name)
    }

    /// The bridge that an interface is connected to.
    pub fn bridge_with(&self, interface: &str) -> Option<&Bridge> {
        self.bridges.iter().find(|bridge| bridge.interfaces.iter().any(|name| name == interface))
    }

    pub fn is_internal(&self, interface: &str) -> bool {
        self.internal.contains(interface)
    }

    /// Reads the answer: tables of RFC 7047 values.
    fn parse(answer: &str) -> Option<Self> {
        let mut tables = serde_json::Deserializer::from_str(answer).into_iter::<Value>();
        let mut rows = || Some(tables.next()?.ok()?.get("data")?.as_array()?.clone());
        let (bridges, ports, interfaces) = (rows()?, rows()?, rows()?);
        let mut internal = HashSet::new();
        let mut names = HashMap::new();
        for row in &interfaces {
            let name = row.get(1)?.as_str()?.to_owned();
            if row.get(2)?.as_str()? == "internal" {
                internal.insert(name.clone());
            }
            names.insert(uuids(row.get(0)?).next()?, name);
        }
        let mut of_port = HashMap::new();
        for row in &ports {
            let interfaces: Vec<_> = uuids(row.get(1)?).filter_map(|uuid| names.get(uuid)).collect();
            of_port.insert(uuids(row.get(0)?).next()?, interfaces);
        }
        let bridge = |row: &Value| {
            let ports = uuids(row.get(2)?).filter_map(|uuid| of_port.get(uuid));
            let mut interfaces: Vec<_> = ports.flatten().map(|name| (*name).clone()).collect();
            interfaces.sort();
            Some(Bridge {
                name: row.get(0)?.as_str()?.to_owned(),
                in_userspace: row.get(1)?.as_str()? == "netdev",
                interfaces,
            })
        };
        Some(Self { bridges: bridges.iter().map(bridge).collect::<Option<_>>()?, internal })
    }
}

/// A set of UUIDs, or a single one (RFC 7047 §5.1: a set of one is written as its element).
fn uuids(value: &Value) -> impl Iterator<Item = &str> {
    let several = value.get(1).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let all = if value.get(0).is_some_and(|tag| tag == "set") { several } else { std::slice::from_ref(value) };
    all.iter().filter_map(|uuid| uuid.get(1)?.as_str())
}
