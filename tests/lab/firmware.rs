//! Virtual machines with real firmware, which boot from the lab's network.
//!
//! QEMU runs on the lab's hypervisor, without KVM.  As on a real one, a machine's port is in the bridge only once the
//! machine is there, and leaves with it.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use macaddr::MacAddr6;
use serde_json::json;
use tempfile::TempDir;

use crate::deadline::until_every;
use crate::{BRIDGE, Lab, Process};

mod font;
mod hardware;
mod monitor;
mod qemu;
mod screen;
mod slot;

pub use hardware::{Card, Firmware, First, Hardware};
pub use qemu::qemu;

use monitor::Monitor;
use slot::Slot;

/// How long a machine may take for what is expected of it.  It needs a tenth, unless others use the processors too.
const PATIENCE: Duration = Duration::from_secs(400);

/// Between two looks at the serial console, which is a file.
const GLANCE: Duration = Duration::from_millis(20);

/// Between two looks at the screen, for which the machine stands still.
const LOOK: Duration = Duration::from_millis(250);

/// A machine that is on; dropping it pulls the plug.
#[derive(Debug)]
pub struct Machine {
    hardware: Hardware,
    mac: MacAddr6,
    switched_on: Instant,
    monitor: Monitor,
    process: Process,
    /// Its serial console, its variables, the monitor's socket.
    folder: TempDir,
    _slot: Slot,
}

impl Machine {
    /// Switches on a machine behind the port `port` of [`BRIDGE`]; waits while too many others are on.
    pub fn power_on(lab: &Lab, port: &str, hardware: impl Into<Hardware>) -> Result<Self> {
        let (hardware, mac) = (hardware.into(), lab.next_mac());
        let slot = Slot::wait();
        let folder = tempfile::Builder::new().prefix("pxeguard-machine-").tempdir().context("cannot make a folder")?;
        let command = hardware.command(folder.path(), port, mac)?;
        let process = lab.hypervisor().spawn_command(command)?;
        let monitor = Monitor::connect(&folder.path().join(hardware::MONITOR));
        let mut monitor = monitor.with_context(|| format!("the machine said: {}", process.output()))?;
        lab.join_port(port, BRIDGE)?;
        let switched_on = Instant::now();
        monitor.execute("cont", json!({}))?;
        Ok(Self { hardware, mac, switched_on, monitor, process, folder, _slot: slot })
    }

    /// The MAC of its card.
    pub fn mac(&self) -> MacAddr6 {
        self.mac
    }

    /// Waits until the serial console has said this; how long after power-on that was.
    ///
    /// BIOS, iPXE, boot loaders and UEFI talk there too.
    pub fn until_console(&mut self, wanted: &str) -> Result<Duration> {
        let console = self.console_file();
        let what = format!("the console says {wanted:?}");
        let said = || plain(&fs::read(&console).unwrap_or_default()).contains(wanted);
        let found = until_every(GLANCE, PATIENCE, &what, || said() || !self.process.is_running());
        match found {
            Ok(()) if said() => Ok(self.switched_on.elapsed()),
            Ok(()) => Err(anyhow!("the machine ended before {what}")).with_context(|| self.state()),
            Err(why) => Err(why).with_context(|| self.state()),
        }
    }

    /// Waits until the screen shows this, in text that a program drew itself; how long after power-on that was.
    pub fn until_screen(&mut self, wanted: &str) -> Result<Duration> {
        let mut failed = None;
        let found = until_every(LOOK, PATIENCE, &format!("the screen shows {wanted:?}"), || match self.screen() {
            Ok(screen) => screen.contains(wanted),
            Err(why) => {
                failed = Some(why);
                true
            }
        });
        match failed.map_or(found, Err) {
            Ok(()) => Ok(self.switched_on.elapsed()),
            Err(why) => Err(why).with_context(|| self.state()),
        }
    }

    /// What the screen shows, a line of text for each of its own.
    pub fn screen(&mut self) -> Result<String> {
        let file = self.folder.path().join("screen");
        let name = file.to_str().context("a temporary file's name is text")?.to_owned();
        if self.hardware.firmware.has_text_screen() {
            let memory = json!({"val": screen::TEXT_ADDRESS, "size": screen::TEXT_BYTES, "filename": name});
            self.monitor.execute("pmemsave", memory)?;
            return Ok(screen::text(&fs::read(&file)?));
        }
        self.monitor.execute("screendump", json!({"filename": name}))?;
        screen::drawn(&fs::read(&file)?)
    }

    /// What the serial console has said, without the sequences that move its cursor.
    pub fn console(&self) -> String {
        plain(&fs::read(self.console_file()).unwrap_or_default())
    }

    fn console_file(&self) -> PathBuf {
        self.folder.path().join(hardware::CONSOLE)
    }

    /// For a message: all that one would look at.
    fn state(&mut self) -> String {
        let screen = self.screen().unwrap_or_else(|why| format!("{why:#}"));
        let (console, qemu) = (self.console(), self.process.output());
        format!("{:?}\n-- console:\n{console}\n-- screen:\n{screen}\n-- QEMU:\n{qemu}\n--", self.hardware)
    }
}

/// Text without escape sequences (ECMA-48 §5.4), which begin with `ESC [` and end with a byte from `@` to `~`.
fn plain(bytes: &[u8]) -> String {
    let bytes = String::from_utf8_lossy(bytes);
    let mut parts = bytes.split("\x1b[");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|end| ('@'..='~').contains(&end));
        text.push_str(end.map_or("", |end| &part[end + 1..]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_that_move_the_cursor_are_no_text() {
        assert_eq!(plain(b"\x1b[2J\x1b[01;01HGNU \x1b[1;37mGRUB\x1b[0m!"), "GNU GRUB!");
        assert_eq!(plain(b"cut off \x1b[01;"), "cut off ");
    }
}
