//! Other PXE responders in the network.

use pxeguard_lab::servers::dnsmasq;
use pxeguard_lab::{Guard, Pool, skip_unless, until};

use crate::scene::{BRIDGE, PROGRAM, Reply, SERVER, SOON, Scene};

const SERVICE: &str = "--pxe-service=X86-64_EFI,boot,rogue.efi";

#[test]
fn a_foreign_responder_is_dropped_while_our_replies_pass() {
    skip_unless!("dnsmasq");
    let scene = Scene::new();
    let rogue = scene.attach("rogue");
    let foreign = dnsmasq::start_proxy(&rogue, &Pool { server: [10, 77, 0, 66].into(), ..Pool::TRUSTED }, &[SERVICE]);
    let foreign = foreign.unwrap();
    let answered = |count: usize| {
        let offers = |output: &str| output.lines().filter(|line| line.contains("PXE(eth0)")).count();
        until(SOON, "the other one answers", || offers(&foreign.output()) >= count).unwrap();
    };
    {
        let _guard = scene.guard(&["--mode", "enforce"]);
        assert_eq!(scene.ask(&scene.discover(1)).siaddr, SERVER);
        answered(1);
        let replies = scene.replies_until(&scene.discover(2));
        assert!(replies.iter().all(|reply| reply.siaddr == SERVER), "{replies:?}");
    }
    // It was the guard that kept it away.
    let _guard = scene.guard(&["--trust-port", "p-rogue,pxe"]);
    scene.at_client.send(&scene.discover(3).frame()).unwrap();
    let wanted = |reply: &Reply| reply.siaddr != SERVER;
    let theirs = scene.ours(SOON, wanted).expect("the trusted responder's offer arrives");
    assert_ne!(theirs.file, PROGRAM);
}

#[test]
fn our_replies_from_another_host_pass_where_that_host_is_trusted_for_pxe() {
    skip_unless!();
    let scene = Scene::new();
    let boot_server = scene.attach("boot");
    boot_server.add_address("10.77.0.3/16").unwrap();
    let _boot = scene.guard_on(&boot_server);
    let only_guards = |more: &[&str]| {
        let arguments = ["--iface", BRIDGE, "--no-boot"];
        Guard::start(&scene.lab, [&arguments[..], more].concat()).unwrap()
    };
    {
        let _guard = only_guards(&["--trust-port", "p-boot,pxe"]);
        let reply = scene.ask(&scene.discover(1));
        assert_eq!((reply.siaddr, reply.file.as_str()), ([10, 77, 0, 3].into(), PROGRAM));
    }
    let guard = only_guards(&["--mode", "enforce"]);
    scene.at_client.send(&scene.discover(2).frame()).unwrap();
    until(SOON, "its offer is dropped", || {
        let servers = guard.json("servers").unwrap();
        servers.as_array().unwrap().iter().any(|server| server["dropped"].as_u64() > Some(0))
    })
    .unwrap();
}
