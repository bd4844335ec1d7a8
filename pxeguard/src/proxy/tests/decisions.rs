//! What each client is told, and who is told nothing.

use std::time::Duration;

use dhcproto::v4::MessageType;
use pxeguard_common::arch::Platform;

use super::*;
use crate::proxy::Ignore;

fn option(message: &Message, code: u8) -> Option<Vec<u8>> {
    let option = message.opts().get(OptionCode::from(code))?;
    option.to_vec().unwrap().get(2..).map(<[u8]>::to_vec)
}

fn file(message: &Message) -> String {
    String::from_utf8_lossy(message.fname().unwrap_or_default()).trim_end_matches('\0').to_owned()
}

#[test]
fn no_client_is_ever_given_an_address() {
    for captured in [OVMF_DISCOVER, OVMF_HTTP_DISCOVER, IPXE_DISCOVER, OVMF_BOOT_SERVER_REQUEST] {
        let (_, reply) = Bench::new().reply(&bytes(captured));
        assert!(reply.yiaddr().is_unspecified());
        assert_eq!(option(&reply, 51), None, "no lease");
    }
}

#[test]
fn what_identifies_client_and_server_is_repeated() {
    for captured in [OVMF_DISCOVER, OVMF_HTTP_DISCOVER, IPXE_DISCOVER, OVMF_BOOT_SERVER_REQUEST] {
        let asked = Asking::of(captured).message;
        let (_, reply) = Bench::new().reply(&bytes(captured));
        assert_eq!((reply.xid(), reply.chaddr()), (asked.xid(), asked.chaddr()));
        assert_eq!(option(&reply, 97), option(&asked, 97));
        assert_eq!(option(&reply, 54), Some(SERVER.octets().to_vec()));
        assert_eq!(reply.siaddr(), SERVER);
    }
}

#[test]
fn a_client_without_uuid_is_answered_without_one() {
    for asking in [Asking::of(OVMF_DISCOVER).without(97), Asking::of(OVMF_DISCOVER).option(97, &[])] {
        let (_, reply) = Bench::new().reply(&asking.frame());
        assert_eq!(option(&reply, 97), None);
    }
}

#[test]
fn ipxe_gets_its_script_by_what_it_can_fetch_with() {
    let (_, reply) = Bench::new().reply(&bytes(IPXE_DISCOVER));
    assert_eq!(file(&reply), "http://10.77.0.1:8067/boot.ipxe");
    // Without HTTP among its features.
    let asking = Asking::of(IPXE_DISCOVER).option(175, &[0x24, 1, 1]);
    assert_eq!(file(&Bench::new().reply(&asking.frame()).1), "tftp://10.77.0.1/boot.ipxe");
    // In the form of RFC 3004, and without features.
    let asking = Asking::of(OVMF_DISCOVER).option(77, b"\x04iPXE");
    assert_eq!(file(&Bench::new().reply(&asking.frame()).1), "tftp://10.77.0.1/boot.ipxe");
}

#[test]
fn http_boot_gets_a_url_in_both_places_and_its_own_class() {
    let (_, reply) = Bench::new().reply(&bytes(OVMF_HTTP_DISCOVER));
    let url = "http://10.77.0.1:8067/memtest86%2Bx64.efi";
    assert_eq!((file(&reply).as_str(), option(&reply, 67)), (url, Some(url.into())));
    assert_eq!((option(&reply, 60), option(&reply, 43)), (Some(b"HTTPClient".to_vec()), None));
}

#[test]
fn the_strategies_differ_in_what_the_offer_tells() {
    let mut told = [Strategy::Direct, Strategy::Binl, Strategy::Menu].map(|strategy| {
        let (_, reply) = Bench::with(strategy).reply(&bytes(OVMF_DISCOVER));
        (file(&reply), option(&reply, 43))
    });
    assert_eq!(told[0], ("ipxe.efi".to_owned(), Some(vec![6, 1, 8, 255])));
    assert_eq!(told[1], (String::new(), None));
    let menu = told[2].1.take().unwrap();
    assert!(menu.starts_with(&[6, 1, 3, 8, 7, 0x80, 0, 1, 10, 77, 0, 1, 9]) && menu.ends_with(b"\x0a\x04\0PXE\xff"));
}

