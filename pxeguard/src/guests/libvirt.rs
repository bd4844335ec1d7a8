//! libvirt: it writes the state of each running domain into a file for root, with the port of each network card.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use roxmltree::{Document, Node, ParsingOptions};

use super::Guest;
use super::file::{Cached, Files};

/// Where the files are, below the root, one `NAME.xml` for each domain.
const FOLDERS: [&str; 2] = ["run/libvirt/qemu", "run/libvirt/lxc"];
/// Domains of a folder that are looked at.
const MAX_DOMAINS: usize = 4096;
/// Parts of a file at the most: that of a large domain has some thousand.
const MAX_NODES: u32 = 100_000;

/// The ports of a domain, and the guest behind each.
pub type Cards = Vec<(String, Guest)>;

/// All ports that belong to a running domain.
pub fn guests(root: &Path, files: &mut Files<Cards>) -> BTreeMap<String, Guest> {
    let mut guests = BTreeMap::new();
    for path in FOLDERS.iter().flat_map(|folder| domains(&root.join(folder))) {
        if let Cached::Read(cards) = files.read(&path, cards) {
            guests.extend(cards.iter().cloned());
        }
    }
    guests
}

fn domains(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<_> =
        paths.filter(|path| path.extension() == Some(OsStr::new("xml"))).take(MAX_DOMAINS).collect();
    paths.sort_unstable();
    paths
}

/// The network cards of a domain; `None` if the text is no domain's.
fn cards(text: &str) -> Option<Cards> {
    let options = ParsingOptions { nodes_limit: MAX_NODES, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text, options).ok()?;
    let root = document.root_element();
    // The state of a running domain wraps its description.
    let domain = if root.has_tag_name("domain") { root } else { child(root, "domain")? };
    let name = child(domain, "name")?.text()?.trim();
    let interfaces = child(domain, "devices")?.children().filter(|node| node.has_tag_name("interface"));
    let card = |interface: Node<'_, '_>| {
        let port = child(interface, "target")?.attribute("dev")?;
        let nic = child(interface, "alias").and_then(|alias| alias.attribute("name"));
        let guest = Guest { vmid: None, name: Some(name.to_owned()), nic: nic.map(str::to_owned), is_behind: true };
        Some((port.to_owned(), guest))
    };
    Some(interfaces.filter_map(card).collect())
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name(name))
}
