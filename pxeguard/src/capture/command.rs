//! `pxeguard capture`: asks the running daemon for frames, and writes them.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::time::sleep;

use super::output::Output;
use super::{Frame, Frames};
use crate::cli::CaptureArgs;
use crate::control::{AskError, Request, Response, ask};
use crate::signals::Signals;

/// How often the daemon is asked for new frames.
pub const ASK_EVERY: Duration = Duration::from_millis(100);

/// Captures until enough is written, a signal comes, or the reader of the output has gone.
pub fn run(args: &CaptureArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start tokio")?;
    let mut capture = Capture { args, after: args.past.then_some(0), written: 0, lost: 0 };
    let ended = runtime.block_on(capture.run());
    if capture.lost > 0 {
        eprintln!("pxeguard: {} frames are not there: the daemon had forgotten them already", capture.lost);
    }
    match ended {
        Err(error) if is_broken_pipe(&error) => Ok(()),
        ended => {
            if ended.is_ok() || capture.written > 0 {
                eprintln!("pxeguard: {} frames written to {}", capture.written, args.write.display());
            }
            ended
        }
    }
}

struct Capture<'a> {
    args: &'a CaptureArgs,
    after: Option<u64>,
    written: u64,
    lost: u64,
}

impl Capture<'_> {
    async fn run(&mut self) -> anyhow::Result<()> {
        let mut signals = Signals::open()?;
        let end = self.args.duration.map(|seconds| Instant::now() + Duration::from_secs(seconds));
        // Without a daemon no file is begun.
        let mut told = self.ask()?;
        let mut output = Output::new(open(&self.args.write)?).with_context(|| self.cannot_write())?;
        output.flush().with_context(|| self.cannot_write())?;
        if !self.args.past {
            eprintln!("pxeguard: capturing; Ctrl-C ends it");
        }
        loop {
            let more = told.more;
            self.write(told, &mut output).with_context(|| self.cannot_write())?;
            let past_only = self.args.past && self.args.count.is_none() && end.is_none();
            let time_is_over = end.is_some_and(|end| Instant::now() >= end);
            if self.has_enough() || time_is_over || (past_only && !more) {
                return Ok(());
            }
            let pause = end.map_or(ASK_EVERY, |end| ASK_EVERY.min(end.saturating_duration_since(Instant::now())));
            tokio::select! {
                biased;
                () = signals.any() => return Ok(()),
                () = sleep(if more { Duration::ZERO } else { pause }) => {}
            }
            told = self.ask()?;
        }
    }

    fn ask(&mut self) -> anyhow::Result<Frames> {
        match ask(&self.args.control.control, &Request::Frames { after: self.after })? {
            Response::Frames(told) => {
                self.after = Some(told.next);
                self.lost += told.lost;
                Ok(told)
            }
            other => bail!("the running pxeguard answered something else: {other:?}"),
        }
    }

    fn write(&mut self, told: Frames, output: &mut Output<impl Write>) -> io::Result<()> {
        let mut frames = told.frames;
        // Several threads of the daemon see frames; what they see at the same time comes in any order.
        frames.sort_by_key(|frame| frame.at_ns);
        let wanted = |frame: &&Frame| frame.is_dropped || !self.args.dropped;
        for frame in frames.iter().filter(wanted) {
            if self.has_enough() {
                break;
            }
            output.write(frame)?;
            self.written += 1;
        }
        // Whoever looks on sees it at once.
        output.flush()
    }

    fn has_enough(&self) -> bool {
        self.args.count.is_some_and(|count| self.written >= count)
    }

    fn cannot_write(&self) -> String {
        format!("cannot write {}", self.args.write.display())
    }
}

/// `-` is standard output.
fn open(path: &Path) -> anyhow::Result<BufWriter<Box<dyn Write>>> {
    if path == Path::new("-") {
        if io::stdout().is_terminal() {
            bail!("a terminal cannot show pcapng: give -w FILE, or pipe it into another program");
        }
        return Ok(BufWriter::new(Box::new(io::stdout())));
    }
    let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    Ok(BufWriter::new(Box::new(file)))
}

/// Whether the output's reader has gone; the daemon's socket can break as well, which is an error.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>());
    !error.is::<AskError>() && io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
