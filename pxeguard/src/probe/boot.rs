//! Plays a whole client: takes an address, learns what to load, loads it, gives the address back.

use std::io;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use pxeguard_common::arch::Transport;

use super::client::Client;
use super::guest_port::GuestPort;
use super::heard::{Heard, way};
use super::question::Asker;
use super::reply::Kind;
use crate::report::{BootStep, BootTrial, Finding, Severity, rate_in_words, size_in_words};

mod http;
mod tftp;

use http::HttpError;
use tftp::TftpError;

/// How long a lease is waited for: who has offered an address answers at once.
const LEASE_PATIENCE: Duration = Duration::from_secs(4);
/// Netmask of an address that came without one.
const HOST_PREFIX: u8 = 24;

/// A file that was fetched.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fetched {
    /// Its length.
    pub bytes: u64,
    /// Packets that were repeated.
    pub retries: u32,
}

/// A step that failed, and what that means.
struct Failure {
    step: &'static str,
    detail: String,
    next: &'static str,
}

/// What a client boots from.
struct Plan<'a> {
    /// The offer of an address.
    lease: &'a Heard,
    /// The offer that says what to load.
    boot: &'a Heard,
}

/// Where a file is.
struct Place {
    server: Ipv4Addr,
    /// A name for TFTP, or a URL.
    file: String,
}

/// Boots as one kind of client, from the offers that it has heard; how far it came, and what kept it.
pub fn boot(client: &mut Client, guest: &mut GuestPort, asker: Asker) -> io::Result<(BootTrial, Option<Finding>)> {
    let mut trial = BootTrial { client: asker.to_string(), steps: Vec::new() };
    let mut began = Instant::now();
    let failed = run(client, guest, asker, &mut |step, detail, bytes| {
        let took_ms = began.elapsed().as_millis() as u64;
        trial.steps.push(BootStep { step: step.to_owned(), ok: true, took_ms, detail, bytes });
        began = Instant::now();
    })?;
    let finding = failed.map(|Failure { step, detail, next }| {
        let took_ms = began.elapsed().as_millis() as u64;
        let place = trial.steps.iter().position(|step| step.step == RELEASE).unwrap_or(trial.steps.len());
        let failed = BootStep { step: step.to_owned(), ok: false, took_ms, detail: detail.clone(), bytes: None };
        trial.steps.insert(place, failed);
        Finding {
            finding: format!("boot-{step}"),
            severity: Severity::Error,
            subject: format!("a client ({asker}) does not boot: it fails at {step}"),
            evidence: detail,
            next: next.to_owned(),
        }
    });
    Ok((trial, finding))
}

const RELEASE: &str = "release";

