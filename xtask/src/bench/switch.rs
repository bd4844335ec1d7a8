//! The guard, put on and taken off by turns.

use anyhow::Result;
use pxeguard_lab::{BRIDGE, Guard, Lab, guard};

/// Puts the guard onto the lab's bridge and takes it off again.
pub struct Switch<'lab> {
    lab: &'lab Lab,
    hook: &'static str,
    trust: Option<&'static str>,
    guard: Option<Guard<'lab>>,
}

impl<'lab> Switch<'lab> {
    /// Off; `hook` is what `--hook` takes.
    pub fn new(lab: &'lab Lab, hook: &'static str) -> Self {
        Self { lab, hook, trust: None, guard: None }
    }

    /// The same of a guard that trusts what `--trust` names, and lets one port's clients ask as often as they like:
    /// they are all clients there are.
    pub fn trusting(lab: &'lab Lab, hook: &'static str, trust: &'static str) -> Self {
        Self { trust: Some(trust), ..Self::new(lab, hook) }
    }

    /// Puts it on or takes it off, where it is not so already.
    pub fn set(&mut self, on: bool) -> Result<()> {
        match (on, self.guard.take()) {
            (true, None) => self.guard = Some(start(self.lab, self.hook, self.trust)?),
            (false, Some(guard)) => {
                guard.stop()?;
                guard::run(self.lab.hypervisor(), ["detach"])?;
            }
            (_, as_wanted) => self.guard = as_wanted,
        }
        Ok(())
    }
}

/// A guard that drops the replies of everybody in the lab.
pub fn enforcing<'lab>(lab: &'lab Lab, hook: &str) -> Result<Guard<'lab>> {
    start(lab, hook, None)
}

fn start<'lab>(lab: &'lab Lab, hook: &str, trust: Option<&str>) -> Result<Guard<'lab>> {
    let arguments = ["--iface", BRIDGE, "--mode", "enforce", "--hook", hook];
    let more = trust.into_iter().flat_map(|trust| ["--trust", trust, "--client-messages-per-s", "0"]);
    Guard::start(lab, arguments.into_iter().chain(more))
}
