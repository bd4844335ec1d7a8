//! A pxeguard command that ran to its end: its exit code, and what it said.

use std::fmt;
use std::process::Command;

use pxeguard_lab::{Guard, Host, Lab, guard};

use crate::SOON;

/// How a command ended.
pub struct Ended {
    shown: String,
    code: Option<i32>,
    /// Lines of both streams.
    lines: Vec<String>,
}

impl Ended {
    /// Runs `pxeguard LINE`; `run` has to end by itself, or the test fails.
    pub fn of(host: &Host, line: &str) -> Self {
        Self::of_command(host, pxeguard(line))
    }

    /// Runs a command that was made by [`pxeguard`] and changed.
    pub fn of_command(host: &Host, command: Command) -> Self {
        let shown = format!("{command:?}");
        let process = host.spawn_command(command).unwrap();
        let status = process.wait(SOON).unwrap();
        let lines = process.output().lines().map(str::to_owned).collect();
        Self { shown, code: status.code(), lines }
    }

    /// It ended with 1 and said why on one line, with all of these words.
    #[track_caller]
    pub fn failed(&self, words: &[&str]) {
        self.said(1, words);
    }

    /// It ended with 2 and said why on one line, with all of these words.
    #[track_caller]
    pub fn was_wrong_usage(&self, words: &[&str]) {
        self.said(2, words);
    }

    /// It ended with 0 and said all of these words.
    #[track_caller]
    pub fn succeeded(&self, words: &[&str]) {
        assert_eq!(self.code, Some(0), "{self}");
        self.has(&self.lines.join("\n"), words);
    }

    #[track_caller]
    fn said(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self}");
        // A daemon may have logged before; a line of the log begins with the time.
        let said: Vec<_> = self.lines.iter().filter(|line| !line.starts_with("20")).collect();
        let &[said] = said.as_slice() else { panic!("not on one line: {self}") };
        assert!(said.starts_with("pxeguard: "), "{self}");
        self.has(said, words);
    }

    #[track_caller]
    fn has(&self, text: &str, words: &[&str]) {
        for word in words {
            assert!(text.contains(word), "no {word:?}: {self}");
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ended with {:?}:\n{}", self.shown, self.code, self.lines.join("\n"))
    }
}

/// `pxeguard LINE`, where an argument is what stands between spaces.
pub fn pxeguard(line: &str) -> Command {
    let mut command = Command::new(guard::program().unwrap());
    command.args(line.split(' ')).current_dir("/").env("RUST_LOG", "info");
    command
}

/// A running guard: `pxeguard run LINE`.
pub fn guard<'lab>(lab: &'lab Lab, line: &str) -> Guard<'lab> {
    Guard::start(lab, line.split(' ')).unwrap()
}

/// No program of pxeguard's is at any port, whether as a link or as a filter.
#[track_caller]
pub fn assert_nothing_attached(host: &Host) {
    let links = host.enter(|| std::fs::read_dir("/sys/fs/bpf/pxeguard/links").map(Iterator::count)).unwrap();
    assert_eq!(links.unwrap_or(0), 0, "links are pinned");
    let shown = host.json(["bpftool", "--json", "net"]).unwrap();
    for hook in ["xdp", "tc"] {
        assert_eq!(shown[0][hook], serde_json::json!([]), "{shown}");
    }
}