type Note<'a> = &'a mut dyn FnMut(&'static str, String, Option<u64>);

fn run(client: &mut Client, guest: &mut GuestPort, asker: Asker, note: Note<'_>) -> io::Result<Option<Failure>> {
    let heard = client.heard.clone();
    let plan = match plan(&heard, asker) {
        Ok(plan) => plan,
        Err(failure) => return Ok(Some(failure)),
    };
    let offer = &plan.lease.reply;
    let server = offer.server_id.unwrap_or(plan.lease.ip);
    let way = way(plan.boot).unwrap_or("nothing");
    note("offer", format!("{} of {server}; to boot by {} ({way})", offer.yiaddr, plan.boot.ip), None);
    let lease = match client.lease(plan.lease, server, LEASE_PATIENCE)? {
        Some(lease) if lease.reply.kind == Some(Kind::Ack) => lease,
        other => {
            // The ACK may be lost, or come behind another server's NAK.
            client.release(plan.lease, server)?;
            return Ok(Some(no_lease(other.as_ref(), server)));
        }
    };
    note("lease", format!("{} of {server}", lease.reply.yiaddr), None);
    let failure = load(client, guest, &plan, &lease, note);
    // Also after a failure, and before it is told.
    client.release(&lease, server)?;
    note(RELEASE, lease.reply.yiaddr.to_string(), None);
    failure
}

/// The offers that firmware takes: of addresses the first; of what to load what names its file before what sends to port
/// 4011, and a proxy's before the DHCP server's own plain name (edk2: `PxeBcSelectOffer`).
fn plan(heard: &[Heard], asker: Asker) -> Result<Plan<'_>, Failure> {
    // On a bridge that filters VLANs some are asked in beside the untagged network.
    let own = heard.iter().filter(|heard| heard.asker == asker && heard.vlan == 0 && !heard.is_inform);
    let good = || own.clone().filter(|heard| !heard.checksum.is_wrong());
    let lease = good().find(|heard| heard.reply.gives_address()).ok_or(Failure {
        step: "offer",
        detail: "no offer of an address: PXE-E51 on a BIOS, PXE-E16 or PXE-E18 on UEFI".to_owned(),
        next: "the findings about who answers say why",
    })?;
    // Of another DHCP server than the one that gives the address nothing is taken.
    let is_usable = |heard: &&Heard| !heard.reply.gives_address() || (heard.mac, heard.ip) == (lease.mac, lease.ip);
    let ranked = good().filter(is_usable).filter_map(|heard| Some((rank(heard)?, heard)));
    let (_, boot) = ranked.min_by_key(|(rank, _)| *rank).ok_or_else(|| Failure {
        step: "offer",
        detail: "an address is offered, but nobody says what to load: PXE-E53, \"no boot filename received\""
            .to_owned(),
        next: match asker.transport() {
            Some(Transport::Http) => "who boots UEFI HTTP clients here?  It has to send option 60 HTTPClient and a URL",
            _ => {
                "is the PXE server running, and does it have a boot program for this architecture (pxeguard boot list)?"
            }
        },
    })?;
    Ok(Plan { lease, boot })
}

fn rank(heard: &Heard) -> Option<u8> {
    let is_proxy = !heard.reply.gives_address();
    Some(match (way(heard)?, is_proxy) {
        ("direct" | "http", false) => 0,
        ("direct" | "http", true) => 1,
        ("binl" | "menu", false) => 2,
        ("binl" | "menu", true) => 3,
        _ => 4,
    })
}

fn no_lease(answer: Option<&Heard>, server: Ipv4Addr) -> Failure {
    let detail = match answer {
        Some(nak) => format!("{} refused the address that {server} has offered (NAK)", nak.ip),
        None => format!("{server} did not answer the REQUEST within {} s", LEASE_PATIENCE.as_secs()),
    };
    let next = "a NAK comes from a second server, or from one that knows itself by another address (\"wrong server-ID\"): look at \
                the servers above, and at this one's log";
    Failure { step: "lease", detail, next }
}

/// All that takes an address.
fn load(
    client: &mut Client,
    guest: &mut GuestPort,
    plan: &Plan<'_>,
    lease: &Heard,
    note: Note<'_>,
) -> io::Result<Option<Failure>> {
    let (address, mask) = (lease.reply.yiaddr, lease.reply.mask);
    let prefix = mask.map_or(HOST_PREFIX, |mask| u32::from(mask).leading_ones() as u8);
    guest.links.add_address(guest.card, address, prefix)?;
    if let Some(router) = lease.reply.routers.first() {
        // A router that is not in this network is the server's mistake, and nobody's hindrance within it.
        let _ = guest.links.add_default_route(*router);
    }
    let place = match place(client, plan, note)? {
        Ok(place) => place,
        Err(failure) => return Ok(Some(failure)),
    };
    let began = Instant::now();
    let (step, fetched) = match place.file.starts_with("http://") {
        true => ("http", http::fetch(&place.file).map_err(|error| http_failure(&place, &error))),
        false => ("tftp", tftp::fetch(place.server, &place.file).map_err(|error| tftp_failure(&place, &error))),
    };
    Ok(match fetched {
        Ok(Fetched { bytes, retries }) => {
            let rate = bytes as f64 / began.elapsed().as_secs_f64();
            let again = if retries == 0 { String::new() } else { format!(", {retries} packets repeated") };
            let url = url(&place);
            note(
                step,
                format!("{url}: {} at {}{again}", size_in_words(bytes), rate_in_words(rate as u64)),
                Some(bytes),
            );
            None
        }
        Err(failure) => Some(failure),
    })
}

