//! The four lists: their columns and rows, as text.

use super::theme::Tone;
use crate::report::{Alert, BootClient, ClientState, Overview, Port, Server, printable, rate_in_words, size_in_words};
use crate::time::Timestamp;

/// A list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Panel {
    /// What somebody should look at.
    Alerts,
    /// Who answers.
    Servers,
    /// Who boots.
    Clients,
    /// What is guarded.
    Ports,
}

/// A column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Column {
    pub heading: &'static str,
    /// Its width at the most, in characters; 0 for what is left.
    pub width: u16,
    /// Numbers stand to the right.
    pub is_number: bool,
    /// Which columns are left out first where there is no room: those with the highest number; 0 for never.
    pub spare: u8,
}

/// A line of a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Row {
    /// By what it is known again when the list is asked for anew.
    pub key: String,
    pub cells: Vec<Cell>,
}

/// A piece of a line.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Cell {
    pub text: String,
    pub tone: Tone,
    /// How full a bar is that stands in front of the text, in thousandths.
    pub bar: Option<u16>,
}

const fn text(heading: &'static str, width: u16) -> Column {
    Column { heading, width, is_number: false, spare: 0 }
}

const fn number(heading: &'static str, width: u16) -> Column {
    Column { heading, width, is_number: true, spare: 0 }
}

impl Column {
    const fn spare(self, spare: u8) -> Self {
        Self { spare, ..self }
    }
}

const GUEST: Column = text("GUEST", 18);

impl Panel {
    /// All of them, from top to bottom.
    pub const ALL: [Self; 4] = [Self::Alerts, Self::Servers, Self::Clients, Self::Ports];

    /// Its title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Alerts => "Alerts",
            Self::Servers => "Servers",
            Self::Clients => "Clients",
            Self::Ports => "Ports",
        }
    }

    /// What stands there while it has no rows.
    pub const fn empty(self) -> &'static str {
        match self {
            Self::Alerts => "none is open",
            Self::Servers => "no DHCP or PXE server's reply came in yet",
            Self::Clients => "no PXE or HTTP boot client asked yet",
            Self::Ports => "none of the interfaces is there, or the bridge has no ports",
        }
    }

    /// Columns and rows, as they are to be read.
    pub fn list(self, overview: &Overview, now: Timestamp) -> (Vec<Column>, Vec<Row>) {
        match self {
            Self::Alerts => alerts(&overview.alerts, now),
            Self::Servers => servers(&overview.servers, now),
            Self::Clients => clients(&overview.clients, now),
            Self::Ports => ports(&overview.ports, now),
        }
    }
}

fn cell(text: impl ToString) -> Cell {
    toned(text, Tone::Plain)
}

fn toned(text: impl ToString, tone: Tone) -> Cell {
    Cell { text: printable(&text.to_string()), tone, bar: None }
}

fn dash(value: Option<impl ToString>) -> Cell {
    value.map_or_else(|| toned("-", Tone::Dim), |value| cell(value.to_string()))
}

/// A count that should be 0.
fn trouble(count: u64, tone: Tone) -> Cell {
    toned(count, if count == 0 { Tone::Dim } else { tone })
}

/// `5s`, `2h 5m`.
fn age(then: Timestamp, now: Timestamp) -> String {
    then.ago(now).trim_end_matches(" ago").to_owned()
}

/// Takes a column out that says nothing at the moment.
fn without(heading: &str, (columns, rows): (&mut Vec<Column>, &mut [Row])) {
    if let Some(at) = columns.iter().position(|column| column.heading == heading) {
        columns.remove(at);
        rows.iter_mut().for_each(|row| drop(row.cells.remove(at)));
    }
}

fn alerts(alerts: &[Alert], now: Timestamp) -> (Vec<Column>, Vec<Row>) {
    let columns = vec![text("SINCE", 8), text("ALERT", 21), number("COUNT", 7).spare(1), text("WHAT", 0)];
    let row = |alert: &Alert| {
        let (since, tone) = match alert.closed {
            None => (age(alert.opened, now), Tone::Bad),
            Some(_) => ("closed".to_owned(), Tone::Dim),
        };
        let what = format!("{}; {}", alert.message, alert.next);
        let cells = vec![
            toned(since, tone),
            toned(alert.kind.name().replace('_', " "), tone),
            cell(alert.count),
            toned(what, if alert.closed.is_some() { Tone::Dim } else { Tone::Plain }),
        ];
        Row { key: alert.id.to_string(), cells }
    };
    (columns, alerts.iter().map(row).collect())
}

