//! The machines that boot, or try to.

use std::net::Ipv4Addr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::table::{Number, Text, dash, table};
use crate::time::Timestamp;
use crate::trust::MacAddress;

/// A client, and how its last boot went.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct BootClient {
    /// Its Ethernet address; `None` where only its IP address is known.
    pub mac: Option<MacAddress>,
    /// Its address, once it has one.
    pub ip: Option<Ipv4Addr>,
    /// Its architecture: a platform's name, or a number of option 93 that is no platform's, such as `0x02`.
    pub arch: Option<String>,
    /// What asked last: `PXEClient`, `HTTPClient` or `iPXE`.
    pub kind: Option<String>,
    /// Name of the interface by which it asked.
    pub iface: Option<String>,
    /// The VLAN.
    pub vlan: Option<u16>,
    /// Where it stands.
    pub state: ClientState,
    /// The same in words, with the cause where there is one.
    pub explanation: String,
    /// How it was answered last.
    pub strategy: Option<String>,
    /// The file that it fetches or fetched last; else the one that it was offered.
    pub file: Option<String>,
    /// Bytes of that file that have arrived.
    pub bytes: Option<u64>,
    /// Length of that file in bytes.
    pub len: Option<u64>,
    /// How fast it came, in bytes per second.
    pub rate: Option<u64>,
    /// Datagrams of that file that were sent again.
    pub resent: u64,
    /// When it asked for the first time.
    pub first_seen: Timestamp,
    /// When it was heard of last.
    pub last_seen: Timestamp,
    /// Its last attempts to boot, the newest first; empty where there are too many clients to show them all.
    pub attempts: Vec<BootAttempt>,
}

/// Where a client stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientState {
    /// It asked, and has no answer yet.
    Asked,
    /// It asked, and was not answered.
    Refused,
    /// It was answered.
    Offered,
    /// It was answered, and has not come for the file.
    Silent,
    /// It is fetching a file.
    Loading,
    /// It has its file.
    Loaded,
    /// It did not get its file.
    Failed,
    /// Nothing was heard of it for a while, after all had gone well.
    Idle,
}

/// One boot of a client, from its first question to the last file.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct BootAttempt {
    /// When it began.
    pub began: Timestamp,
    /// Questions to port 67.
    pub asked: u64,
    /// Questions to port 4011.
    pub asked_4011: u64,
    /// Answers to either.
    pub answered: u64,
    /// How it was answered last.
    pub strategy: Option<String>,
    /// The file or URL that it was offered last.
    pub offered: Option<String>,
    /// Why it was not answered, if it was not.
    pub refused: Option<String>,
    /// What it fetched, in order; of many, the last ones.
    pub files: Vec<BootFile>,
}

/// A file that a client fetched, or tried to.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct BootFile {
    /// Its name.
    pub file: String,
    /// `tftp` or `http`.
    pub via: String,
    /// Bytes that have arrived.
    pub bytes: u64,
    /// Its length in bytes; `None` where it was not served.
    pub len: Option<u64>,
    /// How fast it came, in bytes per second; `None` where too little came to tell.
    pub rate: Option<u64>,
    /// Datagrams that were sent again.
    pub resent: u64,
    /// How it went.
    pub result: FileResult,
    /// Why not, if it failed or was denied.
    pub why: Option<String>,
    /// When it was asked for.
    pub began: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// How a transfer went.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileResult {
    /// It goes on.
    Loading,
    /// It arrived.
    Done,
    /// Only its length was wanted.
    Probe,
    /// It broke off.
    Failed,
    /// It was not served.
    Denied,
}

/// The machines that boot.
pub fn clients_table(clients: &[BootClient], now: Timestamp) -> String {
    if clients.is_empty() {
        return "nothing yet: no PXE or HTTP boot client asked by a guarded interface\n".to_owned();
    }
    let columns =
        [Text("MAC"), Text("IP"), Text("ARCH"), Text("IFACE"), Number("VLAN"), Text("LAST SEEN"), Text("STATE")];
    let rows = clients.iter().map(|client| {
        [
            dash(client.mac),
            dash(client.ip),
            dash(client.arch.as_ref()),
            dash(client.iface.as_ref()),
            dash(client.vlan),
            client.last_seen.ago(now),
            client.explanation.clone(),
        ]
    });
    table(columns, rows)
}