fn url(place: &Place) -> String {
    match place.file.contains("://") {
        true => place.file.clone(),
        false => format!("tftp://{}/{}", place.server, place.file.trim_start_matches('/')),
    }
}

/// Where the file is; port 4011 is asked where the offer does not tell.
fn place(client: &mut Client, plan: &Plan<'_>, note: Note<'_>) -> io::Result<Result<Place, Failure>> {
    let offer = &plan.boot.reply;
    let server = offer.boot_server().unwrap_or(plan.boot.ip);
    if !matches!(way(plan.boot), Some("binl" | "menu")) {
        return Ok(Ok(Place { server, file: offer.file.clone() }));
    }
    let answer = client.ask_boot_server(plan.boot)?;
    let silent = || Failure {
        step: "4011",
        detail: format!("no answer from UDP port 4011 of {server}: PXE-E55 on a BIOS, PXE-E16 on UEFI"),
        next: "does the PXE service listen there (ss -lunp sport = 4011), and does a firewall let it through (nft list \
               ruleset)?  If that machine is only the DHCP server, take option 60 out of its settings",
    };
    let Some(answer) = answer.filter(|answer| answer.answered) else { return Ok(Err(silent())) };
    let Some(file) = answer.file else {
        let detail = format!("port 4011 of {server} answers, but names no file: PXE-E53");
        let next = "the PXE service has nothing for this architecture: look at its settings";
        return Ok(Err(Failure { step: "4011", detail, next }));
    };
    let server = answer.next_server.unwrap_or(server);
    note("4011", format!("{file} of {server}"), None);
    Ok(Ok(Place { server, file }))
}

fn tftp_failure(place: &Place, error: &TftpError) -> Failure {
    let next = match error {
        TftpError::Refused { code: 1, .. } => {
            "the file is not below the TFTP root, or under another name (upper and lower case differ), or may not be read by the \
             server's user: ls -l it.  Firmware says PXE-T01 and PXE-E3B, or PXE-E23"
        }
        TftpError::Refused { .. } => {
            "the server may not read the file (rights of file and folder), or refuses this client: PXE-E36"
        }
        TftpError::Silent | TftpError::Unreachable => {
            "does a TFTP server run there (ss -lunp sport = 69), and does a firewall let UDP port 69 in, and the transfer's own \
             ports (nft list ruleset)?  Firmware says PXE-E32, or PXE-E18"
        }
        TftpError::Stopped { .. } | TftpError::Slow { .. } => {
            "blocks are lost on the way: an MTU that is smaller somewhere, fragments that a firewall drops, a bad cable.  PXE-E35"
        }
        TftpError::Odd | TftpError::Io(_) => "look at the server's log",
    };
    Failure { step: "tftp", detail: format!("{}: {}", url(place), chain(error)), next }
}

fn http_failure(place: &Place, error: &HttpError) -> Failure {
    let next = match error {
        HttpError::Url => "give UEFI HTTP clients a URL with a number for an address; not all firmware asks DNS",
        HttpError::Refused(_) | HttpError::Silent(_) => {
            "does the HTTP server run there (ss -ltnp), and does a firewall let its port in (nft list ruleset)?"
        }
        HttpError::Status(404) => {
            "the file is not there, or under another name: pxeguard boot list, or the server's log"
        }
        HttpError::Status(_) | HttpError::Odd | HttpError::Io(_) => "look at the server's log",
        HttpError::Stopped { .. } | HttpError::Slow { .. } => {
            "the connection broke or crawls: look at the way to the server"
        }
    };
    Failure { step: "http", detail: format!("{}: {}", url(place), chain(error)), next }
}

/// An error, and what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}
