use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;

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
    State {
        trusts: vec!["52:54:00:12:34:56".parse().unwrap(), "*@eno2,vlan=5,pxe".parse().unwrap()],
        bindings: [binding].into(),
        choices: [
            (mac(1), Choice { entry: "memtest86+".to_owned(), once: true }),
            (mac(2), Choice { entry: "a \"quoted\" one".to_owned(), once: false }),
        ]
        .into(),
        strategies: [(mac(1), Strategy::Binl), (mac(3), Strategy::Menu)].into(),
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
        b"version = 2\n[strategies]\n\"52:54:00:12:34:56\" = \"guess\"\n",
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

#[test]
fn a_choice_for_the_next_boot_is_gone_after_it_and_another_stays() {
    let mut state = some_state();
    assert!(!state.booted(mac(1), "something else"));
    assert!(!state.booted(mac(2), "a \"quoted\" one"));
    assert!(state.booted(mac(1), "memtest86+"));
    assert_eq!(state.choices.keys().copied().collect::<Vec<_>>(), [mac(2)]);
}

#[test]
fn choices_end_somewhere_and_those_made_can_still_be_changed() {
    let mut state = State::default();
    let choice = |entry: &str| Choice { entry: entry.to_owned(), once: false };
    for number in 0..MAX_CHOICES as u16 {
        state.choose(mac(number), choice("a")).unwrap();
    }
    assert_eq!(state.choose(mac(u16::MAX), choice("a")), Err(TooManyChoices));
    state.choose(mac(0), choice("b")).unwrap();
    assert_eq!(state.choices[&mac(0)], choice("b"));
    assert_eq!(state.choices.len(), MAX_CHOICES);
}

#[test]
fn who_invents_addresses_displaces_nothing_that_was_learnt() {
    let mut state = State::default();
    for number in 0..=MAX_LEARNT as u16 {
        let is_new = usize::from(number) < MAX_LEARNT;
        assert_eq!(state.learn(mac(number), Some(Strategy::Binl)), is_new, "{number}");
    }
    assert!(!state.learn(mac(0), Some(Strategy::Binl)), "known already");
    assert!(state.learn(mac(0), Some(Strategy::Menu)), "known better");
    assert!(state.learn(mac(1), None), "forgotten");
    assert!(state.learn(mac(u16::MAX), Some(Strategy::Menu)), "there is room again");
    assert_eq!(state.strategies.len(), MAX_LEARNT);
}

#[test]
fn what_the_operator_says_of_a_client_makes_forget_what_was_learnt() {
    let mut state = some_state();
    let client = |strategy| crate::boot::ClientSettings { strategy, ..Default::default() };
    let clients = [(mac(1), client(Some(Strategy::Direct))), (mac(3), client(None))].into();
    assert!(state.forget_decided(&clients));
    assert_eq!(state.strategies.keys().copied().collect::<Vec<_>>(), [mac(3)]);
    assert!(!state.forget_decided(&clients));
}
