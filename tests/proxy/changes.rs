//! A policy that changes while everybody asks: each answer is of the old one or of the new one, and of one alone.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use nix::sys::signal::Signal;
use pxeguard_lab::load::discovers::Discovers;
use pxeguard_lab::skip_unless;

use crate::scene::{PROGRAM, Reply, SOON, Scene};

const CHANGES: usize = 4;
const CLIENTS: u32 = 1 << 14;
const OTHER_PROGRAM: &str = "another-program-with-a-longer-name.efi";

#[test]
fn no_answer_mixes_two_policies_while_they_change_under_load() {
    skip_unless!();
    let scene = Scene::new();
    scene.add_program(OTHER_PROGRAM);
    let policies = [(PROGRAM, "direct"), (OTHER_PROGRAM, "menu")];
    let put = |which: usize| {
        let (program, strategy) = policies[which];
        let boot =
            format!("[boot]\nprograms = {{ efi-x64 = \"{program}\" }}\nstrategy = {{ efi-x64 = \"{strategy}\" }}\n");
        let file = format!("{boot}[limits]\nclient_messages_per_s = 0\n");
        scene.lab.hypervisor().write("/etc/pxeguard/pxeguard.toml", file).unwrap();
    };
    put(0);
    let guard = scene.guard_without_program();
    let discovers = Discovers::new(&scene.client, CLIENTS).unwrap();
    let (mut known, mut answers) = (Vec::new(), 0_u64);
    // Waits until a policy answers; what it says is known from the first time on.  The flood ends by an error, and by no
    // panic.
    let mut until_said = |which: usize| -> Result<()> {
        let deadline = Instant::now() + SOON;
        while let Some(frame) = scene.at_client.receive(deadline)? {
            let Some(reply) = Reply::read(&frame).filter(Reply::is_proxys) else { continue };
            ensure!(reply.is_whole, "{reply:?}");
            answers += 1;
            let said = said(&frame, reply);
            if known.len() == which {
                if known.contains(&said) {
                    continue;
                }
                known.push(said.clone());
            }
            let told = known.iter().position(|known| *known == said);
            match told {
                None => bail!("of neither policy: {said:?}, {known:?}"),
                Some(told) if told == which => return Ok(()),
                Some(_) => {}
            }
        }
        bail!("the policy {which} does not come in {SOON:?}; {answers} answers")
    };
    let changing = || {
        until_said(0)?;
        for change in 1..=CHANGES {
            put(change % 2);
            guard.process().signal(Signal::SIGHUP)?;
            until_said(change % 2)?;
        }
        Ok(())
    };
    discovers.flood(changing).unwrap();
    let [direct, menu] = &known[..] else { panic!("{known:?}") };
    assert_eq!((direct.file.as_str(), menu.file.as_str()), (PROGRAM, ""));
    assert!(menu.options[&43].len() > direct.options[&43].len());
    let in_kernel = guard.json("status").unwrap()["boot_answers"]["kernel"]["offers"].as_u64().unwrap();
    eprintln!("{CHANGES} changes; {answers} answers were looked at, {in_kernel} were given in the kernel");
    assert!(answers > 1000 && in_kernel > answers / 2, "{answers} answers, {in_kernel} of the kernel");
}

/// All of an answer that is not one client's own.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    len: usize,
    file: String,
    siaddr: std::net::Ipv4Addr,
    options: BTreeMap<u8, Vec<u8>>,
}

fn said(frame: &[u8], reply: Reply) -> Said {
    let Reply { file, siaddr, mut options, .. } = reply;
    options.remove(&97);
    Said { len: frame.len(), file, siaddr, options }
}