/// A rate for people, in bytes per second and the units of network cards' makers: `12.3 MB/s`.
pub fn rate_in_words(bytes_per_s: u64) -> String {
    size_in_words(bytes_per_s) + "/s"
}

/// A size for people: `999 B`, `12.3 kB`, `1.0 GB`.
pub fn size_in_words(bytes: u64) -> String {
    // 999,950 would be written as 1000.0 kB.
    const UNITS: [(f64, &str); 3] = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    let unit = UNITS.iter().find(|(unit, _)| bytes as f64 >= unit * 0.999_95);
    unit.map_or_else(|| format!("{bytes} B"), |(unit, name)| format!("{:.1} {name}", bytes as f64 / unit))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use serde_json::Value;

    use super::*;

    const NOW: Timestamp = Timestamp(UNIX_EPOCH);

    fn client() -> BootClient {
        BootClient {
            mac: "52:54:00:12:34:56".parse().ok(),
            ip: Some(Ipv4Addr::new(10, 0, 0, 9)),
            arch: Some("efi-x64".to_owned()),
            kind: Some("PXEClient".to_owned()),
            iface: Some("vmbr0".to_owned()),
            vlan: None,
            state: ClientState::Loading,
            explanation: "loading ipxe.efi: 43 % at 12.0 MB/s".to_owned(),
            strategy: Some("direct".to_owned()),
            file: Some("ipxe.efi".to_owned()),
            bytes: Some(430),
            len: Some(1000),
            rate: Some(12_000_000),
            resent: 0,
            first_seen: NOW,
            last_seen: NOW,
            attempts: vec![BootAttempt {
                began: NOW,
                asked: 1,
                asked_4011: 0,
                answered: 1,
                strategy: Some("direct".to_owned()),
                offered: Some("ipxe.efi".to_owned()),
                refused: None,
                files: vec![BootFile {
                    file: "ipxe.efi".to_owned(),
                    via: "tftp".to_owned(),
                    bytes: 430,
                    len: Some(1000),
                    rate: Some(12_000_000),
                    resent: 0,
                    result: FileResult::Loading,
                    why: None,
                    began: NOW,
                    took_ms: 36,
                }],
            }],
        }
    }

    fn keys(value: &Value) -> String {
        value.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_client_has_the_documented_fields() {
        let json = serde_json::to_value(client()).unwrap();
        assert_eq!(
            keys(&json),
            "arch attempts bytes explanation file first_seen iface ip kind last_seen len mac rate resent state strategy vlan"
        );
        assert_eq!((&json["state"], &json["bytes"], &json["vlan"]), (&"loading".into(), &430.into(), &Value::Null));
        let attempt = &json["attempts"][0];
        assert_eq!(keys(attempt), "answered asked asked_4011 began files offered refused strategy");
        assert_eq!(keys(&attempt["files"][0]), "began bytes file len rate resent result took_ms via why");
    }

    #[test]
    fn the_table_has_a_line_for_each() {
        let text = clients_table(&[client()], NOW);
        let lines: Vec<_> = text.lines().collect();
        let expected = [
            "MAC                IP        ARCH     IFACE  VLAN  LAST SEEN  STATE",
            "52:54:00:12:34:56  10.0.0.9  efi-x64  vmbr0     -  0s ago     loading ipxe.efi: 43 % at 12.0 MB/s",
        ];
        assert_eq!(lines, expected);
        assert!(clients_table(&[], NOW).starts_with("nothing yet: "));
    }

    #[test]
    fn a_file_cannot_command_the_terminal() {
        let hostile = BootClient { explanation: "did not get a\u{1b}[2J".to_owned(), ..client() };
        assert!(!clients_table(&[hostile], NOW).contains('\u{1b}'));
    }

    #[test]
    fn sizes_have_four_digits_at_the_most() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (12_345_678, "12.3 MB"),
            (5_000_000_000, "5.0 GB"),
        ];
        for (bytes, told) in cases {
            assert_eq!(size_in_words(bytes), told);
        }
    }
}
