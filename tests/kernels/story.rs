//! What happens on a kernel, told once and looked at by several tests.

use std::sync::OnceLock;

use anyhow::{Context, Result};
use pxeguard_lab::skip;
use serde_json::Value;

use crate::linux::Linux;
use crate::machine::{self, Script};

/// What a kernel's tests share: one boot.
pub type Told = Result<Story>;

/// Address of the server that `guest/story.sh` trusts.
pub const TRUSTED: &str = "10.0.0.1";
/// Address of the other, which is faster.
pub const ROGUE: &str = "10.0.0.2";

/// The lines of a machine's console.
pub struct Story {
    console: String,
}

impl Story {
    /// The story of a kernel, or `None` where the test is to be skipped; the first test that asks boots it.
    ///
    /// # Panics
    /// If the machine did not come to the story's end, or the test may not be skipped.
    pub fn of(script: &Script, linux: Linux, told: &'static OnceLock<Told>) -> Option<&'static Self> {
        let kernel = linux.folder();
        let needed = ["busybox", "ip", "tc", "ldd", "/usr/bin/qemu-system-x86_64", &kernel.to_string_lossy()];
        if skip::unless_possible(&needed) {
            return None;
        }
        match told.get_or_init(|| Self::tell(script, linux)) {
            Ok(story) => Some(story),
            Err(why) => panic!("Linux {}: {why:#}", linux.series),
        }
    }

    fn tell(script: &Script, linux: Linux) -> Result<Self> {
        let console = machine::run(linux, script)?;
        let story = Self { console };
        let end = story.line("end").filter(|status| *status == "0");
        end.with_context(|| format!("the story broke off:\n{}", story.console))?;
        eprintln!("{}", story.console);
        Ok(story)
    }

    /// What was said of something: the rest of its line.
    ///
    /// # Panics
    /// If nothing was.
    pub fn said(&self, what: &str) -> &str {
        self.line(what).unwrap_or_else(|| panic!("nothing is said of {what}:\n{}", self.console))
    }

    /// Each port with its hook, of the answer of `pxeguard ports --json`.
    pub fn hooks(&self, answer: &str) -> Vec<String> {
        let word = |port: &Value, key| port[key].as_str().map(str::to_owned).unwrap_or_default();
        self.ports(answer).iter().map(|port| format!("{} {}", word(port, "name"), word(port, "hook"))).collect()
    }

    /// When each port's guard began, by the same.
    pub fn guarded_since(&self, answer: &str) -> Vec<Value> {
        self.ports(answer).iter().map(|port| port["guarded_since"].clone()).collect()
    }

    /// What the same says of one port.
    ///
    /// # Panics
    /// If it is not there.
    pub fn port(&self, answer: &str, name: &str) -> Value {
        let ports = self.ports(answer);
        ports.into_iter().find(|port| port["name"] == name).unwrap_or_else(|| panic!("no {name} in {answer}"))
    }

    fn ports(&self, answer: &str) -> Vec<Value> {
        let answer = self.said(answer);
        serde_json::from_str(answer).unwrap_or_else(|why| panic!("not an array in JSON ({why}): {answer}"))
    }

    fn line(&self, what: &str) -> Option<&str> {
        let lines = self.console.lines().map(str::trim);
        lines
            .filter_map(|line| line.strip_prefix("= ")?.strip_prefix(what))
            .find(|rest| rest.is_empty() || rest.starts_with(' '))
            .map(str::trim)
    }
}
