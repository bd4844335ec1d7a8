//! Whatever comes: no panic, and what is answered is right.

use proptest::prelude::{Strategy, *};
use pxeguard_common::template::{CAPACITY, Values, checksum};

use super::*;
use crate::proxy::reply::{Says, Shape};

/// Whether an answer is what every client of that request can take.
fn is_right(request: &[u8], reply: &[u8]) {
    let (_, asked) = frame::read(request, None).unwrap();
    let (envelope, payload) = frame::read(reply, None).expect("a whole datagram");
    let message = decode(payload);
    assert_eq!(payload[0], 2);
    assert_eq!((&payload[4..8], &payload[28..34]), (&asked[4..8], &asked[28..34]), "xid and chaddr");
    assert!(message.yiaddr().is_unspecified(), "no address is given");
    let last = payload.iter().rposition(|byte| *byte != 0).unwrap();
    assert_eq!(payload[last], 255, "it ends with END");
    assert!(payload.len() >= 300 && payload.len() <= 1472);
    // An option 82 comes back, as it came; the rest is bounded.
    assert!(payload.len() <= asked.len() + 300, "{} bytes for {}", payload.len(), asked.len());
    // Both checksums, over all that they cover.
    let ip = envelope.headers_len() - 28;
    assert_eq!(checksum(sum(&reply[ip..ip + 20], 0)), 0);
    let datagram = &reply[ip + 20..];
    let pseudo_header = sum(&reply[ip + 12..ip + 20], 0) + 17 + datagram.len() as u32;
    assert_eq!(checksum(pseudo_header + sum(datagram, 0)), 0);
}

fn captured() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![OVMF_DISCOVER, OVMF_REQUEST, OVMF_BOOT_SERVER_REQUEST, OVMF_HTTP_DISCOVER, IPXE_DISCOVER])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn any_bytes_hurt_nothing(frame in prop::collection::vec(any::<u8>(), 0..700), tag in any::<Option<u16>>()) {
        Bench::new().respond(&frame, tag);
    }

    #[test]
    fn any_payload_hurts_nothing(payload in prop::collection::vec(any::<u8>(), 0..700)) {
        let asking = Asking::of(OVMF_DISCOVER);
        let dhcp = [&asking.message.to_vec().unwrap()[..240], &payload].concat();
        for payload in [&payload, &dhcp] {
            let request = asking.around(payload);
            if let Some(reply) = Bench::new().respond(&request, None) {
                is_right(&request, &reply);
            }
        }
    }

    #[test]
    fn a_real_request_with_wrong_bytes_is_answered_right_or_not_at_all(
        captured in captured(),
        changes in prop::collection::vec((0..500_usize, any::<u8>()), 0..6),
        cut in prop::option::of(42..450_usize),
        strategy in prop::sample::select(vec![super::Strategy::Direct, super::Strategy::Binl, super::Strategy::Menu]),
    ) {
        let mut request = bytes(captured);
        for (at, byte) in changes {
            // Not in the headers: a wrong length is another test's.
            if at >= 42 && at < request.len() {
                request[at] = byte;
            }
        }
        request.truncate(cut.unwrap_or(request.len()));
        if let Some(reply) = Bench::with(strategy).respond(&request, None) {
            is_right(&request, &reply);
        }
    }

    #[test]
    fn a_template_gives_the_bytes_that_dhcproto_builds(
        says in prop::sample::select(vec![Says::File, Says::AskAgain, Says::Menu, Says::Url, Says::BootServer]),
        (is_ack, has_uuid, has_boot_item) in any::<(bool, bool, bool)>(),
        file in "[a-z/.+]{0,255}",
        (xid, ciaddr, giaddr) in any::<([u8; 4], [u8; 4], [u8; 4])>(),
        (broadcast, chaddr, uuid, boot_item) in any::<(bool, [u8; 6], [u8; 17], [u8; 4])>(),
    ) {
        let shape = Shape { says, is_ack, server: SERVER, file: file.into(), has_uuid, has_boot_item };
        let flags = [if broadcast { 0x80 } else { 0 }, 0];
        let values = Values { xid, flags, ciaddr, giaddr, chaddr, uuid, boot_item };
        let mut filled = [0xa5; CAPACITY];
        let template = shape.template().unwrap();
        let total = template.fill(&values, &mut filled).unwrap();
        let (built, _) = shape.build(&values, None).unwrap();
        prop_assert_eq!(&filled[..template.message_len()], &built[..]);
        prop_assert_eq!(checksum(total), checksum(sum(&built, 0)));
    }
}
