use proptest::prelude::*;

use super::*;

/// What edk2 sends (NetworkPkg/Mtftp4Dxe), bytes as captured from OVMF.
const EDK2: &[u8] = b"\x00\x01grubx64.efi\0octet\0tsize\x000\0blksize\x001468\0windowsize\x004\0";

fn read(datagram: &[u8]) -> Read<'_> {
    match Request::parse(datagram) {
        Some(Request::Read(read)) => read,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_of_edk2_is_read() {
    let read = read(EDK2);
    assert_eq!((read.file, read.mode), (&b"grubx64.efi"[..], Mode::Octet));
    let options: Vec<_> = read.options().collect();
    let pairs: [(&[u8], &[u8]); 3] = [(b"tsize", b"0"), (b"blksize", b"1468"), (b"windowsize", b"4")];
    assert_eq!(options, pairs);
}

#[test]
fn modes_are_read_whatever_their_case() {
    for (mode, expected) in
        [("octet", Mode::Octet), ("OCTET", Mode::Octet), ("NetASCII", Mode::Netascii), ("mail", Mode::Other)]
    {
        assert_eq!(read(format!("\0\x01f\0{mode}\0").as_bytes()).mode, expected, "{mode}");
    }
}

#[test]
fn a_request_to_store_is_told_from_one_to_read() {
    assert_eq!(Request::parse(b"\x00\x02new\0octet\0"), Some(Request::Write { file: b"new" }));
}

#[test]
fn what_is_cut_off_before_the_options_is_no_request() {
    let whole = b"\x00\x01file\0octet\0";
    for len in 0..whole.len() {
        assert_eq!(Request::parse(&whole[..len]), None, "{len} bytes");
    }
}

#[test]
fn an_option_that_is_cut_off_is_left_out() {
    let cut = &EDK2[..EDK2.len() - 1];
    assert_eq!(read(cut).options().count(), 2);
}

#[test]
fn other_opcodes_are_no_requests() {
    for opcode in [0_u16, 3, 4, 5, 6, 7, 256, 65535] {
        let datagram = [&opcode.to_be_bytes()[..], b"file\0octet\0"].concat();
        assert_eq!(Request::parse(&datagram), None, "{opcode}");
    }
}

#[test]
fn replies_are_read() {
    assert_eq!(Reply::parse(&[0, 4, 0xff, 0xfe]), Some(Reply::Ack(0xfffe)));
    // dnsmasq's log shows this of edk2 at each boot.
    let aborted = b"\x00\x05\x00\x08User aborted the transfer\0";
    assert_eq!(Reply::parse(aborted), Some(Reply::Error { code: 8, text: b"User aborted the transfer" }));
    assert_eq!(Reply::parse(b"\x00\x05\x00\x00no NUL"), Some(Reply::Error { code: 0, text: b"no NUL" }));
    for nothing in [&[][..], &[0, 4], &[0, 4, 1], &[0, 3, 0, 1, 9], &[0, 6, 0, 0]] {
        assert_eq!(Reply::parse(nothing), None, "{nothing:?}");
    }
}

#[test]
fn what_is_sent_has_these_bytes() {
    assert_eq!(data_header(1), [0, 3, 0, 1]);
    assert_eq!(data_header(65535), [0, 3, 0xff, 0xff]);
    assert_eq!(data_header(65536), [0, 3, 0, 0]);
    assert_eq!(data_header(65537), [0, 3, 0, 1]);
    assert_eq!(error(ErrorCode::NotFound, "no such file"), b"\x00\x05\x00\x01no such file\0");
    assert_eq!(option_ack(&[("tsize", 4096), ("blksize", 1468)]), b"\x00\x06tsize\x004096\0blksize\x001468\0");
}

#[test]
fn the_text_of_an_error_is_short_enough_for_small_clients() {
    let long = "ü".repeat(300);
    let packet = error(ErrorCode::NotDefined, &long);
    assert!(packet.len() <= 128, "{}", packet.len());
    assert!(str::from_utf8(&packet[4..packet.len() - 1]).is_ok());
}

#[test]
fn a_clients_text_cannot_steer_the_terminal() {
    assert_eq!(printable(b"\x1b[2Jgrub\nx\xff"), "\\u{1b}[2Jgrub\\nx\u{fffd}");
}

proptest! {
    #[test]
    fn any_datagram_is_read_without_a_panic(datagram in proptest::collection::vec(any::<u8>(), 0..600), opcode in 0..8_u8) {
        let datagram = [&[0, opcode], &datagram[..]].concat();
        let _ = Reply::parse(&datagram);
        if let Some(Request::Read(read)) = Request::parse(&datagram) {
            prop_assert!(!read.file.contains(&0));
            prop_assert!(read.options().all(|(name, value)| !name.contains(&0) && !value.contains(&0)));
        }
    }
}
