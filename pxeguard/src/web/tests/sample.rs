//! One of each that there is to see.

use std::net::Ipv4Addr;
use std::time::{Duration, UNIX_EPOCH};

use crate::clients::KernelAnswers;
use crate::report::{
    Alert, AlertKind, BootAnswers, BootClient, Cause, ClientMessages, ClientState, Explanation, Likelihood, Outcome,
    Overview, Port, Sample, ScreenMessage, Server, Status, Timeline, TimelineStep, Totals, TrustEntry,
};
use crate::time::Timestamp;
use crate::trust::{MacAddress, Source};

/// After so many seconds.
fn at(seconds: u64) -> Timestamp {
    Timestamp(UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds))
}

/// An alert and a client of each kind, a server that is trusted, one that is not, and a port.
pub(in crate::web) fn overview() -> Overview {
    Overview {
        at: at(60),
        status: status(),
        ports: vec![port()],
        servers: vec![server([0x52, 0x54, 0, 0, 0, 1], true), server([2, 0, 0, 0, 0, 0x66], false)],
        clients: vec![client(Some("52:54:00:12:34:56")), client(None)],
        alerts: vec![alert(None), alert(Some(at(50)))],
    }
}

fn status() -> Status {
    Status {
        version: "0.1.0".to_owned(),
        pid: 42,
        mode: "enforce".to_owned(),
        since: at(0),
        ifaces: vec!["vmbr0".parse().unwrap()],
        ports: 1,
        servers: 2,
        totals: Totals::new(|_| 3),
        client_messages: ClientMessages { passed: 8, cut: 7, would_cut: 0 },
        events_lost: 0,
        boot_answers: Some(BootAnswers { daemon: 2, kernel: Some(KernelAnswers::default()) }),
        problems: vec!["eno9 is not there".to_owned()],
    }
}

fn port() -> Port {
    Port {
        name: "tap1".to_owned(),
        ifindex: 2,
        guest: Some("100 (web01) net0".to_owned()),
        kind: "tap".to_owned(),
        hook: Some("tcx".to_owned()),
        reason: "a tap port".to_owned(),
        guarded_since: Some(at(1)),
        passed: 1,
        dropped: 2,
        bridge: Some("vmbr0".to_owned()),
        would_drop: 0,
        unlisted: 0,
        servers: 1,
        client_messages: ClientMessages::default(),
        driver: Some("tun".to_owned()),
        xdp_features: None,
    }
}

fn server(mac: [u8; 6], trusted: bool) -> Server {
    let ip = Ipv4Addr::new(10, 0, 0, mac[5]);
    Server {
        mac: MacAddress(mac),
        ip,
        server_id: Some(ip),
        vlan: None,
        port: "tap1".to_owned(),
        guest: None,
        trusted,
        class: trusted.then(|| "dhcp".to_owned()),
        offers: 3,
        acks: 2,
        naks: 0,
        other: 0,
        passed: if trusted { 5 } else { 0 },
        dropped: if trusted { 0 } else { 5 },
        would_drop: 0,
        reason: if trusted { "trusted" } else { "untrusted" }.to_owned(),
        first_seen: at(2),
        last_seen: at(59),
        relayed: 0,
        pxe: 0,
    }
}

fn client(mac: Option<&str>) -> BootClient {
    BootClient {
        mac: mac.map(|mac| mac.parse().unwrap()),
        ip: Some(Ipv4Addr::new(10, 0, 0, 9)),
        arch: Some("efi-x64".to_owned()),
        kind: Some("PXEClient".to_owned()),
        iface: Some("vmbr0".to_owned()),
        vlan: Some(5),
        state: ClientState::Loading,
        explanation: "loading ipxe.efi: 43 % at 12.0 MB/s".to_owned(),
        strategy: Some("direct".to_owned()),
        file: Some("ipxe.efi".to_owned()),
        bytes: Some(430),
        len: Some(1000),
        rate: Some(12_000_000),
        resent: 0,
        first_seen: at(3),
        last_seen: at(58),
        attempts: Vec::new(),
    }
}

fn alert(closed: Option<Timestamp>) -> Alert {
    Alert {
        id: if closed.is_some() { 1 } else { 2 },
        kind: AlertKind::UntrustedServer,
        subject: "02:00:00:00:00:66 at tap1".to_owned(),
        mac: Some(MacAddress([2, 0, 0, 0, 0, 0x66])),
        port: Some("tap1".to_owned()),
        message: "a server that is not trusted answers".to_owned(),
        next: "unplug it".to_owned(),
        count: 5,
        opened: at(2),
        last_seen: at(59),
        closed,
    }
}

pub(super) fn explanation(mac: MacAddress, screen: Option<String>) -> Explanation {
    let step = TimelineStep {
        at: at(3),
        who: "client".to_owned(),
        what: "asks who can boot it".to_owned(),
        is_trouble: false,
        times: 2,
    };
    Explanation {
        mac,
        outcome: Outcome::Failed,
        verdict: "it did not boot".to_owned(),
        causes: vec![Cause {
            cause: "second_dhcp_server".to_owned(),
            likelihood: Likelihood::Likely,
            what: "another server answered".to_owned(),
            evidence: vec!["its OFFER was dropped".to_owned()],
            next: "unplug it".to_owned(),
        }],
        screen: screen.map(|code| ScreenMessage {
            code,
            text: "No boot filename received".to_owned(),
            by: "Intel's PXE ROM".to_owned(),
            means: "no offer named a file".to_owned(),
        }),
        attempts: vec![Timeline { began: at(3), steps: vec![step], left_out: 0 }],
    }
}

pub(super) fn trusts() -> Vec<TrustEntry> {
    vec![TrustEntry {
        trust: "52:54:00:00:00:01@tap1,vlan=5,pxe".parse().unwrap(),
        source: Source::State,
        bound: None,
        note: None,
    }]
}

pub(super) fn history() -> Vec<Sample> {
    vec![Sample { at: at(0), passed: 1, dropped: 2, would_drop: 3 }]
}
