//! An evening in a hall: a rogue, machines that boot, and what is drawn of it.

use std::net::Ipv4Addr;
use std::time::Duration;

use pxeguard_common::verdict::{Judgement, Reason, Verdict};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::report::{
    Alert, AlertKind, BootClient, ClientMessages, ClientState, Overview, Port, Server, Status, Totals,
};
use crate::time::Timestamp;
use crate::trust::MacAddress;
use crate::watch::app::{App, Effect};
use crate::watch::theme::Theme;
use crate::watch::view;

pub const SERVER: &str = "52:54:00:12:34:56";
pub const ROGUE: &str = "7e:d6:93:fe:6b:e9";

/// So many seconds after it began.
pub fn at(seconds: f64) -> Timestamp {
    Timestamp::from_realtime_ns(1_800_000_000_000_000_000 + (seconds * 1e9) as u64)
}

/// The moment at which it is looked at.
pub fn now() -> Timestamp {
    at(7200.0)
}

fn totals(passed: u64, dropped: u64) -> Totals {
    Totals::new(|judgement| match judgement {
        Judgement { verdict: Verdict::Pass, reason: Reason::Trusted } => passed,
        Judgement { verdict: Verdict::Drop, reason: Reason::Untrusted } => dropped,
        _ => 0,
    })
}

fn server(mac: &str, port: &str, guest: Option<&str>, class: Option<&str>, counts: [u64; 2]) -> Server {
    Server {
        mac: mac.parse().unwrap(),
        ip: Ipv4Addr::new(10, if class.is_some() { 1 } else { 2 }, 0, 1),
        server_id: None,
        vlan: None,
        port: port.to_owned(),
        guest: guest.map(str::to_owned),
        trusted: class.is_some(),
        class: class.map(str::to_owned),
        offers: 0,
        acks: 0,
        naks: 0,
        other: 0,
        passed: counts[0],
        dropped: counts[1],
        would_drop: 0,
        reason: if class.is_some() { "trusted" } else { "untrusted" }.to_owned(),
        first_seen: at(0.0),
        last_seen: at(7197.0),
        relayed: 0,
        pxe: 0,
    }
}

fn port(number: u32, name: &str, guest: Option<&str>, counts: [u64; 2]) -> Port {
    let is_tap = name.starts_with("tap");
    Port {
        name: name.to_owned(),
        ifindex: number,
        kind: if is_tap { "tap" } else { "physical" }.to_owned(),
        hook: Some(if is_tap { "tcx" } else { "xdp" }.to_owned()),
        reason: if is_tap { "a tap port: XDP costs bulk throughput" } else { "the driver igb runs XDP" }.to_owned(),
        guarded_since: Some(at(0.0)),
        passed: counts[0],
        dropped: counts[1],
        bridge: Some("vmbr0".to_owned()),
        would_drop: 0,
        unlisted: 0,
        servers: 1,
        client_messages: ClientMessages::default(),
        driver: None,
        xdp_features: None,
        guest: guest.map(str::to_owned),
    }
}

/// A client that has `bytes` of 64 MB.
pub fn client(number: u8, state: ClientState, bytes: Option<u64>, explanation: &str) -> BootClient {
    BootClient {
        mac: Some(MacAddress([0x52, 0x54, 0, 0xaa, 0, number])),
        ip: Some(Ipv4Addr::new(10, 1, 0, 100 + number % 100)),
        arch: Some(if number.is_multiple_of(2) { "efi-x64" } else { "bios" }.to_owned()),
        kind: Some("PXEClient".to_owned()),
        iface: Some("vmbr0".to_owned()),
        vlan: None,
        state,
        explanation: explanation.to_owned(),
        strategy: Some("direct".to_owned()),
        file: Some("initrd.gz".to_owned()),
        bytes,
        len: bytes.map(|_| 64_000_000),
        rate: bytes.map(|_| 11_800_000),
        resent: 0,
        first_seen: at(7190.0),
        last_seen: at(7199.0),
        attempts: Vec::new(),
    }
}

fn loading(number: u8, bytes: u64) -> BootClient {
    client(number, ClientState::Loading, Some(bytes), "loading debian-installer/amd64/initrd.gz")
}

fn alert() -> Alert {
    Alert {
        id: 1,
        kind: AlertKind::UntrustedServer,
        subject: format!("{ROGUE} at tap101i0"),
        mac: ROGUE.parse().ok(),
        port: Some("tap101i0".to_owned()),
        message: "a server that nobody trusts offers 10.2.0.73 at tap101i0; its replies are dropped".to_owned(),
        next: "stop it in guest 101, or trust it".to_owned(),
        count: 1412,
        opened: at(7080.0),
        last_seen: at(7199.0),
        closed: None,
    }
}

/// What the daemon says after so many seconds, when so many replies had passed and been dropped.
pub fn overview(seconds: f64, passed: u64, dropped: u64) -> Overview {
    Overview {
        at: at(seconds),
        status: Status {
            version: "0.1.0".to_owned(),
            pid: 42,
            mode: "enforce".to_owned(),
            since: at(0.0),
            ifaces: vec!["vmbr0".parse().unwrap()],
            ports: 3,
            servers: 2,
            totals: totals(passed, dropped),
            client_messages: ClientMessages::default(),
            events_lost: 0,
            boot_answers: None,
            problems: Vec::new(),
        },
        ports: vec![
            port(2, "eno1", None, [passed, 0]),
            port(7, "tap100i0", Some("100 (web01) net0"), [0, 0]),
            port(8, "tap101i0", Some("101 (lab) net0"), [0, dropped]),
        ],
        servers: vec![
            server(SERVER, "eno1", None, Some("dhcp"), [passed, 0]),
            server(ROGUE, "tap101i0", Some("101 (lab) net0"), None, [0, dropped]),
        ],
        clients: vec![
            loading(2, 27_520_000),
            client(1, ClientState::Failed, Some(9_000_000), "did not get undionly.kpxe: no acknowledgement of block 7"),
            loading(4, 61_000_000),
            client(6, ClientState::Loaded, Some(64_000_000), "has loaded memtest86+x64.efi"),
            client(3, ClientState::Offered, None, "offered undionly.kpxe (direct)"),
        ],
        alerts: vec![alert()],
    }
}

/// An app that has looked on for a while.
pub fn app() -> App {
    let mut app = App::new(overview(7140.0, 0, 0));
    let (mut passed, mut dropped) = (0, 0);
    for half_second in 1..=120_u64 {
        passed += 3 + half_second * half_second % 17;
        dropped += if half_second > 40 { 200 + half_second * 37 % 340 } else { 0 };
        app.on_overview(overview(7140.0 + half_second as f64 / 2.0, passed, dropped));
    }
    app
}

/// What is drawn.
pub fn drawn(app: &App, theme: Theme, (width, height): (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| view::draw(app, theme, now(), frame)).unwrap();
    terminal.backend().buffer().clone()
}

/// The same as text.
pub fn text(app: &App, size: (u16, u16)) -> Vec<String> {
    let buffer = drawn(app, Theme::PLAIN, size);
    let line = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..buffer.area.height).map(line).collect()
}

pub fn press(app: &mut App, code: KeyCode) -> Effect {
    app.on_key(KeyEvent::new(code, KeyModifiers::NONE))
}

pub fn press_all(app: &mut App, keys: &str) {
    for key in keys.chars() {
        assert_eq!(press(app, KeyCode::Char(key)), Effect::Draw);
    }
}

/// Some time later.
pub fn later(seconds: u64) -> Timestamp {
    Timestamp(now().0 + Duration::from_secs(seconds))
}
