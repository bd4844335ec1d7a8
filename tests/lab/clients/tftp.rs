//! Real TFTP clients.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::Host;

/// Where a client stores what it fetches.
const FETCHED: &str = "/run/lab/fetched";

/// Time for a large file over a bad wire.
const PATIENCE: Duration = Duration::from_secs(120);

/// A TFTP client program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TftpClient {
    /// atftp.
    Atftp,
    /// H. Peter Anvin's tftp, in Debian's package tftp-hpa.
    TftpHpa,
    /// curl.
    Curl,
}

impl TftpClient {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Atftp, Self::TftpHpa, Self::Curl];

    /// The program that has to be installed.
    pub fn program(self) -> &'static str {
        match self {
            Self::Atftp => "atftp",
            Self::TftpHpa => "tftp",
            Self::Curl => "curl",
        }
    }

    /// Fetches a file; its SHA-256 in hex, or an error with what the client said.
    ///
    /// Of the options `blksize` and `windowsize`, given as `(name, value)`, curl knows only the first, tftp-hpa none.
    pub fn fetch(self, host: &Host, server: Ipv4Addr, file: &str, options: &[(&str, u16)]) -> Result<String> {
        host.run(["mkdir", "-p", "/run/lab"])?;
        host.run(["rm", "-f", FETCHED])?;
        let server = server.to_string();
        let mut command: Vec<String> = match self {
            Self::Atftp => ["atftp", "--get", "-r", file, "-l", FETCHED],
            Self::TftpHpa => ["tftp", "-m", "octet", &server, "-c", "get"],
            // Without it curl asks again only after 72 s, if its first request is lost.
            Self::Curl => ["curl", "-sS", "--connect-timeout", "15", "-o", FETCHED],
        }
        .map(str::to_owned)
        .to_vec();
        for (name, value) in options {
            match self {
                Self::Atftp => command.extend(["--option".to_owned(), format!("{name} {value}")]),
                Self::Curl if *name == "blksize" => command.extend(["--tftp-blksize".to_owned(), value.to_string()]),
                Self::TftpHpa | Self::Curl => {}
            }
        }
        match self {
            Self::Atftp => command.push(server),
            Self::TftpHpa => command.extend([file.to_owned(), FETCHED.to_owned()]),
            Self::Curl => command.push(format!("tftp://{server}/{file}")),
        }
        let client = host.spawn(&command)?;
        let status = client.wait(PATIENCE)?;
        let said = client.output();
        // tftp-hpa says that it failed, and nothing else does.
        let failed = !status.success() || said.contains("Error code") || said.contains("timed out");
        ensure!(!failed, "{}: {status}: {said}", command.join(" "));
        let sum = host.run(["sha256sum", FETCHED])?;
        Ok(sum.split_whitespace().next().unwrap_or_default().to_owned())
    }
}