#[test]
fn a_platform_has_a_strategy_of_its_own_and_a_client_too() {
    let mut bench = Bench::new();
    bench.settings.strategies.insert(Platform::EfiX64, Strategy::Binl);
    assert_eq!(option(&bench.reply(&bytes(OVMF_DISCOVER)).1, 43), None);
    let own = ClientSettings { strategy: Some(Strategy::Direct), ..ClientSettings::default() };
    bench.settings.clients.insert(MacAddress(CLIENT_MAC), own);
    assert_eq!(option(&bench.reply(&bytes(OVMF_DISCOVER)).1, 43), Some(vec![6, 1, 8, 255]));
}

#[test]
fn firmware_that_only_knows_port_4011_boots_at_its_second_try() {
    let mut bench = Bench::new();
    let again = Asking::of(OVMF_DISCOVER).with(|asking| _ = asking.message.set_xid(99));
    assert!(option(&bench.reply(&bytes(OVMF_DISCOVER)).1, 43).is_some());
    bench.now += Duration::from_secs(6);
    assert_eq!(option(&bench.reply(&again.frame()).1, 43), None);
    let (_, ack) = bench.reply(&bytes(OVMF_BOOT_SERVER_REQUEST));
    assert_eq!((ack.opts().msg_type(), file(&ack).as_str()), (Some(MessageType::Ack), "ipxe.efi"));
    assert_eq!(bench.learning.fetched(CLIENT_MAC, "ipxe.efi", bench.now), None);
    bench.now += Duration::from_secs(600);
    assert_eq!(option(&bench.reply(&bytes(OVMF_DISCOVER)).1, 43), None);
}

#[test]
fn a_request_for_an_address_is_left_to_the_dhcp_server_and_tells_the_address() {
    for captured in [OVMF_REQUEST, IPXE_REQUEST] {
        let mut bench = Bench::new();
        assert_eq!(bench.respond(&bytes(captured), None), None);
        assert_eq!(bench.ignored(Ignore::ForDhcpServer), 1);
        let [Step::Addressed { mac: CLIENT_MAC, ip, .. }] = bench.steps[..] else { panic!("{:?}", bench.steps) };
        assert!(bench.networks.has_client(ip), "{ip}");
    }
}

#[test]
fn the_installed_system_of_a_client_tells_its_address_too() {
    let mut bench = Bench::new();
    let renewal = Asking::of(OVMF_REQUEST).without(60).frame();
    bench.respond(&renewal, None);
    assert_eq!(bench.steps, [], "it is nobody we know");
    bench.respond(&bytes(OVMF_DISCOVER), None);
    bench.steps.clear();
    bench.respond(&renewal, None);
    assert!(matches!(bench.steps[..], [Step::Addressed { mac: CLIENT_MAC, .. }]));
}

#[test]
fn each_step_is_told() {
    let mut bench = Bench::new();
    bench.respond(&bytes(OVMF_DISCOVER), None);
    let asked = Step::Asked {
        mac: CLIENT_MAC,
        iface: IFACE,
        vlan: 0,
        arch: Some(Arch(7)),
        kind: "PXEClient",
        message: "discover",
    };
    let file = Some("ipxe.efi".into());
    let answered = Step::Answered { mac: CLIENT_MAC, message: "offer", strategy: "direct", file };
    assert_eq!(bench.steps, [asked, answered]);
}

#[test]
fn a_client_for_which_there_is_nothing_is_told_of_and_gets_nothing() {
    let mut bench = Bench::new();
    let asking = Asking::of(OVMF_DISCOVER).arch(Arch(0x27));
    assert_eq!(bench.respond(&asking.frame(), None), None);
    assert_eq!((bench.counts.refused(), bench.counts.answered()), (1, 0));
    let why = "there is no boot program for architecture 39".into();
    assert_eq!(bench.steps[1..], [Step::Refused { mac: CLIENT_MAC, why }]);
}

