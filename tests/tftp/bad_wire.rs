//! Real clients behind a cable that loses frames, doubles them and swaps them.

use pxeguard_lab::{TftpClient, Trouble, skip_unless};

use crate::scene::{SERVER, Scene};

const ONE_BLOCK: &[(&str, u16)] = &[("blksize", 1468)];
const WINDOW: &[(&str, u16)] = &[("blksize", 1468), ("windowsize", 8)];
const BYTES: usize = 100_000;
/// For where much is lost: then the clients wait for seconds, again and again.
const FEW_BYTES: usize = 30_000;

#[test]
fn files_arrive_whole_where_one_frame_in_a_hundred_is_lost() {
    arrive_whole(BYTES, Trouble { lost: 1, ..Trouble::default() });
}

#[test]
fn files_arrive_whole_where_one_frame_in_ten_is_lost() {
    arrive_whole(FEW_BYTES, Trouble { lost: 10, ..Trouble::default() });
}

#[test]
fn files_arrive_whole_where_frames_are_doubled() {
    arrive_whole(BYTES, Trouble { doubled: 20, ..Trouble::default() });
}

#[test]
fn files_arrive_whole_where_frames_are_swapped() {
    arrive_whole(BYTES, Trouble { swapped: 10, ..Trouble::default() });
}

fn arrive_whole(bytes: usize, trouble: Trouble) {
    skip_unless!("atftp", "tftp", "curl", "ethtool");
    let scene = Scene::with(|lab| lab.attach_bad("client", trouble).unwrap());
    scene.add("file", bytes);
    let (_guard, sum) = (scene.guard(), scene.sum("file"));
    for (client, options) in [
        (TftpClient::Atftp, ONE_BLOCK),
        (TftpClient::Atftp, WINDOW),
        (TftpClient::Curl, ONE_BLOCK),
        (TftpClient::TftpHpa, &[]),
    ] {
        let fetched = client.fetch(&scene.client, SERVER, "file", options).unwrap();
        assert_eq!(fetched, sum, "{client:?} {options:?}, {trouble:?}");
    }
}
