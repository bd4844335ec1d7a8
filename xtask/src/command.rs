//! Programs that we start: run to their end, asked for an answer, run as root.

use std::env;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::leftovers;

/// The cargo that runs us.
pub fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// `program` of a rustup toolchain.
pub fn of_toolchain(toolchain: &str, program: &str) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", toolchain, program]);
    command
}

/// Runs a command to its end; what it prints goes where our output goes.
///
/// `attempt` completes "cannot ..." in the error.
pub fn run(command: &mut Command, attempt: &str) -> Result<()> {
    let status =
        command.status().map_err(|err| unstarted(command, err)).with_context(|| format!("cannot {attempt}"))?;
    if !status.success() {
        bail!("cannot {attempt}: `{}` ended with {status}", shown(command));
    }
    Ok(())
}

/// What a command prints, once it has succeeded.
pub fn answer(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().map_err(|err| unstarted(command, err))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let why = stderr.trim().lines().last().unwrap_or("it does not say why");
        bail!("`{}` ended with {}: {why}", shown(command), output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` prints something else than text", shown(command)))
}

/// Where a program is on `PATH`.
pub fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(program)).find(|path| path.is_file())
}

/// The command with which root, whom we are or become by sudo, runs a program.
///
/// `by_hand` is what the error tells the user to run where there is no sudo.
pub fn as_root(program: impl Into<OsString>, by_hand: &str) -> Result<Command> {
    let program = program.into();
    if is_root() {
        return Ok(Command::new(program));
    }
    if on_path("sudo").is_none() {
        bail!("this needs root and there is no sudo; run as root: {by_hand}");
    }
    let mut command = Command::new("sudo");
    command.arg(program);
    Ok(command)
}

/// Goes on as root in `us`, this program or one built of the same source, with the same arguments
/// and with pxeguard as it was built by whoever we are.
pub fn again_as_root(us: &Path, pxeguard: &Path) -> Result<()> {
    let variable = format!("{}={}", leftovers::PROGRAM, pxeguard.display());
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let by_hand = format!("{variable} {} {}", us.display(), arguments.join(" ".as_ref()).display());
    let err = as_root("env", &by_hand)?.arg(variable).arg(us).args(arguments).exec();
    bail!("cannot start as root: {err}")
}

/// Whether we are root already.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// A command as one would type it, its program without the folder.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str());
    let words = [program].into_iter().chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

fn unstarted(command: &Command, err: std::io::Error) -> anyhow::Error {
    let program = command.get_program().display();
    match err.kind() {
        ErrorKind::NotFound => anyhow::anyhow!("`{program}` is not installed"),
        _ => anyhow::anyhow!("`{program}` does not start: {err}"),
    }
}
