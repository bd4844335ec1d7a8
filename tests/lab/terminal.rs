//! A terminal with a program in it, as a person sees it.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::libc;
use nix::pty::{Winsize, openpty};

use crate::host::command;
use crate::process::Process;
use crate::{Host, until};

/// A program at a pseudo terminal, and what is on its screen.
#[derive(Debug)]
pub struct Terminal {
    process: Process,
    keyboard: File,
    screen: Arc<Mutex<Screen>>,
}

struct Screen(vt100::Parser);

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.screen().contents())
    }
}

impl Terminal {
    /// Starts a program in a host at a terminal of this many columns and lines.
    pub fn start(host: &Host, argv: &[&str], (columns, lines): (u16, u16)) -> Result<Self> {
        let size = winsize(columns, lines);
        let pair = openpty(Some(&size), None).context("cannot make a pseudo terminal")?;
        let (keyboard, slave) = (File::from(pair.master), File::from(pair.slave));
        let mut command: Command = command(argv)?;
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
        command.stdin(slave.try_clone()?).stdout(slave.try_clone()?).stderr(Stdio::from(slave));
        // SAFETY: between fork and exec it makes two system calls and touches no memory of ours.
        unsafe {
            command.pre_exec(|| {
                // It learns of another size by a signal to the session that the terminal controls.
                match libc::setsid() < 0 || libc::ioctl(0, libc::TIOCSCTTY, 0) < 0 {
                    true => Err(io::Error::last_os_error()),
                    false => Ok(()),
                }
            });
        }
        let process = host.spawn_as_it_is(command)?;
        let screen = Arc::new(Mutex::new(Screen(vt100::Parser::new(lines, columns, 0))));
        let (mut output, drawn) = (keyboard.try_clone()?, Arc::clone(&screen));
        // Reading fails once the program has closed its side.
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut bytes) {
                drawn.lock().unwrap_or_else(PoisonError::into_inner).0.process(&bytes[..length]);
            }
        });
        Ok(Self { process, keyboard, screen })
    }

    /// What is on the screen, line by line.
    pub fn text(&self) -> String {
        self.locked(|screen| screen.contents())
    }

    /// Whether the program has taken over the whole screen, to give it back when it ends.
    pub fn is_taken_over(&self) -> bool {
        self.locked(|screen| screen.alternate_screen())
    }

    /// Whether there is a cursor to be seen.
    pub fn has_cursor(&self) -> bool {
        self.locked(|screen| !screen.hide_cursor())
    }

    /// Waits until the screen is as it is wanted.
    pub fn wait(&self, limit: Duration, what: &str, wanted: impl Fn(&str) -> bool) -> Result<()> {
        until(limit, what, || wanted(&self.text())).with_context(|| format!("on the screen:\n{}", self.text()))
    }

    /// Types.
    pub fn press(&self, keys: &str) -> Result<()> {
        (&self.keyboard).write_all(keys.as_bytes()).context("cannot type")
    }

    /// Gives the terminal another size.
    pub fn resize(&self, columns: u16, lines: u16) -> Result<()> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner).0.screen_mut().set_size(lines, columns);
        // SAFETY: the call reads a winsize.
        let done = unsafe { libc::ioctl(self.keyboard.as_raw_fd(), libc::TIOCSWINSZ, &winsize(columns, lines)) };
        if done < 0 { Err(io::Error::last_os_error()).context("cannot change the terminal's size") } else { Ok(()) }
    }

    /// Whether what is typed appears and is handed on line by line, as in a terminal that nobody has taken over.
    pub fn is_as_it_was(&self) -> Result<bool> {
        let modes = nix::sys::termios::tcgetattr(&self.keyboard)?.local_flags;
        use nix::sys::termios::LocalFlags;
        Ok(modes.contains(LocalFlags::ECHO | LocalFlags::ICANON))
    }

    /// The program.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Waits for its end.
    pub fn wait_end(&self, limit: Duration) -> Result<ExitStatus> {
        self.process.wait(limit)
    }

    fn locked<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        look(self.screen.lock().unwrap_or_else(PoisonError::into_inner).0.screen())
    }
}

const fn winsize(columns: u16, lines: u16) -> Winsize {
    Winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}
