//! No gap in time: a port that joins while its host floods.

use std::thread;

use pxeguard_lab::{BRIDGE, Lab, skip_unless};

use crate::flood::{Flood, is_forged};
use crate::scene::{Scene, guarded, released};
use crate::wire::SOON;

/// Joins and departures under each hook.
const ROUNDS: usize = 6;

#[test]
fn flood_is_not_heard_through_a_port_that_joins() {
    skip_unless!();
    let scene = Scene::new();
    let rogue = scene.lab.attach_detached("flooder").unwrap();
    for hook in ["auto", "xdp"] {
        let guard = scene.guard(&["--hook", hook]);
        for round in 0..ROUNDS {
            thread::scope(|scope| {
                let flood = Flood::start(scope, &rogue);
                scene.lab.join(&rogue, BRIDGE).unwrap();
                flood.goes_on();
                guarded(&guard, rogue.port());
                flood.goes_on();
                assert_eq!(flood.leaked_to(&scene.at_client), 0, "{hook}, round {round}");
            });
            scene.lab.leave(&rogue).unwrap();
            released(&guard, rogue.port());
        }
        for port in guard.json("ports").unwrap().as_array().unwrap() {
            assert!(port["guarded_since"].is_string(), "{port:#}");
        }
        assert!(guard.stop().unwrap().success());
    }
}

#[test]
fn flood_is_not_heard_through_a_port_that_joins_while_no_daemon_runs() {
    skip_unless!();
    let scene = Scene::new();
    let rogue = scene.lab.attach_detached("flooder").unwrap();
    scene.guard(&[]).kill9().unwrap();
    thread::scope(|scope| {
        let flood = Flood::start(scope, &rogue);
        scene.lab.join(&rogue, BRIDGE).unwrap();
        flood.goes_on();
        let guard = scene.guard(&[]);
        guarded(&guard, rogue.port());
        flood.goes_on();
        assert_eq!(flood.leaked_to(&scene.at_client), 0);
    });
}

#[test]
fn flood_is_heard_where_nobody_guards() {
    skip_unless!();
    let lab = Lab::new().unwrap();
    let (rogue, client) = (lab.attach_detached("flooder").unwrap(), lab.attach("client").unwrap());
    let socket = client.raw().unwrap();
    thread::scope(|scope| {
        let _flood = Flood::start(scope, &rogue);
        lab.join(&rogue, BRIDGE).unwrap();
        assert!(socket.find(SOON, is_forged).unwrap().is_some());
    });
}
