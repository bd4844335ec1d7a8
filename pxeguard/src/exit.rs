//! How the process ends.

use std::process;

/// What the caller's script sees.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExitCode {
    /// What was asked for is done.
    Done,
    /// It was attempted and failed.
    Failed,
    /// It was asked for in a wrong way; nothing was attempted.
    Usage,
    /// `pxeguard probe` asked, and nobody answered.
    Nobody,
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(match code {
            ExitCode::Done => 0,
            ExitCode::Failed => 1,
            ExitCode::Usage | ExitCode::Nobody => 2,
        })
    }
}
