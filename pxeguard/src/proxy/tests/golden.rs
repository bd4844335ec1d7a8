//! Replies byte for byte, by the kind of client.  `tests/proxy` has tshark judge the same files.

use super::*;

/// Compares an answer with the file of that name; one that is missing is written, to be looked at.
fn expect(name: &str, reply: Option<Vec<u8>>) {
    let reply = reply.unwrap_or_else(|| panic!("{name}: no answer"));
    let hex = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n";
    let shown: String = reply.chunks(32).map(hex).collect();
    let path = format!("{}/src/proxy/tests/frames/{name}.reply.hex", env!("CARGO_MANIFEST_DIR"));
    match std::fs::read_to_string(&path) {
        Ok(expected) => assert_eq!(expected, shown, "{path}"),
        Err(_) => panic!("{path} is missing, and was written: {:?}", std::fs::write(&path, shown)),
    }
}

#[test]
fn ovmf_by_pxe() {
    for strategy in [Strategy::Direct, Strategy::Binl, Strategy::Menu] {
        let reply = Bench::with(strategy).respond(&bytes(OVMF_DISCOVER), None);
        expect(&format!("ovmf-x64-pxe-{}", strategy.name()), reply);
    }
}

#[test]
fn ovmf_on_port_4011() {
    let asking = Asking::of(OVMF_BOOT_SERVER_REQUEST);
    expect("ovmf-x64-pxe-boot-server", Bench::new().respond(&asking.frame(), None));
    let asking = asking.option(43, &[71, 4, 0x80, 0, 0, 0, 255]);
    expect("ovmf-x64-pxe-boot-server-menu", Bench::new().respond(&asking.frame(), None));
}

#[test]
fn ovmf_by_http() {
    expect("ovmf-x64-http", Bench::new().respond(&bytes(OVMF_HTTP_DISCOVER), None));
}

#[test]
fn the_ipxe_of_a_rom() {
    expect("ipxe-rom", Bench::new().respond(&bytes(IPXE_DISCOVER), None));
}

#[test]
fn the_firmware_of_arm64() {
    let asking = Asking::of(OVMF_DISCOVER).arch(Arch(11));
    expect("efi-arm64-pxe", Bench::new().respond(&asking.frame(), None));
}

#[test]
fn the_rom_of_a_bios() {
    let asking = Asking::of(OVMF_DISCOVER).arch(Arch(0));
    expect("bios-pxe", Bench::new().respond(&asking.frame(), None));
}

#[test]
fn a_relay_with_its_option() {
    let asking = Asking::of(OVMF_DISCOVER).option(82, &[1, 4, b'e', b't', b'h', b'7', 2, 1, 9]).with(|asking| {
        asking.message.set_giaddr([10, 9, 0, 1]).set_hops(1);
        asking.envelope.from = socket([10, 77, 0, 254].into(), port::SERVER);
        asking.envelope.to = socket(SERVER, port::SERVER);
        asking.envelope.from_mac = [2, 0, 0, 0, 0x77, 0xfe];
        asking.envelope.to_mac = SERVER_MAC;
    });
    expect("relay", Bench::new().respond(&asking.frame(), None));
}

#[test]
fn a_vlan() {
    expect("vlan", Bench::new().respond(&bytes(OVMF_DISCOVER), Some(5)));
}
