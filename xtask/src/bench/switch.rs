//! The guard, put on and taken off by turns.

use anyhow::Result;
use pxeguard_lab::{BRIDGE, Guard, Lab, guard};

/// Puts the guard onto the lab's bridge and takes it off again.
pub struct Switch<'lab> {
    lab: &'lab Lab,
    hook: &'static str,
    guard: Option<Guard<'lab>>,
}

impl<'lab> Switch<'lab> {
    /// Off; `hook` is what `--hook` takes.
    pub fn new(lab: &'lab Lab, hook: &'static str) -> Self {
        Self { lab, hook, guard: None }
    }

    /// Puts it on or takes it off, where it is not so already.
    pub fn set(&mut self, on: bool) -> Result<()> {
        match (on, self.guard.take()) {
            (true, None) => self.guard = Some(enforcing(self.lab, self.hook)?),
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
    Guard::start(lab, ["--iface", BRIDGE, "--mode", "enforce", "--hook", hook])
}
