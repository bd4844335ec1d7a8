//! How the process ends.

use std::process;

/// What the caller's script sees.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum ExitCode {
    /// What was asked for is done.
    Done = 0,
    /// It was attempted and failed.
    Failed = 1,
    /// It was asked for in a wrong way; nothing was attempted.
    Usage = 2,
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}
