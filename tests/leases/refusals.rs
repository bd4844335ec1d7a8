//! What `trust add` and `trust remove` refuse, with what to do instead.

use pxeguard_lab::{guard, skip_unless};

use crate::scene::{Scene, place};

const CONFIG: &str = "/etc/pxeguard/pxeguard.toml";

#[test]
fn trust_of_an_option_or_the_file_cannot_be_removed_at_run_time() {
    skip_unless!();
    let scene = Scene::new();
    let (by_flag, by_file) = (place(&scene.trusted), place(&scene.client));
    scene.lab.hypervisor().write(CONFIG, format!("trust = {by_file:?}\n")).unwrap();
    let guard = scene.guard(&["--trust", &by_flag]);
    let refusals = [
        ("remove", &by_flag, format!("{by_flag} is trusted by an option of pxeguard run: start it without")),
        ("remove", &by_file, format!("{by_file} is trusted by {CONFIG}: remove it there and reload pxeguard (SIGHUP)")),
        ("remove", &place(&scene.rogue), "is not trusted; see pxeguard trust list".to_owned()),
        ("add", &by_flag, format!("{by_flag} is trusted already, by an option of pxeguard run")),
        ("add", &by_file, format!("{by_file} is trusted already, by the configuration file")),
    ];
    for (command, trust, why) in refusals {
        let ran = guard::run_any(scene.lab.hypervisor(), ["trust", command, trust]).unwrap();
        let said = String::from_utf8(ran.output.stderr).unwrap();
        assert_eq!(ran.output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("pxeguard: cannot ") && said.trim_end().ends_with(&why), "{said}");
        assert!(scene.offer_arrives(&scene.trusted) && !scene.offer_arrives(&scene.rogue), "{command} {trust}");
    }
    assert_eq!(guard.json("trust list").unwrap().as_array().map(Vec::len), Some(2));
}
