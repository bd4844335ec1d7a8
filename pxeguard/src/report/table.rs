//! The same for people.

use std::fmt::Write;

use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};
use pxeguard_common::verdict::{Reason, Verdict};

use super::{BootAnswers, ClientMessages, Port, Server, Status, TrustEntry};
use crate::time::Timestamp;

/// A column: its heading, and whether it holds numbers.
pub(super) enum Column {
    Text(&'static str),
    Number(&'static str),
    /// Text that is shown only where at least one row has some.
    IfAny(&'static str),
}

pub(super) use Column::{IfAny, Number, Text};

pub(super) fn table<const N: usize>(columns: [Column; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|(Text(heading) | Number(heading) | IfAny(heading))| Cell::new(heading)));
    let mut has_text = [false; N];
    for row in rows {
        for (has_text, text) in has_text.iter_mut().zip(&row) {
            *has_text |= text != NOTHING;
        }
        table.add_row(row.map(|text| Cell::new(printable(&text))));
    }
    for ((column, kind), has_text) in table.column_iter_mut().zip(&columns).zip(has_text) {
        column.set_padding((0, 2));
        if let Number(_) = kind {
            column.set_cell_alignment(CellAlignment::Right);
        }
        if matches!(kind, IfAny(_)) && !has_text {
            column.set_constraint(ColumnConstraint::Hidden);
        }
    }
    table.trim_fmt() + "\n"
}

/// Interfaces may have names that a terminal would obey, or that read from right to left what stands behind them; so may
/// files that a client asks for.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || turns_text(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Unicode's marks, embeddings, overrides and isolates of direction (UAX #9 §2).
const fn turns_text(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What stands where there is nothing.
const NOTHING: &str = "-";

pub(super) fn dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| value.to_string())
}

/// The daemon as a whole, one fact a line.
pub fn status_table(status: &Status, now: Timestamp) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        writeln!(text, "{name:<12} {}", printable(value)).expect("a string takes everything");
    };
    let ifaces: Vec<_> = status.ifaces.iter().map(ToString::to_string).collect();
    line("pxeguard", &format!("{}, process {}, started {}", status.version, status.pid, status.since.ago(now)));
    line("mode", &status.mode);
    line("interfaces", &ifaces.join(", "));
    line("ports", &format!("{} guarded", status.ports));
    line(
        "servers",
        &match status.servers {
            0 => "nothing yet".to_owned(),
            servers => format!("{servers} seen"),
        },
    );
    for verdict in Verdict::ALL {
        let reasons = status.totals.iter().filter(|(name, _, count)| *name == verdict.name() && *count > 0);
        let reasons: Vec<_> = reasons.map(|(_, reason, count)| format!("{reason} {count}")).collect();
        let total = status.totals.of_verdict(verdict).to_string();
        let detail = if reasons.is_empty() { total } else { format!("{total} ({})", reasons.join(", ")) };
        line(&verdict.name().replace('_', " "), &detail);
    }
    let ClientMessages { passed, cut, would_cut } = status.client_messages;
    let exceeding = [(cut, "cut"), (would_cut, "would be cut")].map(|(count, verb)| match count {
        0 => String::new(),
        count => format!(", {count} {verb}"),
    });
    line("from clients", &format!("{passed} passed{}", exceeding.concat()));
    if let Some(BootAnswers { daemon, kernel }) = &status.boot_answers {
        let kernel = kernel.as_ref().map(|kernel| format!("{} in the kernel, ", kernel.offers + kernel.boot_server));
        line("answered", &format!("{}{daemon} by the daemon", kernel.unwrap_or_default()));
    }
    if status.events_lost > 0 {
        line("events lost", &status.events_lost.to_string());
    }
    for problem in &status.problems {
        line("problem", problem);
    }
    text
}

/// The servers, and how those that are not trusted would be.
pub fn servers_table(servers: &[Server], now: Timestamp) -> String {
    if servers.is_empty() {
        return "nothing yet: no DHCP or PXE server's reply came in by a guarded port\n".to_owned();
    }
    let columns = [
        Text("PORT"),
        IfAny("GUEST"),
        Text("MAC"),
        Number("VLAN"),
        Text("IP"),
        Text("TRUST"),
        Number("PASSED"),
        Number("DROPPED"),
        Number("WOULD-DROP"),
        Text("LAST SEEN"),
    ];
    let rows = servers.iter().map(|server| {
        [
            server.port.clone(),
            dash(server.guest.as_ref()),
            server.mac.to_string(),
            dash(server.vlan),
            server.ip.to_string(),
            match &server.class {
                Some(class) => class.clone(),
                None if server.reason == Reason::Spoof.name() => "spoof".to_owned(),
                None => "no".to_owned(),
            },
            server.passed.to_string(),
            server.dropped.to_string(),
            server.would_drop.to_string(),
            server.last_seen.ago(now),
        ]
    });
    let mut text = table(columns, rows);
    let mut trusts: Vec<_> = servers.iter().filter_map(Server::missing_trust).map(|trust| trust.to_option()).collect();
    trusts.sort_unstable();
    trusts.dedup();
    if !trusts.is_empty() {
        text.push_str("\nTo trust a server that is not, if it is yours, give pxeguard run:\n");
    }
    for trust in &trusts {
        writeln!(text, "  {trust}").expect("a string takes everything");
    }
    text
}

/// The ports.
pub fn ports_table(ports: &[Port], now: Timestamp) -> String {
    if ports.is_empty() {
        return "nothing yet: none of the interfaces to guard is there, or the bridge has no ports\n".to_owned();
    }
    let columns = [
        Text("PORT"),
        IfAny("GUEST"),
        Text("BRIDGE"),
        Text("KIND"),
        Text("HOOK"),
        Text("GUARDED"),
        Number("PASSED"),
        Number("DROPPED"),
        Number("WOULD-DROP"),
        Number("CUT"),
        Text("REASON"),
    ];
    let rows = ports.iter().map(|port| {
        [
            port.name.clone(),
            dash(port.guest.as_ref()),
            dash(port.bridge.as_ref()),
            port.kind.clone(),
            dash(port.hook.as_ref()),
            port.guarded_since.map_or_else(|| "no".to_owned(), |since| since.ago(now)),
            port.passed.to_string(),
            port.dropped.to_string(),
            port.would_drop.to_string(),
            port.client_messages.cut.to_string(),
            port.reason.clone(),
        ]
    });
    table(columns, rows)
}

/// Who is trusted.
pub fn trusts_table(trusts: &[TrustEntry]) -> String {
    if trusts.is_empty() {
        return "nothing yet: nobody is trusted but this host itself\n".to_owned();
    }
    let columns = [Text("TRUST"), Text("SOURCE"), Text("FIRST SEEN AT"), Text("NOTE")];
    let rows = trusts.iter().map(|entry| {
        let note = entry.note.clone().unwrap_or_default();
        [entry.trust.to_string(), entry.source.name().to_owned(), dash(entry.bound.as_ref()), note]
    });
    table(columns, rows)
}
