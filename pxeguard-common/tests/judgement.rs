//! Who may say what: judgements under policies in memory.

use std::cell::RefCell;
use std::collections::HashMap;

use pxeguard_common::frame::Bytes;
use pxeguard_common::net::{Ifindex, Mac};
use pxeguard_common::reply::ServerReply;
use pxeguard_common::trust::{Class, Config, Grant, MAX_TRUSTS, Mode, Place, Policy, Shapes};
use pxeguard_common::verdict::{Judgement, Reason, Verdict};
use pxeguard_lab::frames::{Message, ether_type, mutations, oui, port};

const UPLINK: Ifindex = Ifindex(2);
const TAP: Ifindex = Ifindex(7);
/// The MAC address of [`Message::offer`].
const SERVER: Mac = [2, 0, 0, 0, 0x66, 1];
const OTHER: Mac = [2, 0, 0, 0, 0x66, 2];

/// A policy as the maps hold it.
struct InMemory {
    mode: Mode,
    trusts: HashMap<Place, Grant>,
    bindings: RefCell<HashMap<Mac, Ifindex>>,
}

impl InMemory {
    fn new(trusts: impl IntoIterator<Item = (Place, Grant)>) -> Self {
        Self { mode: Mode::Enforce, trusts: trusts.into_iter().collect(), bindings: RefCell::default() }
    }
}

impl Policy for InMemory {
    fn config(&self) -> Config {
        let shapes = self.trusts.keys().fold(Shapes::NONE, |shapes, place| shapes.with(place.shape()));
        Config::new(self.mode, shapes)
    }

    fn grant(&self, place: &Place) -> Option<Grant> {
        self.trusts.get(place).copied()
    }

    fn bind(&self, mac: Mac, port: Ifindex) -> Option<Ifindex> {
        let mut bindings = self.bindings.borrow_mut();
        if bindings.len() >= MAX_TRUSTS as usize && !bindings.contains_key(&mac) {
            return None;
        }
        Some(*bindings.entry(mac).or_insert(port))
    }
}

fn judge(policy: &InMemory, port: Ifindex, frame: &[u8]) -> Judgement {
    Judgement::of(policy, port, &ServerReply::parse(&Bytes::new(frame)).expect("it is a reply"))
}

/// Why an OFFER passes or not that comes in by a port, from a MAC address, in a VLAN.
fn reason(policy: &InMemory, port: Ifindex, mac: Mac, vlan: u16) -> Reason {
    let message = Message::offer().with(|message| message.source_mac = mac.into());
    let carried = if vlan == 0 { message.carried() } else { message.carried().tag(ether_type::VLAN, vlan) };
    judge(policy, port, &message.framed(&carried)).reason
}

#[test]
fn every_disguise_is_dropped_where_nobody_is_trusted() {
    let policy = InMemory::new([]);
    for mutation in mutations() {
        let judgement = judge(&policy, TAP, &mutation.frames[mutation.telling]);
        assert!(judgement.verdict == Verdict::Drop && !judgement.reason.passes(), "{}", mutation.name);
    }
}

#[test]
fn observing_drops_nothing_and_tells_the_same_reason() {
    let mut policy = InMemory::new([]);
    for (mode, verdict) in [(Mode::Enforce, Verdict::Drop), (Mode::Observe, Verdict::WouldDrop)] {
        policy.mode = mode;
        let judgement = judge(&policy, TAP, &Message::offer().frame());
        assert_eq!(judgement, Judgement { verdict, reason: Reason::Untrusted });
        assert_eq!(Judgement::at(judgement.index()), Some(judgement));
    }
}

#[test]
fn a_trusted_place_is_port_mac_and_vlan_as_far_as_they_are_named() {
    use Reason::{Trusted, Untrusted};
    let table = [
        // port, MAC and VLAN of the trust; then of the reply
        ((Some(UPLINK), None, None), (UPLINK, SERVER, 0), Trusted),
        ((Some(UPLINK), None, None), (UPLINK, OTHER, 5), Trusted),
        ((Some(UPLINK), None, None), (TAP, SERVER, 0), Untrusted),
        ((None, Some(SERVER), None), (TAP, SERVER, 5), Trusted),
        ((None, Some(SERVER), None), (TAP, OTHER, 5), Untrusted),
        ((Some(UPLINK), Some(SERVER), None), (UPLINK, SERVER, 5), Trusted),
        ((Some(UPLINK), Some(SERVER), None), (UPLINK, OTHER, 0), Untrusted),
        ((Some(UPLINK), Some(SERVER), None), (TAP, SERVER, 0), Untrusted),
        ((Some(UPLINK), None, Some(5)), (UPLINK, SERVER, 5), Trusted),
        ((Some(UPLINK), None, Some(5)), (UPLINK, SERVER, 0), Untrusted),
        ((Some(UPLINK), None, Some(5)), (UPLINK, SERVER, 6), Untrusted),
        ((None, Some(SERVER), Some(5)), (TAP, SERVER, 5), Trusted),
        ((None, Some(SERVER), Some(5)), (TAP, SERVER, 6), Untrusted),
        ((Some(UPLINK), Some(SERVER), Some(0)), (UPLINK, SERVER, 0), Trusted),
        ((Some(UPLINK), Some(SERVER), Some(0)), (UPLINK, SERVER, 5), Untrusted),
    ];
    for ((port, mac, vlan), (at, from, within), expected) in table {
        let policy = InMemory::new([(Place::new(port, mac, vlan), Grant::DHCP)]);
        assert_eq!(reason(&policy, at, from, within), expected, "{port:?} {mac:02x?} {vlan:?}: {at:?} {within}");
    }
}

