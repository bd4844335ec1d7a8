//! Which BPF programs are at a device, asked of the kernel and not of the guard.

use aya::programs::{ProgramInfo, SchedClassifier, TcAttachType};
use pxeguard_lab::Host;

/// The programs at a device, as `HOOK NAME`, in this order of hooks; the kernel cuts names off after 15 characters.
pub fn at(host: &Host, device: &str) -> Vec<String> {
    let mut found = Vec::new();
    let link = host.json(["ip", "-j", "link", "show", "dev", device]).unwrap();
    let mode = match link[0]["xdp"]["mode"].as_u64() {
        Some(2) => "xdp-generic",
        _ => "xdp",
    };
    if let Some(name) = link[0]["xdp"]["prog"]["name"].as_str() {
        found.push(format!("{mode} {name}"));
    }
    for (direction, word) in [(TcAttachType::Ingress, "ingress"), (TcAttachType::Egress, "egress")] {
        let tcx = host.enter(|| SchedClassifier::query_tcx(device, direction)).unwrap();
        found.extend(tcx.unwrap().1.iter().map(|program| format!("tcx/{word} {}", name(program))));
        let filters = host.json(["tc", "-j", "filter", "show", "dev", device, word]).unwrap();
        let names =
            filters.as_array().into_iter().flatten().filter_map(|filter| filter["options"]["prog"]["name"].as_str());
        found.extend(names.map(|name| format!("clsact/{word} {name}")));
    }
    found
}

/// What a port has that is guarded by a hook.
pub fn expected(hook: &str) -> [String; 2] {
    match hook {
        "xdp" | "xdp-generic" => [format!("{hook} pxeguard_xdp"), "tcx/egress pxeguard_egress".to_owned()],
        _ => [format!("{hook}/ingress pxeguard_ingres"), format!("{hook}/egress pxeguard_egress")],
    }
}

fn name(program: &ProgramInfo) -> String {
    program.name_as_str().unwrap_or_default().to_owned()
}
