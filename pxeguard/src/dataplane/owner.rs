//! Who holds a port's XDP slot, when it is not us.

use std::fs;
use std::path::Path;

use aya::programs::loaded_programs;

/// Names the program with this number as a person would: by its own name, and where libxdp's dispatcher holds the
/// slot, by the programs behind it, which libxdp pins.
pub fn of_program(bpffs: &Path, id: u32) -> String {
    let name = loaded_programs()
        .filter_map(Result::ok)
        .find(|program| program.id() == id)
        .and_then(|program| program.name_as_str().map(str::to_owned))
        .filter(|name| !name.is_empty());
    match name {
        Some(name) if name == "xdp_dispatcher" => match dispatched(bpffs, id) {
            Some(behind) => format!("the XDP program {behind} behind libxdp's dispatcher (id {id})"),
            None => format!("libxdp's dispatcher (id {id})"),
        },
        Some(name) => format!("the XDP program {name} (id {id})"),
        // It has no name, or we have no CAP_SYS_ADMIN, without which nobody may look at foreign programs.
        None => format!("an XDP program (id {id})"),
    }
}

/// The programs behind a dispatcher of libxdp, from its pins: `xdp/dispatch-IFINDEX-ID/progN-prog`.
fn dispatched(bpffs: &Path, id: u32) -> Option<String> {
    let suffix = format!("-{id}");
    let folder = fs::read_dir(bpffs.join("xdp"))
        .ok()?
        .flatten()
        .find(|entry| entry.file_name().to_string_lossy().ends_with(&suffix))?;
    let names: Vec<_> = fs::read_dir(folder.path())
        .ok()?
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().ends_with("-prog"))
        .filter_map(|entry| aya::programs::ProgramInfo::from_pin(entry.path()).ok()?.name_as_str().map(str::to_owned))
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}
