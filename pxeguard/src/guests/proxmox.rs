//! Proxmox VE: a port's name has the number of its guest, and a file below `/etc/pve` the guest's name.

use std::fs;
use std::io;
use std::iter;
use std::path::{Path, PathBuf};

use super::Guest;
use super::file::{Cached, Files};

/// Where the cluster's file system is, below the root.
const PVE: &str = "etc/pve";
/// Kinds of guests: the folder of their files, and the key of their name.
const KINDS: [(&str, &str); 2] = [("qemu-server", "name"), ("lxc", "hostname")];
/// Nodes whose folders are looked into; a cluster has some dozens.
const MAX_NODES: usize = 256;

/// What begins the name of a guest's port, what stands between its number and its card's, and whether the guest is behind.
///
/// `PVE::Network` makes them: a bridge `fwbrNiM` lies between a guest with a firewall and its bridge, of which `fwprNpM` is
/// the port; `fwlnNiM` is the other end of that cable, by which everything else comes to the guest.
const PORTS: [(&str, char, bool); 5] =
    [("tap", 'i', true), ("veth", 'i', true), ("fwpr", 'p', true), ("fwln", 'i', false), ("fwbr", 'i', false)];

/// The guest of a port, by the port's name alone.
pub fn guest_of(port: &str) -> Option<Guest> {
    PORTS.into_iter().find_map(|(prefix, separator, is_behind)| {
        let (vmid, card) = port.strip_prefix(prefix)?.split_once(separator)?;
        let (vmid, card) = (number(vmid)?, number(card)?);
        Some(Guest { vmid: Some(vmid), name: None, nic: Some(format!("net{card}")), is_behind })
    })
}

/// Digits and nothing else: no sign.
pub fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The name of a guest; `None` if it has none, or no file.
pub fn name_of(root: &Path, vmid: u32, files: &mut Files<Option<String>>) -> Option<String> {
    let pve = root.join(PVE);
    let here = KINDS.map(|(folder, key)| (pve.join(folder).join(format!("{vmid}.conf")), key));
    // While a guest moves to another node, it runs here and its file is there.
    // Listed only where the guest is not here: the cluster's file system is asked for it.
    let elsewhere = iter::once_with(|| nodes(&pve))
        .flatten()
        .flat_map(|node| KINDS.map(|(folder, key)| (node.join(folder).join(format!("{vmid}.conf")), key)));
    for (path, key) in here.into_iter().chain(elsewhere) {
        match files.read(&path, |text| Some(name_in(text, key))) {
            Cached::Absent => {}
            Cached::Read(name) => return name.clone(),
        }
    }
    None
}

fn nodes(pve: &Path) -> Vec<PathBuf> {
    let nodes = || -> io::Result<Vec<PathBuf>> {
        fs::read_dir(pve.join("nodes"))?.take(MAX_NODES).map(|entry| Ok(entry?.path())).collect()
    };
    let mut nodes = nodes().unwrap_or_default();
    nodes.sort_unstable();
    nodes
}

/// The value of a key in a guest's file, before its snapshots, each of which has a section with the key again.
fn name_in(text: &str, key: &str) -> Option<String> {
    let lines = text.lines().take_while(|line| !line.trim_start().starts_with('['));
    let value = lines.filter_map(|line| line.split_once(':')).find(|(found, _)| found.trim() == key);
    value.map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty())
}
