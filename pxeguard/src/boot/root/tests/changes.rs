//! Files that change: what is held in memory, what is being read, and what is watched.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::runtime::Builder;
use tokio::time::timeout;

use super::folder::{Folder, is_in_memory, text, until};
use crate::boot::root::{Watch, cache};
use crate::boot::{Content, Root, Source};

/// Long before any test.
const LONG_AGO: SystemTime = SystemTime::UNIX_EPOCH;

/// Opens a file until it is held in memory: once it has been left alone for a while.
fn in_memory(root: &Root, name: &str) -> Content {
    let mut held = None;
    until(&format!("{name} is held in memory"), || {
        held = root.file(name.as_bytes()).ok().filter(is_in_memory);
        held.is_some()
    });
    held.unwrap()
}

fn address(content: &Content) -> *const u8 {
    let Source::Memory(bytes) = &content.bytes else { panic!("not in memory") };
    bytes.as_ptr()
}

#[test]
fn a_small_file_is_read_once_and_again_when_it_changed() {
    let folder = Folder::new();
    let root = folder.root();
    folder.write("file", "one");
    assert!(!is_in_memory(&root.file(b"file").unwrap()), "what was just written may be written again");
    let (first, second) = (in_memory(&root, "file"), in_memory(&root, "file"));
    assert_eq!((text(&first).as_str(), address(&first)), ("one", address(&second)));
    // As long as before, and no younger: `rsync -t` and `cp -p` leave such.
    let modified = first.modified;
    folder.write("file", "two");
    folder.touch("file", modified);
    assert_eq!(text(&root.file(b"file").unwrap()), "two");
    assert_eq!(text(&first), "one", "who reads the old one goes on with it");
}

#[test]
fn large_files_are_read_by_everybody_through_one_descriptor() {
    let folder = Folder::new();
    let root = folder.root();
    folder.write("large", &"x".repeat(usize::try_from(cache::MAX_FILE_BYTES).unwrap() + 1));
    let (one, other) = (root.file(b"large").unwrap(), root.file(b"LARGE").unwrap());
    let (Source::File(one), Source::File(other)) = (one.bytes, other.bytes) else { panic!("in memory") };
    assert!(Arc::ptr_eq(&one, &other));
}

#[test]
fn a_file_that_is_replaced_is_read_to_its_end_and_one_that_is_cut_off_ends_sooner() {
    let folder = Folder::new();
    let root = folder.root();
    folder.write("file", "old bytes");
    let reading = root.file(b"file").unwrap();
    folder.write("next", "new");
    fs::rename(folder.path("next"), folder.path("file")).unwrap();
    assert_eq!(text(&reading), "old bytes");
    let reading = root.file(b"file").unwrap();
    assert_eq!(reading.len, 3);
    folder.write("file", "n");
    assert_eq!(text(&reading), "n");
}

#[test]
fn files_held_in_memory_make_room_for_each_other() {
    let folder = Folder::new();
    let root = folder.root();
    let count = cache::MAX_BYTES / cache::MAX_FILE_BYTES;
    let names: Vec<_> = (0..=count).map(|number| format!("file-{number}")).collect();
    let bytes = "x".repeat(usize::try_from(cache::MAX_FILE_BYTES).unwrap());
    for name in &names {
        folder.write(name, &bytes);
    }
    let last = names.last().unwrap();
    in_memory(&root, last);
    let addresses: Vec<_> = names[1..].iter().map(|name| address(&in_memory(&root, name))).collect();
    let held: Vec<_> = names[1..].iter().map(|name| address(&in_memory(&root, name))).collect();
    assert_eq!(addresses, held, "they fit");
    assert_eq!(root.cache.bytes(), cache::MAX_BYTES);
    in_memory(&root, &names[0]);
    assert_eq!(root.cache.bytes(), cache::MAX_BYTES, "one more, and one less");
}

#[test]
fn a_watch_tells_each_change_and_nothing_else() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let folder = Folder::new();
        folder.write("file", "one");
        let root = folder.root();
        let mut watch = Watch::new(&root);
        let changes: [(&str, &dyn Fn()); 6] = [
            ("a file appears", &|| folder.write("more", "")),
            ("a file in a new folder", &|| folder.write("new/folder/file", "")),
            ("a file is written", &|| folder.write("new/folder/file", "x")),
            ("a file is renamed", &|| fs::rename(folder.path("more"), folder.path("other")).unwrap()),
            ("a folder goes", &|| fs::remove_dir_all(folder.path("new")).unwrap()),
            ("a file looks older", &|| folder.touch("file", LONG_AGO)),
        ];
        for (what, change) in changes {
            change();
            let changed = timeout(Duration::from_secs(20), watch.changed()).await;
            assert!(changed.is_ok(), "not told: {what}");
            // An access is no change, and nothing is told twice.
            root.file(b"file").unwrap();
            let again = timeout(Duration::from_millis(500), watch.changed()).await;
            assert!(again.is_err(), "told although nothing changed after: {what}");
        }
    });
}
