use proptest::prelude::*;

use super::super::packet::Request;
use super::*;

const LEN: u64 = 100_000;
const ETHERNET: u16 = 1500;

fn agree_at(options: &str, mtu: u16) -> Terms {
    let datagram = format!("\0\x01file\0octet\0{options}");
    match Request::parse(datagram.as_bytes()) {
        Some(Request::Read(read)) => Terms::agree(&read, LEN, mtu),
        other => panic!("{other:?}"),
    }
}

/// What is agreed, and the answer's options.
fn agree(options: &str) -> (u16, u16, Option<String>) {
    let terms = agree_at(options, ETHERNET);
    let answer = terms.answer.map(|answer| String::from_utf8(answer[2..].to_vec()).unwrap());
    (terms.block_size, terms.window, answer)
}

#[test]
fn who_asks_for_nothing_gets_blocks_of_512_and_no_answer() {
    assert_eq!(agree(""), (512, 1, None));
}

#[test]
fn what_is_asked_for_is_answered_in_the_clients_order_and_in_lower_case() {
    let edk2 = "tsize\x000\0blksize\x001468\0windowsize\x004\0";
    assert_eq!(agree(edk2), (1468, 4, Some("tsize\x00100000\0blksize\x001468\0windowsize\x004\0".to_owned())));
    assert_eq!(agree("BlkSize\x001024\0"), (1024, 1, Some("blksize\x001024\0".to_owned())));
}

#[test]
fn what_is_not_known_is_not_answered() {
    assert_eq!(agree("multicast\0\0rollover\x000\0"), (512, 1, None));
    assert_eq!(agree("multicast\0\0tsize\x000\0").2.as_deref(), Some("tsize\x00100000\0"));
}

#[test]
fn values_that_no_rfc_allows_are_as_if_not_asked_for() {
    for options in [
        "blksize\x007\0",
        "blksize\0\0",
        "blksize\0-8\0",
        "blksize\0+512\0",
        "blksize\0abc\0",
        "windowsize\x000\0",
        "timeout\x000\0",
        "timeout\x00256\0",
        "blksize\x0099999999999999999999999\0",
    ] {
        assert_eq!(agree(options), (512, 1, None), "{options:?}");
    }
}

#[test]
fn an_option_asked_for_twice_is_answered_once() {
    assert_eq!(agree("blksize\x001024\0blksize\x002048\0"), (1024, 1, Some("blksize\x001024\0".to_owned())));
}

#[test]
fn more_than_can_be_is_answered_with_what_can_be() {
    assert_eq!(agree("blksize\x0070000\0").0, 65464);
    assert_eq!(agree("blksize\x001468\0windowsize\x00500\0").1, 64);
}

#[test]
fn a_window_fits_into_the_clients_socket_whichever_option_comes_first() {
    for options in ["blksize\x008192\0windowsize\x0064\0", "windowsize\x0064\0blksize\x008192\0"] {
        let (block_size, window, answer) = agree(options);
        assert_eq!((block_size, window), (8192, 12));
        assert!(answer.unwrap().contains("windowsize\x0012\0"));
    }
    assert_eq!(agree("blksize\x0065464\0windowsize\x0064\0").1, 1);
}

#[test]
fn the_clients_timeout_is_taken() {
    let terms = agree_at("timeout\x005\0", ETHERNET);
    assert_eq!(terms.timeout, Some(Duration::from_secs(5)));
}

#[test]
fn on_a_narrow_way_firmware_gets_whole_packets_and_who_counts_on_fragments_gets_them() {
    for (asked, mtu, agreed) in
        [(1468, 1500, 1468), (1468, 1450, 1418), (1024, 1450, 1024), (8192, 1450, 8192), (1468, 9000, 1468)]
    {
        assert_eq!(agree_at(&format!("blksize\0{asked}\0"), mtu).block_size, agreed, "{asked} at {mtu}");
    }
}

proptest! {
    #[test]
    fn nothing_is_ever_more_than_asked_for(blksize in 8..=65464_u64, windowsize in 1..=65535_u64, mtu in 68..=65535_u16) {
        let terms = agree_at(&format!("windowsize\0{windowsize}\0blksize\0{blksize}\0"), mtu);
        prop_assert!((8..=blksize).contains(&u64::from(terms.block_size)));
        prop_assert!((1..=windowsize.min(64)).contains(&u64::from(terms.window)));
    }
}
