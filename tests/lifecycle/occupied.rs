//! A port whose XDP slot somebody else has.

use pxeguard_lab::{guard, skip_unless};

use crate::attached;
use crate::scene::{Scene, guarded};
use crate::wire::SOON;

/// The program of xdp-filter that lets everything pass which is not on a list, and so everything.
const FOREIGN: &str = "xdpfilt_alw_all";

#[test]
fn xdp_filter_keeps_its_slot_and_is_named_while_tcx_guards_the_port() {
    skip_unless!("xdp-filter", "tc");
    for (asked, foreign) in [("xdp", "native"), ("xdp", "skb"), ("xdp-generic", "skb")] {
        let scene = Scene::new();
        let hypervisor = scene.lab.hypervisor();
        let port = scene.rogue.port();
        hypervisor.run(["xdp-filter", "load", "-m", foreign, port]).unwrap();
        let foreign = attached::at(hypervisor, port);
        assert!(foreign[0].ends_with(FOREIGN), "{foreign:?}");
        assert!(scene.offer_arrives(&scene.rogue), "xdp-filter lets it pass");

        let guard = scene.guard(&["--hook", asked]);
        let told = guarded(&guard, port);
        assert_eq!(told["hook"], "tcx");
        let reason = told["reason"].as_str().unwrap();
        assert!(reason.contains(&format!("XDP program {FOREIGN}")) && reason.contains("holds this port"), "{reason}");
        let warning = format!("{port}: {reason}; using tcx");
        guard.process().wait_line(|line| line.contains(&warning), SOON).unwrap();
        let mut all = attached::expected("tcx").to_vec();
        all.insert(0, foreign[0].clone());
        assert_eq!(attached::at(hypervisor, port), all);
        scene.assert_blocked(&guard, &scene.rogue);
        assert_eq!(guarded(&guard, scene.client.port())["hook"], asked, "the other ports are free");

        guard.stop().unwrap();
        guard::run(hypervisor, ["detach"]).unwrap();
        assert_eq!(attached::at(hypervisor, port), foreign);
    }
}

#[test]
fn program_on_the_bridge_keeps_xdp_off_its_ports_and_tcx_guards_them() {
    skip_unless!("xdp-filter", "tc");
    let scene = Scene::new();
    scene.lab.hypervisor().run(["xdp-filter", "load", "-m", "skb", pxeguard_lab::BRIDGE]).unwrap();
    let guard = scene.guard(&["--hook", "xdp"]);
    let told = guarded(&guard, scene.rogue.port());
    assert_eq!(told["hook"], "tcx");
    let reason = told["reason"].as_str().unwrap();
    assert!(reason.contains("an XDP program on the bridge or bond above"), "{reason}");
    scene.assert_blocked(&guard, &scene.rogue);
}
