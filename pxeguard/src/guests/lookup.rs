//! The look into the hypervisor's files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::file::Files;
use super::libvirt::{self, Cards};
use super::{Guest, proxmox};

/// Looks into the files below a root, which is `/` but for tests.
#[derive(Debug)]
pub struct Lookup {
    root: PathBuf,
    confs: Files<Option<String>>,
    domains: Files<Cards>,
}

impl Lookup {
    /// Below this folder; nothing is read yet.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), confs: Files::default(), domains: Files::default() }
    }

    /// The guest of each of these ports that has one.
    pub fn guests<'a>(&mut self, ports: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, Guest> {
        self.confs.begin();
        self.domains.begin();
        let mut domains = libvirt::guests(&self.root, &mut self.domains);
        let mut guest_of = |port: &str| {
            let Some(guest) = proxmox::guest_of(port) else { return domains.remove(port) };
            let vmid = guest.vmid.expect("Proxmox numbers its guests");
            Some(Guest { name: proxmox::name_of(&self.root, vmid, &mut self.confs), ..guest })
        };
        let guests = ports.into_iter().filter_map(|port| Some((port.to_owned(), guest_of(port)?))).collect();
        self.confs.end();
        self.domains.end();
        guests
    }
}
