//! `cargo xtask demo`: a stolen network boot, and how the guard ends it, in namespaces of its own.

mod network;
mod screen;

use std::env;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use pxeguard_lab::{BRIDGE, Guard, guard, until};

use crate::packages::Purpose;
use crate::{build, command, leftovers, setup};
use network::{Network, Owner};
use screen::{command_line, heading, indented, log_lines, say, verdict};

/// Shows a rogue DHCP server, and pxeguard against it
///
/// Builds a network of namespaces with real DHCP servers and clients, shows what happens without and with the guard,
/// and removes it. Takes ten seconds after the build. Nothing of this machine's network is touched. Runs as root,
/// through sudo where need be. Fails if what is shown is not what it should be.
#[derive(Args)]
pub struct Demo {}

/// How long what is awaited may take.
const SOON: Duration = Duration::from_secs(10);

impl Demo {
    pub fn run(&self) -> Result<()> {
        if command::is_root() && env::var_os(leftovers::PROGRAM).is_some() {
            return show();
        }
        setup::provide(&[Purpose::Demo])?;
        let us = env::current_exe().context("cannot find this program")?;
        command::again_as_root(&us, &build::release()?)
    }
}

/// The whole story.  The network ends with the value, and with this process however that ends.
fn show() -> Result<()> {
    let began = Instant::now();
    let network = Network::new().context("cannot build the network")?;
    network.introduce();
    without_guard(&network)?;
    let trust = observing(&network)?;
    enforcing(&network, &trust)?;
    without_daemon(&network)?;
    detached(&network)?;
    drop(network);
    say(&format!("\nAs it should be; everything is removed again. {:.1} s", began.elapsed().as_secs_f32()));
    Ok(())
}

fn without_guard(network: &Network) -> Result<()> {
    heading("1. Nobody guards: the faster server wins");
    network.expect_leases_from(Owner::Stranger)?;
    verdict(false, "every client has its address from the stranger, who could now boot them from anything");
    Ok(())
}

/// Returns the option that the guard suggests for the network's own server.
fn observing(network: &Network) -> Result<String> {
    heading("2. pxeguard observes: it drops nothing, and shows who answers");
    let guard = start(network, &["--iface", BRIDGE])?;
    network.expect_leases_from(Owner::Stranger)?;
    let wanted = format!("--trust {}@{}", network.own.mac().to_string().to_lowercase(), network.own.port());
    // The clients do not wait for the slower server's offer, which is on its way still.
    let mut servers = String::new();
    until(SOON, &format!("pxeguard servers suggests {wanted}"), || {
        servers = guard.run(["servers"]).unwrap_or_default();
        servers.lines().any(|line| line.trim() == wanted)
    })?;
    command_line("pxeguard servers");
    indented(&servers);
    verdict(true, "both servers are known, each with the option that would trust it");
    ensure!(guard.stop()?.success(), "pxeguard run did not end well");
    Ok(wanted)
}

fn enforcing(network: &Network, trust: &str) -> Result<()> {
    heading("3. pxeguard enforces: only the server that is trusted may answer");
    let guard = start(network, &[&["--iface", BRIDGE], &*trust.split(' ').collect::<Vec<_>>()].concat())?;
    network.expect_leases_from(Owner::Network)?;
    // The kernel tells of a server once a second at most: it may have told of this one just before it began to drop.
    let is_told = || {
        let log = guard.process().output();
        log.lines().any(|line| line.contains("dropped") && line.contains(network.stranger.port()))
    };
    let began = Instant::now();
    while !is_told() {
        ensure!(began.elapsed() < SOON, "the guard does not tell what it drops:\n{}", guard.process().output());
        network.ask_again()?;
    }
    say("\n  Its log:");
    log_lines(&guard.process().output());
    for question in ["servers", "ports", "status"] {
        command_line(&format!("pxeguard {question}"));
        indented(&guard.run([question])?);
    }
    let servers = guard.json("servers")?;
    for server in servers.as_array().context("an array")? {
        let is_own = server["port"] == network.own.port();
        ensure!(server["trusted"] == is_own, "trusted is wrong: {server}");
        let replies = if is_own { &server["passed"] } else { &server["dropped"] };
        ensure!(replies.as_u64() > Some(0), "nothing is counted: {server}");
    }
    verdict(true, "every client has its address from the network's own server");
    say("\n  The daemon crashes (SIGKILL) ...");
    guard.kill9()
}

fn without_daemon(network: &Network) -> Result<()> {
    heading("4. No daemon runs: the kernel goes on guarding");
    network.expect_leases_from(Owner::Network)?;
    verdict(true, "still from the network's own server");
    Ok(())
}

fn detached(network: &Network) -> Result<()> {
    heading("5. pxeguard detach: as if it had never been there");
    command_line("pxeguard detach");
    let said = guard::run(network.hypervisor(), ["detach"])?;
    indented(&said);
    ensure!(said.starts_with("removed"), "there was nothing to detach");
    network.expect_leases_from(Owner::Stranger)?;
    verdict(false, "without it the stranger wins again");
    Ok(())
}

fn start<'a>(network: &'a Network, arguments: &[&str]) -> Result<Guard<'a>> {
    command_line(&format!("pxeguard run {}", arguments.join(" ")));
    Guard::start(&network.lab, arguments)
}

#[cfg(test)]
mod tests {
    use pxeguard_lab::skip_unless;

    #[test]
    fn demonstration_shows_what_it_says() {
        skip_unless!("dnsmasq", "busybox", "ethtool");
        super::show().unwrap();
    }
}
