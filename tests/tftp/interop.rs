//! Real clients, sizes and options, on a good wire.

use pxeguard_lab::{TftpClient, skip_unless, udp};

use crate::client::fetch;
use crate::scene::{SERVER, Scene};

/// With blocks of 512 bytes, block numbers begin again in it.
const ROLLS_OVER: usize = (32 << 20) + 1;
/// The largest block that fits into an Ethernet frame.
const ETHERNET: u16 = 1468;

#[test]
fn every_client_gets_files_of_every_small_size() {
    skip_unless!("atftp", "tftp", "curl");
    let scene = Scene::new();
    let sizes = [0, 1, 511, 512, 513, 70_000];
    for size in sizes {
        scene.add(&size.to_string(), size);
    }
    let _guard = scene.guard();
    for client in TftpClient::ALL {
        for file in sizes.map(|size| size.to_string()) {
            // curl 7.88 fails after it has got an empty file, from every server: getpeername() failed with errno 107.
            if client == TftpClient::Curl && file == "0" {
                continue;
            }
            let sum = client.fetch(&scene.client, SERVER, &file, &[]).unwrap();
            assert_eq!(sum, scene.sum(&file), "{file} bytes by {client:?}");
        }
    }
}

#[test]
fn files_whose_block_numbers_begin_again_arrive_whole() {
    skip_unless!("atftp", "curl");
    let scene = Scene::new();
    scene.add("large", ROLLS_OVER);
    let (_guard, sum) = (scene.guard(), scene.sum("large"));
    for (client, options) in [(TftpClient::Curl, &[("blksize", 512)][..]), (TftpClient::Atftp, &[("windowsize", 32)])] {
        let fetched = client.fetch(&scene.client, SERVER, "large", options).unwrap();
        assert_eq!(fetched, sum, "{client:?}");
    }
}

#[test]
fn a_large_file_arrives_whole_by_small_blocks_and_large_ones() {
    skip_unless!("atftp");
    let scene = Scene::new();
    scene.add("huge", 100 << 20);
    let (_guard, sum) = (scene.guard(), scene.sum("huge"));
    for options in [[("blksize", 1468), ("windowsize", 64)], [("blksize", 65464), ("windowsize", 2)]] {
        let fetched = TftpClient::Atftp.fetch(&scene.client, SERVER, "huge", &options).unwrap();
        assert_eq!(fetched, sum, "{options:?}");
    }
}

#[test]
fn every_size_of_blocks_goes_with_every_size_of_windows() {
    skip_unless!("atftp");
    let scene = Scene::new();
    let bytes = scene.add("file", 1_000_000);
    let (_guard, sum) = (scene.guard(), scene.sum("file"));
    let socket = || udp(&scene.client, "0.0.0.0:0").unwrap();
    for blksize in [512, 1024, 1408, 1428, 1468, 8192, 65464] {
        for windowsize in [1, 2, 4, 16, 64] {
            let options = [("blksize", blksize), ("windowsize", windowsize)];
            let fetched = TftpClient::Atftp.fetch(&scene.client, SERVER, "file", &options).unwrap();
            assert_eq!(fetched, sum, "{options:?}");
            // Our own client takes nothing but what it asked for.  Of the large blocks, windows are cut.
            if blksize <= ETHERNET {
                let terms = (usize::from(blksize), windowsize);
                fetch(&socket(), SERVER, "file", terms, &bytes).unwrap_or_else(|why| panic!("{options:?}: {why}"));
            }
        }
    }
}
