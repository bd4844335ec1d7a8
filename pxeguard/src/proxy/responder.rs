//! From a frame to a frame, without any socket.

use std::sync::Arc;
use std::time::Instant;

use pxeguard_common::net::Ifindex;

use super::answer::{Answer, Arrival, Policy, Silence, answer};
use super::counts::Counts;
use super::frame;
use super::learning::Learning;
use super::request::{Addressed, Ignore, Reading, Request};
use super::templates::Templates;
use crate::boot::{AskingProgram, Offers, Settings};
use crate::clients::Step;
use crate::networks::Networks;
use pxeguard_common::arch::Transport;

/// Who answers on one interface.
pub struct Responder {
    iface: Ifindex,
    templates: Templates,
    counts: Arc<Counts>,
}

/// What is known when frames come.
pub struct Knowledge<'a> {
    /// Where clients are.
    pub networks: &'a Networks,
    /// What the operator says.
    pub settings: &'a Settings,
    /// What there is to boot.
    pub offers: &'a dyn Offers,
    /// What is known of each client.
    pub learning: &'a mut Learning,
    /// The time.
    pub now: Instant,
    /// What is to be told of it.
    pub steps: &'a mut Vec<Step>,
}

impl Responder {
    /// For an interface.
    pub fn new(iface: Ifindex, counts: Arc<Counts>) -> Self {
        Self { iface, templates: Templates::default(), counts }
    }

    /// Answers a frame, of which the kernel has taken out a `tag`.  Returns the length of the frame in `out`, which has
    /// room for [`super::templates::FRAME`] bytes; `None` for no answer.
    pub fn respond(
        &mut self,
        received: &[u8],
        tag: Option<u16>,
        knows: &mut Knowledge<'_>,
        out: &mut [u8],
    ) -> Option<usize> {
        let Some((envelope, payload)) = frame::read(received, tag) else {
            self.counts.count_ignored(Ignore::Unreadable);
            return None;
        };
        let frame::Envelope { from_mac, to_mac, vlan, from, to } = envelope;
        let at = Arrival { iface: self.iface, vlan, from_mac, to_mac, from, to };
        let Reading { request, addressed } = Reading::of(payload);
        if let Some(addressed) = addressed {
            note_address(addressed, knows);
        }
        match request {
            Err(why) => self.counts.count_ignored(why),
            Ok(request) => return self.answer(&request, &at, received.len(), knows, out),
        }
        None
    }

    fn answer(
        &mut self,
        request: &Request,
        at: &Arrival,
        asked_len: usize,
        knows: &mut Knowledge<'_>,
        out: &mut [u8],
    ) -> Option<usize> {
        let Knowledge { networks, settings, offers, .. } = *knows;
        let mut policy = Policy { networks, settings, offers, learning: &mut *knows.learning };
        let mac = request.client.mac;
        let why = match answer(request, at, &mut policy, knows.now) {
            Err(Silence::Ignored(why)) => {
                self.counts.count_ignored(why);
                return None;
            }
            Err(Silence::Refused(why)) => why,
            Ok(answer) => match self.templates.write(&answer, request.max_len, asked_len, out) {
                Ok(len) => {
                    self.counts.count_answered();
                    knows.steps.extend([asked(request, at), answered(request, answer)]);
                    return Some(len);
                }
                Err(why) => why.to_string().into(),
            },
        };
        self.counts.count_refused();
        knows.steps.extend([asked(request, at), Step::Refused { mac, why }]);
        None
    }
}

/// Keeps the address of a client: of one that boots, or that has booted and is now an installed system.
fn note_address(addressed: Addressed, knows: &mut Knowledge<'_>) {
    let Addressed { mac, ip, server, boots } = addressed;
    if boots || knows.learning.knows(mac) {
        if boots {
            knows.learning.has_address(mac);
        }
        knows.steps.push(Step::Addressed { mac, ip, server });
    }
}

pub(super) fn asked(request: &Request, at: &Arrival) -> Step {
    let client = &request.client;
    let kind = match (client.program, client.transport) {
        (AskingProgram::Ipxe { .. }, _) => "iPXE",
        (AskingProgram::Firmware, Transport::Http) => "HTTPClient",
        (AskingProgram::Firmware, Transport::Tftp) => "PXEClient",
    };
    let arch = Some(client.arch);
    Step::Asked { mac: client.mac, iface: at.iface, vlan: at.vlan, arch, kind, message: request.ask.name() }
}

pub(super) fn answered(request: &Request, answer: Answer) -> Step {
    let message = if answer.shape.is_ack { "ack" } else { "offer" };
    let file = answer.shape.tells_file().then_some(answer.shape.file);
    Step::Answered { mac: request.client.mac, message, strategy: answer.strategy, file }
}
