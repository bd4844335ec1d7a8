use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;
use crate::boot::Term;
use crate::proxy::Strategy;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn open(path: &Path) -> (StateFile, State, Option<Damage>) {
    StateFile::open(path).expect("the state file can be opened")
}

fn mac(number: u16) -> MacAddress {
    let [high, low] = number.to_be_bytes();
    MacAddress([0x52, 0x54, 0, 0, high, low])
}

fn some_state() -> State {
    let binding = ("52:54:00:12:34:56".parse().unwrap(), "eno1".parse().unwrap());
    let mut choices = Choices::default();
    choices.set(mac(1).0, "memtest86+", Term::Next);
    choices.set(mac(2).0, "a \"quoted\" one", Term::Always);
    State {
        trusts: vec!["52:54:00:12:34:56".parse().unwrap(), "*@eno2,vlan=5,pxe".parse().unwrap()],
        bindings: [binding].into(),
        choices,
        learnt: Learnt(vec![(mac(1), Strategy::Binl), (mac(3), Strategy::Menu)]),
    }
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_missing_file_is_an_empty_state_and_its_folder_is_made() {
    let folder = folder();
    let path = folder.path().join("var/lib/pxeguard/state.toml");
    let (file, state, damage) = open(&path);
    assert_eq!((state, damage), (State::default(), None));
    file.save(&some_state()).unwrap();
}

#[test]
fn what_was_saved_is_there_after_a_restart() {
    let folder = folder();
    let path = folder.path().join("state.toml");
    let (file, ..) = open(&path);
    file.save(&State::default()).unwrap();
    file.save(&some_state()).unwrap();
    assert_eq!(open(&path).1, some_state());
    assert_eq!(names(&folder), ["state.toml"]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn a_damaged_file_is_moved_aside_and_told() {
    let good = format!("version = {FORMAT}\ntrust = [\"52:54:00:12:34:56\"]\n");
    let damaged: [&[u8]; 8] = [
        b"",
        &good.as_bytes()[..good.len() / 2],
        b"\0\0\0\0\0\0\0\0",
        b"\xff\xfe",
        b"version = 1\ntrust = [\"nonsense\"]\n",
        b"version = 1\n[bindings]\n\"52:54:00:12:34:56\" = \"a/b\"\n",
        b"version = 2\nlearnt = [[\"52:54:00:12:34:56\", \"guess\"]]\n",
        b"version = 2\n[choices]\n\"52:54:00:12:34:56\" = \"debian\"\n",
    ];
    for bytes in damaged {
        let folder = folder();
        let path = folder.path().join("state.toml");
        fs::write(&path, bytes).unwrap();
        let (file, state, damage) = open(&path);
        let damage = damage.expect("damage is told");
        assert_eq!(state, State::default());
        assert_eq!(fs::read(&damage.moved_to).unwrap(), bytes);
        assert!(damage.moved_to.to_str().unwrap().contains("/state.toml.damaged-1"), "{damage}");
        assert!(!damage.to_string().contains('\n'), "{damage}");
        file.save(&some_state()).unwrap();
        assert_eq!(open(&path).1, some_state());
    }
}

#[test]
fn a_second_damaged_file_does_not_replace_the_first() {
    let folder = folder();
    let path = folder.path().join("state.toml");
    for _ in 0..3 {
        fs::write(&path, "?").unwrap();
        open(&path);
    }
    assert_eq!(names(&folder).len(), 3);
}

#[test]
fn a_file_of_a_newer_format_is_left_alone() {
    let folder = folder();
    let path = folder.path().join("state.toml");
    fs::write(&path, "version = 3\nnovelty = true\n").unwrap();
    let error = StateFile::open(&path).unwrap_err().to_string();
    assert!(error.contains("is of format 3, and this pxeguard knows 2"), "{error}");
    assert!(path.exists());
}

#[test]
fn a_file_of_the_first_format_is_still_read() {
    let folder = folder();
    let path = folder.path().join("state.toml");
    fs::write(&path, "version = 1\ntrust = [\"52:54:00:12:34:56\"]\n").unwrap();
    let (_, state, damage) = open(&path);
    assert_eq!(damage, None);
    assert_eq!(state, State { trusts: vec!["52:54:00:12:34:56".parse().unwrap()], ..State::default() });
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_that_names_it() {
    let folder = folder();
    let obstacle = folder.path().join("obstacle");
    fs::write(&obstacle, "").unwrap();
    let error = StateFile::open(&obstacle.join("state.toml")).unwrap_err().to_string();
    assert_eq!(error, format!("cannot make the folder {}", obstacle.display()));
}

#[test]
fn a_failed_write_leaves_the_old_state_and_nothing_else() {
    let folder = folder();
    let path = folder.path().join("state.toml");
    let (file, ..) = open(&path);
    fs::create_dir(&path).unwrap();
    file.save(&some_state()).unwrap_err();
    assert_eq!(names(&folder), ["state.toml"]);
}

#[test]
fn bindings_that_no_trust_asks_for_are_forgotten() {
    let mut state = some_state();
    let trusts = Trusts::new([], &state.trusts);
    assert!(!state.prune(&trusts));
    let trusts = Trusts::new([], &["52:54:00:12:34:56@eno1".parse().unwrap()]);
    assert!(state.prune(&trusts));
    assert!(state.bindings.is_empty());
}
