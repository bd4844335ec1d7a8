//! Asks the daemon, again and again, on a thread of its own: one that does not answer keeps no key waiting.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::mpsc::{Receiver, channel};

use crate::control::{Request, Response, ask};
use crate::report::{Explanation, Overview};
use crate::trust::MacAddress;

/// How often.
const EVERY: Duration = Duration::from_millis(500);

/// What the daemon says, or why it does not.
#[derive(Debug)]
pub enum Heard {
    Overview(Result<Box<Overview>, String>),
    Explained(MacAddress, Result<Box<Explanation>, String>),
}

/// Who asks.
pub struct Asker {
    /// Clients to ask about.
    pub about: mpsc::Sender<MacAddress>,
    /// What is heard.
    pub heard: Receiver<Heard>,
}

impl Asker {
    /// Asks for the first time, and then again and again; ends when nobody listens any more.
    pub fn start(control: PathBuf) -> anyhow::Result<(Overview, Self)> {
        let first = overview(&control)?;
        let (about, questions) = mpsc::channel();
        // Where the terminal takes nothing, nothing more is asked.
        let (tell, heard) = channel(1);
        let asking = move || {
            let mut next = Instant::now() + EVERY;
            loop {
                let told = match questions.recv_timeout(next.saturating_duration_since(Instant::now())) {
                    Ok(mac) => Heard::Explained(mac, explanation(&control, mac).map_err(in_words)),
                    Err(RecvTimeoutError::Timeout) => {
                        next = Instant::now() + EVERY;
                        Heard::Overview(overview(&control).map(Box::new).map_err(in_words))
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                };
                if tell.blocking_send(told).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("asker".to_owned()).spawn(asking).context("cannot start a thread")?;
        Ok((first, Self { about, heard }))
    }
}

fn overview(control: &Path) -> anyhow::Result<Overview> {
    match ask(control, &Request::Overview)? {
        Response::Overview(overview) => Ok(*overview),
        other => anyhow::bail!("the running pxeguard answered something else: {other:?}"),
    }
}

fn explanation(control: &Path, mac: MacAddress) -> anyhow::Result<Box<Explanation>> {
    match ask(control, &Request::Explain { mac, screen: None })? {
        Response::Explained(explanation) => Ok(explanation),
        other => anyhow::bail!("the running pxeguard answered something else: {other:?}"),
    }
}

fn in_words(error: anyhow::Error) -> String {
    format!("{error:#}")
}
