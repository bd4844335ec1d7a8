//! QEMU's monitor protocol (docs/interop/qmp-spec of QEMU): a line of JSON for each command and answer.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::until;

/// How long QEMU may take to start, and to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to one machine's monitor.
#[derive(Debug)]
pub(super) struct Monitor(BufReader<UnixStream>);

impl Monitor {
    /// Connects to a QEMU that is starting.
    pub(super) fn connect(socket: &Path) -> Result<Self> {
        let mut stream = None;
        until(PATIENCE, "QEMU listens to its monitor", || {
            stream = UnixStream::connect(socket).ok();
            stream.is_some()
        })?;
        let stream = stream.expect("the condition was that it is there");
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut monitor = Self(BufReader::new(stream));
        monitor.read().context("QEMU does not greet")?;
        monitor.execute("qmp_capabilities", json!({}))?;
        Ok(monitor)
    }

    /// Runs a command to its end.
    pub(super) fn execute(&mut self, command: &str, arguments: Value) -> Result<()> {
        let line = json!({"execute": command, "arguments": arguments});
        writeln!(self.0.get_mut(), "{line}").with_context(|| format!("cannot tell QEMU to {command}"))?;
        loop {
            let answer = self.read().with_context(|| format!("QEMU does not answer to {command}"))?;
            match (answer.get("return"), answer.get("error")) {
                (Some(_), _) => return Ok(()),
                (None, Some(error)) => bail!("QEMU: {command}: {error}"),
                // Events come between.
                (None, None) => {}
            }
        }
    }

    fn read(&mut self) -> Result<Value> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }
}
