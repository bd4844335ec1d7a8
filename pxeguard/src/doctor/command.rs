//! Other programs that are asked, with bounds on time and length.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::report::printable;

/// How long a program may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// What is read of it, in bytes: a ruleset of some ten thousand rules.
const MAX_OUTPUT: u64 = 16 << 20;
/// Where system programs are, whatever the caller's `PATH` is: the doctor runs as root.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Why a program has told nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Silent {
    /// It is not installed.
    #[error("{0} is not installed")]
    Missing(String),
    /// It failed, or took too long.
    #[error("{program} failed: {why}")]
    Failed {
        /// Its name.
        program: String,
        /// The first line that it said.
        why: String,
    },
}

/// What a program writes to its standard output, once it has ended well.
pub fn output(argv: &[&str]) -> Result<String, Silent> {
    let program = argv[0].to_owned();
    let failed = |why: &str| Silent::Failed { program: program.clone(), why: printable(why) };
    let mut command = Command::new(argv[0]);
    command.args(&argv[1..]).env("PATH", PATH).env("LC_ALL", "C").current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Silent::Missing(program.clone()),
        _ => failed(&error.to_string()),
    })?;
    let (said, saying) = mpsc::channel();
    let streams: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|stream| Box::new(stream) as _),
        child.stderr.take().map(|stream| Box::new(stream) as _),
    ];
    for (place, stream) in streams.into_iter().enumerate() {
        let said = said.clone();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = stream.map(|stream| stream.take(MAX_OUTPUT).read_to_end(&mut bytes));
            // Whoever waited may have given up.
            let _ = said.send((place, read.is_some_and(|read| read.is_ok()), bytes));
        });
    }
    let mut streams = [String::new(), String::new()];
    for _ in 0..2 {
        let Ok((place, _, bytes)) = saying.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(failed(&format!("it did not end within {PATIENCE:?}")));
        };
        if bytes.len() as u64 == MAX_OUTPUT {
            let _ = child.kill();
            let _ = child.wait();
            return Err(failed("it says more than can be looked at"));
        }
        streams[place] = String::from_utf8_lossy(&bytes).into_owned();
    }
    let [out, err] = streams;
    match child.wait() {
        Ok(status) if status.success() => Ok(out),
        Ok(status) => {
            Err(failed(&format!("{}{status}", err.lines().next().map_or(String::new(), |line| line.to_owned() + ", "))))
        }
        Err(error) => Err(failed(&error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_told_from_one_that_is_missing_and_one_that_fails() {
        assert_eq!(output(&["echo", "yes"]), Ok("yes\n".to_owned()));
        assert_eq!(output(&["no-such-program-here"]), Err(Silent::Missing("no-such-program-here".to_owned())));
        let failed = output(&["sh", "-c", "echo no >&2; exit 3"]).unwrap_err();
        assert_eq!(failed.to_string(), "sh failed: no, exit status: 3");
    }
}
