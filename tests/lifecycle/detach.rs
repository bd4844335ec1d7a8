//! The end: nothing of ours stays in the kernel.

use pxeguard_lab::{Host, guard, skip_unless, until};
use serde_json::Value;

use crate::attached;
use crate::scene::Scene;
use crate::wire::SOON;

/// Where links and maps are pinned.
const PINS: &str = "/sys/fs/bpf/pxeguard";

#[test]
fn detach_removes_every_program_link_and_map() {
    skip_unless!("bpftool", "tc");
    let scene = Scene::new();
    let hypervisor = scene.lab.hypervisor();
    scene.guard(&[]).stop().unwrap();
    assert!(!scene.offer_arrives(&scene.rogue));
    let links = shown(hypervisor, "link", "links/*");
    let maps = shown(hypervisor, "map", "maps-*/*");
    // Ingress and egress of three ports.
    assert_eq!(links.len(), 6, "{links:#?}");
    let guests = [&scene.trusted, &scene.rogue, &scene.client];
    for guest in guests {
        assert_eq!(attached::at(hypervisor, guest.port()), attached::expected("tcx"));
    }
    assert!(maps.len() >= 5, "{maps:#?}");

    let said = guard::run(hypervisor, ["detach"]).unwrap();
    assert_eq!(said, "removed pxeguard from the kernel; ports no longer guarded: 3\n");
    assert!(scene.offer_arrives(&scene.rogue), "detached");
    for guest in guests {
        assert_eq!(attached::at(hypervisor, guest.port()), [""; 0]);
    }
    assert_eq!(hypervisor.run(["find", "/sys/fs/bpf", "-name", "pxeguard*"]).unwrap(), "");
    let ids = |kind, objects: &[Value]| objects.iter().map(|object| (kind, object["id"].clone())).collect::<Vec<_>>();
    let programs = links.iter().map(|link| ("prog", link["prog_id"].clone())).collect();
    for (kind, id) in [ids("link", &links), ids("map", &maps), programs].concat() {
        // The kernel frees what nobody uses a little later.
        until(SOON, &format!("{kind} {id} is gone"), || {
            let found = hypervisor.output(["bpftool", kind, "show", "id", &id.to_string()]);
            !found.unwrap().output.status.success()
        })
        .unwrap();
    }
    assert_eq!(guard::run(hypervisor, ["detach"]).unwrap(), "nothing was guarded\n");
}

#[test]
fn detach_is_refused_while_a_daemon_runs() {
    skip_unless!();
    let scene = Scene::new();
    let guard = scene.guard(&[]);
    let ran = guard::run_any(scene.lab.hypervisor(), ["detach"]).unwrap();
    let said = String::from_utf8(ran.output.stderr).unwrap();
    assert_eq!(ran.output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("another pxeguard holds {PINS}; stop it first")), "{said}");
    scene.assert_blocked(&guard, &scene.rogue);
}

/// What bpftool shows of the objects that are pinned below [`PINS`].
fn shown(hypervisor: &Host, kind: &str, pins: &str) -> Vec<Value> {
    let pins = hypervisor.run(["sh", "-c", &format!("echo {PINS}/{pins}")]).unwrap();
    let show = |pin| hypervisor.json(["bpftool", "-j", kind, "show", "pinned", pin]).unwrap();
    pins.split_whitespace().map(show).collect()
}
