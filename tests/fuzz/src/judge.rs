//! Target `judge`: a policy, and a frame that it judges.

use std::collections::BTreeMap;

use pxeguard_common::frame::Bytes;
use pxeguard_common::net::{Ifindex, Mac};
use pxeguard_common::reply::{Form, ServerReply};
use pxeguard_common::trust::{Config, Grant, Mode, Place, Policy, Shapes};
use pxeguard_common::verdict::{Judgement, Reason, Verdict};

/// The port by which the frame comes.
const HERE: Ifindex = Ifindex(7);
const ELSEWHERE: Ifindex = Ifindex(8);

/// The first byte says how many grants follow, each of one byte, and to which port MAC addresses are bound; then comes
/// the frame.
pub fn judge(bytes: &[u8]) {
    let Some((head, bytes)) = bytes.split_first() else { return };
    let Some((grants, frame)) = bytes.split_at_checked(usize::from(head & 0x07)) else { return };
    let Ok(reply) = ServerReply::parse(&Bytes::new(frame)) else { return };
    let bound = if head & 0x80 == 0 { HERE } else { ELSEWHERE };
    let entries = grants.iter().filter_map(|byte| entry(*byte, &reply)).collect();
    let policy = InMemory { mode: Mode::Enforce, entries, bound };

    let reason = modes_differ_in_the_verdict_only(&policy, &reply);
    no_grant_takes_anything_away(&policy, &reply);
    if policy.entries.is_empty() {
        assert!(!reason.passes());
    }
    if policy.entries.get(&Place::new(Some(HERE), None, None)) == Some(&Grant::DHCP) {
        assert_eq!(reason, Reason::Trusted);
    }
    if reason == Reason::TrustedForPxe {
        assert!(reply.form == Form::Plain && !reply.gives_address());
    }
    if !policy.entries.keys().any(|place| is_of(place, &reply)) {
        assert!(!reason.passes() && reason != Reason::Spoof);
    }
}

/// A policy that can be looked through.
#[derive(Clone)]
struct InMemory {
    mode: Mode,
    entries: BTreeMap<Place, Grant>,
    bound: Ifindex,
}

impl Policy for InMemory {
    fn config(&self) -> Config {
        let shapes = self.entries.keys().fold(Shapes::NONE, |shapes, place| shapes.with(place.shape()));
        Config::new(self.mode, shapes)
    }

    fn grant(&self, place: &Place) -> Option<Grant> {
        self.entries.get(place).copied()
    }

    fn bind(&self, _: Mac, _: Ifindex) -> Option<Ifindex> {
        Some(self.bound)
    }
}

/// Two bits each: any port, MAC and VLAN, the reply's own, or another one; and what is granted.
fn entry(byte: u8, reply: &ServerReply) -> Option<(Place, Grant)> {
    let port = *[None, Some(HERE), Some(ELSEWHERE)].get(usize::from(byte & 3))?;
    let mac = *[None, Some(reply.sender.mac), Some([2, 0, 0, 0, 0, 0xee])].get(usize::from(byte >> 2 & 3))?;
    let vlan = *[None, Some(reply.sender.vlan), Some(reply.sender.vlan ^ 1)].get(usize::from(byte >> 4 & 3))?;
    let grant = [Grant::DHCP, Grant::PXE, Grant::ELSEWHERE, Grant::DHCP.where_first_seen()][usize::from(byte >> 6)];
    // No trust is about everybody.
    (port.is_some() || mac.is_some()).then(|| (Place::new(port, mac, vlan), grant))
}

fn is_of(place: &Place, reply: &ServerReply) -> bool {
    let ports = [None, Some(HERE)];
    let (macs, vlans) = ([None, Some(reply.sender.mac)], [None, Some(reply.sender.vlan)]);
    let places = ports.iter().flat_map(|port| macs.iter().map(move |mac| (port, mac)));
    places.flat_map(|(port, mac)| vlans.map(|vlan| Place::new(*port, *mac, vlan))).any(|own| own == *place)
}

fn modes_differ_in_the_verdict_only(policy: &InMemory, reply: &ServerReply) -> Reason {
    let judged = [Mode::Enforce, Mode::Observe].map(|mode| {
        let judgement = Judgement::of(&InMemory { mode, ..policy.clone() }, HERE, reply);
        assert_eq!(Judgement::at(judgement.index()), Some(judgement));
        judgement
    });
    let [enforced, observed] = judged;
    let expected = if enforced.reason.passes() { [Verdict::Pass; 2] } else { [Verdict::Drop, Verdict::WouldDrop] };
    assert_eq!(judged.map(|judgement| judgement.verdict), expected);
    assert_eq!(enforced.reason, observed.reason);
    enforced.reason
}

/// What passes under fewer grants passes under more of them.
fn no_grant_takes_anything_away(policy: &InMemory, reply: &ServerReply) {
    let passes = |policy: &InMemory| Judgement::of(policy, HERE, reply).reason.passes();
    for place in policy.entries.keys() {
        let mut fewer = policy.clone();
        fewer.entries.remove(place);
        assert!(!passes(&fewer) || passes(policy), "{place:?}");
    }
}