#[test]
fn a_trusted_mac_at_another_port_is_a_spoof() {
    let policy = InMemory::new([
        (Place::new(Some(UPLINK), Some(SERVER), None), Grant::DHCP),
        (Place::new(None, Some(SERVER), None), Grant::ELSEWHERE),
    ]);
    assert_eq!(reason(&policy, UPLINK, SERVER, 0), Reason::Trusted);
    assert_eq!(reason(&policy, TAP, SERVER, 0), Reason::Spoof);
    assert_eq!(reason(&policy, TAP, OTHER, 0), Reason::Untrusted);
}

#[test]
fn a_mac_is_bound_to_the_port_where_it_is_first_seen() {
    let policy = InMemory::new([(Place::new(None, Some(SERVER), None), Grant::DHCP.where_first_seen())]);
    assert_eq!(reason(&policy, TAP, OTHER, 0), Reason::Untrusted);
    assert_eq!(reason(&policy, UPLINK, SERVER, 0), Reason::Trusted);
    assert_eq!(reason(&policy, TAP, SERVER, 0), Reason::Spoof);
    assert_eq!(reason(&policy, UPLINK, SERVER, 0), Reason::Trusted);
    assert_eq!(*policy.bindings.borrow(), HashMap::from([(SERVER, UPLINK)]));
}

#[test]
fn what_is_trusted_anywhere_is_not_bound_by_a_narrower_trust() {
    let policy = InMemory::new([
        (Place::new(None, Some(SERVER), None), Grant::DHCP),
        (Place::new(None, Some(SERVER), Some(5)), Grant::PXE.where_first_seen()),
    ]);
    assert_eq!(reason(&policy, TAP, SERVER, 5), Reason::Trusted);
    assert!(policy.bindings.borrow().is_empty());
}

#[test]
fn the_widest_of_several_grants_counts() {
    let (wide, narrow) = (Place::new(None, Some(SERVER), None), Place::new(Some(UPLINK), None, Some(5)));
    let table = [
        (Grant::PXE, Grant::DHCP, Reason::Trusted),
        (Grant::DHCP, Grant::PXE, Reason::Trusted),
        (Grant::ELSEWHERE, Grant::PXE, Reason::GivesAddress),
        (Grant::ELSEWHERE, Grant::DHCP, Reason::Trusted),
    ];
    for (anywhere, here, expected) in table {
        let policy = InMemory::new([(wide, anywhere), (narrow, here)]);
        assert_eq!(reason(&policy, UPLINK, SERVER, 5), expected, "{anywhere:?} {here:?}");
    }
}

#[test]
fn class_pxe_may_answer_but_not_give_addresses() {
    let policy = InMemory::new([(Place::new(Some(UPLINK), None, None), Grant::of(Class::Pxe))]);
    let at_4011 = Message::ack().with(|ack| ack.udp.destination_port = port::PXE);
    let fragment = Message::proxy_offer().with(|offer| offer.ip.fragment = 0x2000);
    let table = [
        (Message::proxy_offer(), Verdict::Pass, Reason::TrustedForPxe),
        (at_4011, Verdict::Pass, Reason::TrustedForPxe),
        (Message::offer(), Verdict::Drop, Reason::GivesAddress),
        (Message::ack(), Verdict::Drop, Reason::GivesAddress),
        (fragment, Verdict::Drop, Reason::Fragment),
    ];
    for (message, verdict, reason) in table {
        assert_eq!(judge(&policy, UPLINK, &message.frame()), Judgement { verdict, reason }, "{message:?}");
    }
}

#[test]
fn what_cannot_be_read_passes_from_trusted_servers_only() {
    let message = Message::offer();
    let carried = message.carried();
    let table = [
        (message.framed(&carried.clone().snap(oui::RFC1042)), Reason::Llc),
        (message.framed(&carried.tags(&[(ether_type::VLAN, 0); 9])), Reason::TooManyTags),
        (message.frame()[..60].to_vec(), Reason::Truncated),
    ];
    let trusting = InMemory::new([(Place::new(None, Some(SERVER), None), Grant::DHCP)]);
    for (frame, reason) in table {
        assert_eq!(judge(&InMemory::new([]), UPLINK, &frame).reason, reason);
        assert_eq!(judge(&trusting, UPLINK, &frame).reason, Reason::Trusted);
    }
}