#[test]
fn messages_that_may_not_be_answered_get_nothing() {
    let discover = || Asking::of(OVMF_DISCOVER);
    let boot_server = || Asking::of(OVMF_BOOT_SERVER_REQUEST);
    let cases = [
        (discover().without(60), Ignore::NotPxe),
        (discover().option(60, b"MSFT 5.0"), Ignore::NotPxe),
        (discover().without(93), Ignore::NoArchitecture),
        (discover().option(93, &[0]), Ignore::NoArchitecture),
        (discover().option(97, &[0; 16]), Ignore::OddUuid),
        (discover().without(53), Ignore::NotDhcp),
        (discover().option(53, &[7]), Ignore::OtherMessage),
        (discover().option(43, &[71, 4, 0x80, 0, 0x80, 0, 255]), Ignore::Credentials),
        (discover().with(|asking| _ = asking.message.set_giaddr([224, 0, 0, 1])), Ignore::OddRelay),
        (discover().with(|asking| _ = asking.message.set_chaddr(&[0xff; 6])), Ignore::NotEthernet),
        (discover().with(|asking| _ = asking.message.set_chaddr(&[2; 16])), Ignore::NotEthernet),
        (discover().with(|asking| asking.envelope.to.set_port(port::BOOT_SERVER)), Ignore::OddPort),
        (discover().with(|asking| asking.envelope.to.set_ip([10, 77, 0, 9].into())), Ignore::ForAnother),
        (discover().with(|asking| asking.envelope.to_mac = [2; 6]), Ignore::ForAnother),
        (boot_server().with(|asking| _ = asking.message.set_ciaddr([192, 168, 1, 5])), Ignore::NotServed),
        (boot_server().with(|asking| _ = asking.message.set_ciaddr([0; 4])), Ignore::NotServed),
    ];
    for (number, (asking, why)) in cases.into_iter().enumerate() {
        let mut bench = Bench::new();
        assert_eq!(bench.respond(&asking.frame(), None), None, "{number}: {why:?}");
        assert_eq!(bench.ignored(why), 1, "{number}: {why:?}");
    }
    // As they are, they are answered.
    for asking in [discover(), boot_server()] {
        assert!(Bench::new().respond(&asking.frame(), None).is_some());
    }
}

#[test]
fn an_answer_that_the_client_would_not_take_is_not_sent() {
    struct LongNames;
    impl Offers for LongNames {
        fn offer(&self, _: &Client) -> Result<Offer, NoOffer> {
            Ok(Offer { file: "n".repeat(255).into(), len: None })
        }
        fn offer_as_if(&self, client: &Client, _: &ClientSettings) -> Result<Offer, NoOffer> {
            self.offer(client)
        }
        fn generation(&self) -> u64 {
            0
        }
    }
    let mut bench = Bench::new();
    // Only a relay's option makes an answer longer than every client takes.
    let size = |size: u16| {
        let asking = Asking::of(OVMF_DISCOVER).option(57, &size.to_be_bytes()).option(82, &[7; 200]);
        asking.with(|asking| _ = asking.message.set_giaddr([10, 9, 0, 1])).frame()
    };
    let mut respond = |frame: &[u8]| {
        let mut knows = Knowledge {
            networks: &bench.networks,
            settings: &bench.settings,
            offers: &LongNames,
            learning: &mut bench.learning,
            now: bench.now,
            steps: &mut bench.steps,
        };
        bench.responder.respond(frame, None, &mut knows, &mut vec![0; crate::proxy::templates::FRAME])
    };
    assert!(respond(&size(1472)).is_some());
    assert!(respond(&size(576)).is_none());
    let Some(Step::Refused { why, .. }) = bench.steps.last() else { panic!("{:?}", bench.steps) };
    assert!(why.ends_with("and the client takes 548"), "{why}");
}
