//! Chromium without a screen, spoken to in the DevTools protocol.
//!
//! It is asked by a pipe (`--remote-debugging-pipe`): messages in JSON, each ended by a NUL, on descriptors 3 and 4.  That
//! takes no port and no WebSocket.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use pxeguard_lab::{Host, Process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::SOON;

/// Opens both pipes before it becomes the browser; `$0` is the folder of both and of the profile, the rest its arguments.
const START: &str = r#"exec chromium "$@" 3<"$0/asked" 4>"$0/told""#;

/// How often it is looked whether something has come to pass in the page.
const GLANCE: Duration = Duration::from_millis(20);

/// A browser with one page; it ends with the value.
pub struct Browser {
    asked: File,
    told: Receiver<Value>,
    session: String,
    last: u64,
    /// What its console says, and what it complains of.
    complaints: Vec<String>,
    process: Process,
    _folder: TempDir,
}

/// A colour scheme that somebody prefers.
#[derive(Clone, Copy, Debug)]
pub enum Scheme {
    Light,
    Dark,
}

impl Browser {
    /// Starts it on a host, with an empty page.
    pub fn start(host: &Host) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("pxeguard-page-").tempdir()?;
        for name in ["asked", "told"] {
            mkfifo(&folder.path().join(name), Mode::S_IRUSR | Mode::S_IWUSR)?;
        }
        let mut command = Command::new("sh");
        command.args(["-c", START]).arg(folder.path());
        command.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]);
        command.args(["--remote-debugging-pipe", "--disable-extensions", "--disable-background-networking"]);
        command.arg("--disable-component-update").arg("--password-store=basic").arg("--mute-audio");
        command.arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
        command.env("HOME", folder.path()).current_dir("/");
        let process = host.spawn_command(command)?;
        // Each waits until the browser's end is opened, in the same order.
        let asked = OpenOptions::new().write(true).open(folder.path().join("asked"))?;
        let told = BufReader::new(File::open(folder.path().join("told"))?);
        let (sender, receiver) = channel();
        thread::spawn(move || {
            for message in told.split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("the protocol is JSON");
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let (session, complaints) = (String::new(), Vec::new());
        let mut browser = Self { asked, told: receiver, session, last: 0, complaints, process, _folder: folder };
        browser.open_page().with_context(|| format!("chromium does not start: {}", browser.process.output()))?;
        Ok(browser)
    }

    fn open_page(&mut self) -> Result<()> {
        let page = self.ask("Target.createTarget", json!({ "url": "about:blank" }))?;
        let attach = json!({ "targetId": page["targetId"], "flatten": true });
        let attached = self.ask("Target.attachToTarget", attach)?;
        attached["sessionId"].as_str().context("a session has a name")?.clone_into(&mut self.session);
        for domain in ["Page", "Runtime", "Log"] {
            self.ask(&format!("{domain}.enable"), json!({}))?;
        }
        Ok(())
    }

    /// Runs a script before those of each page that is opened from now on.
    pub fn before_each_page(&mut self, script: &str) -> Result<()> {
        self.ask("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).map(drop)
    }

    /// Opens an address, and waits until the page is loaded.
    pub fn open(&mut self, url: &str) -> Result<()> {
        let opened = self.ask("Page.navigate", json!({ "url": url }))?;
        if let Some(why) = opened["errorText"].as_str() {
            bail!("{url}: {why}");
        }
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'").map(drop)
    }

    /// The value of an expression in the page, which may be a promise.
    pub fn value(&mut self, expression: &str) -> Result<Value> {
        let evaluate = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.ask("Runtime.evaluate", evaluate)?;
        if !answer["exceptionDetails"].is_null() {
            bail!("{expression}: {}", answer["exceptionDetails"]);
        }
        Ok(answer["result"]["value"].take())
    }

    /// Waits until an expression is true; how long that took.
    pub fn until(&mut self, expression: &str) -> Result<Duration> {
        let began = Instant::now();
        while self.value(&format!("Boolean({expression})"))? != true {
            if began.elapsed() > SOON {
                let text = self.value("document.body.innerText")?;
                bail!("waited in vain until {expression}; the page says: {text}; it complains: {:?}", self.complaints);
            }
            thread::sleep(GLANCE);
        }
        Ok(began.elapsed())
    }

    /// Presses a button, or whatever a selector names.
    pub fn click(&mut self, selector: &str) -> Result<()> {
        self.until(&format!("document.querySelector({selector:?})"))?;
        self.value(&format!("document.querySelector({selector:?}).click()")).map(drop)
    }

    /// The text of all elements that a selector names, as it is shown.
    pub fn text(&mut self, selector: &str) -> Result<String> {
        let text =
            self.value(&format!("[...document.querySelectorAll({selector:?})].map((e) => e.innerText).join('\\n')"))?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Makes the window so many pixels wide and high, and lets somebody prefer these colours.
    pub fn look(&mut self, width: u32, height: u32, scheme: Scheme) -> Result<()> {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.ask("Emulation.setDeviceMetricsOverride", metrics)?;
        let scheme = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.ask("Emulation.setEmulatedMedia", media).map(drop)
    }

    /// A picture of what is shown, in PNG and Base64.
    pub fn picture(&mut self) -> Result<String> {
        let picture = self.ask("Page.captureScreenshot", json!({ "format": "png" }))?;
        Ok(picture["data"].as_str().context("a picture has data")?.to_owned())
    }

    /// What the console has said of errors until now, and what the browser has complained of.
    pub fn complaints(&mut self) -> Result<Vec<String>> {
        // What was sent before this answer has come before it.
        self.value("1")?;
        Ok(self.complaints.clone())
    }

    fn ask(&mut self, method: &str, parameters: Value) -> Result<Value> {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": parameters });
        if !self.session.is_empty() {
            message["sessionId"] = self.session.as_str().into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.asked.write_all(&bytes).with_context(|| format!("{method}: the browser is gone"))?;
        let deadline = Instant::now() + SOON;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut message = match self.told.recv_timeout(left) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => bail!("{method}: no answer: {}", self.process.output()),
                Err(RecvTimeoutError::Disconnected) => bail!("{method}: it has ended: {}", self.process.output()),
            };
            if message["id"] == self.last {
                if !message["error"].is_null() {
                    bail!("{method}: {}", message["error"]);
                }
                return Ok(message["result"].take());
            }
            self.complaints.extend(complaint(&message));
        }
    }
}

/// What an event complains of, if it is one that does.
fn complaint(event: &Value) -> Option<String> {
    let parameters = &event["params"];
    match event["method"].as_str()? {
        "Runtime.exceptionThrown" => Some(format!("exception: {}", parameters["exceptionDetails"])),
        "Runtime.consoleAPICalled" if parameters["type"] != "log" => Some(format!("console: {parameters}")),
        "Log.entryAdded" => Some(format!("log: {}", parameters["entry"])),
        "Page.javascriptDialogOpening" => Some(format!("dialog: {parameters}")),
        _ => None,
    }
}