fn servers(servers: &[Server], now: Timestamp) -> (Vec<Column>, Vec<Row>) {
    let mut columns = vec![
        text("PORT", 15),
        GUEST,
        text("MAC", 17),
        number("VLAN", 4),
        text("IP", 15).spare(1),
        text("TRUST", 7),
        number("PASSED", 9).spare(2),
        number("DROPPED", 9),
        number("WOULD-DROP", 10),
        number("LAST", 7).spare(3),
    ];
    let mut servers: Vec<&Server> = servers.iter().collect();
    // Who should not be there first, and of those who does most.
    servers.sort_by_key(|server| (server.trusted, u64::MAX - server.dropped - server.would_drop));
    let row = |server: &&Server| {
        let (trust, tone) = match &server.class {
            Some(class) => (class.as_str(), Tone::Good),
            None if server.reason == "spoof" => ("spoof", Tone::Bad),
            None if server.dropped > 0 => ("blocked", Tone::Bad),
            None => ("no", Tone::Warn),
        };
        let vlan = server.vlan.map(|vlan| vlan.to_string());
        let key = format!("{} {} {} {vlan:?} {:?}", server.port, server.mac, server.ip, server.server_id);
        let cells = vec![
            cell(&server.port),
            dash(server.guest.as_ref()),
            toned(server.mac, tone),
            dash(vlan),
            cell(server.ip),
            toned(trust, tone),
            cell(server.passed),
            trouble(server.dropped, Tone::Bad),
            trouble(server.would_drop, Tone::Warn),
            cell(age(server.last_seen, now)),
        ];
        Row { key, cells }
    };
    let mut rows: Vec<Row> = servers.iter().map(row).collect();
    let guests = servers.iter().any(|server| server.guest.is_some());
    let vlans = servers.iter().any(|server| server.vlan.is_some());
    let observed = servers.iter().any(|server| server.would_drop > 0);
    for (heading, _) in [("GUEST", guests), ("VLAN", vlans), ("WOULD-DROP", observed)].iter().filter(|(_, any)| !any) {
        without(heading, (&mut columns, &mut rows));
    }
    (columns, rows)
}

fn clients(clients: &[BootClient], now: Timestamp) -> (Vec<Column>, Vec<Row>) {
    let columns = vec![
        text("MAC", 17),
        text("IP", 15).spare(1),
        text("ARCH", 9).spare(2),
        number("LAST", 7).spare(3),
        text("PROGRESS", 22),
        text("STATE", 0),
    ];
    let mut clients: Vec<&BootClient> = clients.iter().collect();
    // By what they are at, and then always in the same order: rows that jump cannot be read.
    clients.sort_by_key(|client| (rank(client.state), client.mac, client.ip));
    let row = |client: &&BootClient| {
        let tone = tone(client.state);
        let key = client.mac.map_or_else(|| format!("{:?}", client.ip), |mac| mac.to_string());
        let cells = vec![
            toned(client.mac.map_or_else(|| "-".to_owned(), |mac| mac.to_string()), tone),
            dash(client.ip),
            dash(client.arch.as_ref()),
            cell(age(client.last_seen, now)),
            progress(client),
            toned(&client.explanation, tone),
        ];
        Row { key, cells }
    };
    (columns, clients.iter().map(row).collect())
}

/// The clients that need somebody come first.
const fn rank(state: ClientState) -> u8 {
    match state {
        ClientState::Failed | ClientState::Refused | ClientState::Silent => 0,
        ClientState::Loading => 1,
        ClientState::Asked | ClientState::Offered => 2,
        ClientState::Loaded => 3,
        ClientState::Idle => 4,
    }
}

const fn tone(state: ClientState) -> Tone {
    match state {
        ClientState::Failed | ClientState::Refused => Tone::Bad,
        ClientState::Silent => Tone::Warn,
        ClientState::Loading => Tone::Busy,
        ClientState::Asked | ClientState::Offered => Tone::Plain,
        ClientState::Loaded => Tone::Good,
        ClientState::Idle => Tone::Dim,
    }
}

/// A bar where the length is known, and the rate while it comes.
fn progress(client: &BootClient) -> Cell {
    let (Some(bytes), tone) = (client.bytes, tone(client.state)) else { return Cell::default() };
    let bar = client.len.filter(|len| *len > 0).map(|len| (bytes.min(len) as u128 * 1000 / u128::from(len)) as u16);
    let words = match client.rate.filter(|_| client.state == ClientState::Loading) {
        Some(rate) => rate_in_words(rate),
        None => size_in_words(bytes),
    };
    Cell { bar, ..toned(words, tone) }
}

fn ports(ports: &[Port], now: Timestamp) -> (Vec<Column>, Vec<Row>) {
    let mut columns = vec![
        text("PORT", 15),
        GUEST,
        text("KIND", 8).spare(4),
        text("HOOK", 7),
        number("GUARDED", 8).spare(2),
        number("PASSED", 9).spare(1),
        number("DROPPED", 9),
        number("WOULD-DROP", 10),
        number("CUT", 7),
        text("REASON", 0).spare(3),
    ];
    let row = |port: &Port| {
        let (hook, guarded) = match (&port.hook, port.guarded_since) {
            (Some(hook), Some(since)) => (cell(hook), cell(age(since, now))),
            _ => (toned("none", Tone::Bad), toned("no", Tone::Bad)),
        };
        let cells = vec![
            cell(&port.name),
            dash(port.guest.as_ref()),
            cell(&port.kind),
            hook,
            guarded,
            cell(port.passed),
            trouble(port.dropped, Tone::Bad),
            trouble(port.would_drop, Tone::Warn),
            trouble(port.client_messages.cut, Tone::Bad),
            toned(&port.reason, if port.hook.is_some() { Tone::Dim } else { Tone::Bad }),
        ];
        Row { key: port.ifindex.to_string(), cells }
    };
    let mut rows: Vec<Row> = ports.iter().map(row).collect();
    let guests = ports.iter().any(|port| port.guest.is_some());
    let observed = ports.iter().any(|port| port.would_drop > 0);
    for (heading, _) in [("GUEST", guests), ("WOULD-DROP", observed)].iter().filter(|(_, any)| !any) {
        without(heading, (&mut columns, &mut rows));
    }
    (columns, rows)
}
