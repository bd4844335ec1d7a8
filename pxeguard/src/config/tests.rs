mod boot;

use std::fs;

use tempfile::NamedTempFile;

use super::*;

/// The file in the repository, which packages install.
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/pxeguard.toml");

fn file(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a temporary file");
    fs::write(&file, text).expect("a temporary file can be written");
    file
}

fn flags(file: &NamedTempFile) -> RunArgs {
    RunArgs { config: Some(file.path().to_owned()), ..RunArgs::default() }
}

fn trust(text: &str) -> Trust {
    text.parse().unwrap()
}

/// What is wrong with a file, without its path.
fn mistake(text: &str) -> String {
    let file = file(text);
    let error = Config::load(flags(&file)).expect_err(text).to_string();
    let place = format!("{}:", file.path().display());
    error.strip_prefix(&place).unwrap_or_else(|| panic!("{error}")).to_owned()
}

#[test]
fn defaults_hold_where_nothing_is_said() {
    let config = Config::load(flags(&file("iface = \"vmbr0\""))).unwrap();
    assert_eq!(config.ifaces, ["vmbr0".parse().unwrap()]);
    assert_eq!((config.mode, config.hook), (None, HookChoice::Auto));
    assert_eq!(config.listen.to_string(), "127.0.0.1:9467");
    assert_eq!(config.control, Path::new("/run/pxeguard/pxeguard.sock"));
    assert_eq!(config.state, Path::new("/var/lib/pxeguard/state.toml"));
    assert_eq!(config.limits.of("eno1"), Limit { per_s: 2000, burst: 10_000 });
}

#[test]
fn a_port_has_its_own_limit_or_that_of_all_and_the_flag_wins() {
    let file = file(
        r#"
        iface = "vmbr0"
        [limits]
        client_burst = 500
        [limits.ports.tap1]
        client_messages_per_s = 20
        [limits.ports.tap2]
        client_burst = 600
        [limits.ports.eno1]
        client_messages_per_s = 0
        "#,
    );
    let limits = Config::load(flags(&file)).unwrap().limits;
    let of = |port| (limits.of(port).per_s, limits.of(port).burst);
    assert_eq!([of("tap0"), of("tap1"), of("tap2"), of("eno1")], [(2000, 500), (20, 100), (2000, 600), (0, 0)]);
    let flags = RunArgs { client_messages_per_s: Some(7), ..flags(&file) };
    let limits = Config::load(flags).unwrap().limits;
    assert_eq!([limits.of("tap0").per_s, limits.of("tap1").per_s], [7, 20]);
}

#[test]
fn flags_win_and_lists_add_up() {
    let file = file(
        r#"
        iface = ["vmbr0", "vmbr1"]
        trust = ["52:54:00:12:34:56@eno1", "52:54:00:12:34:57"]
        trust_port = "eno2,vlan=5"
        mode = "observe"
        hook = "tcx"
        "#,
    );
    let flags = RunArgs {
        iface: vec!["vmbr1".parse().unwrap(), "br2".parse().unwrap()],
        trust: vec![trust("52:54:00:12:34:56@eno1")],
        mode: Some(ModeChoice::Enforce),
        ..flags(&file)
    };
    let config = Config::load(flags).unwrap();
    let names: Vec<_> = config.ifaces.iter().map(InterfaceName::as_str).collect();
    assert_eq!(names, ["vmbr1", "br2", "vmbr0"]);
    let expected = [
        (trust("52:54:00:12:34:56@eno1"), Source::Flag),
        (trust("52:54:00:12:34:57"), Source::Config),
        (trust("*@eno2,vlan=5"), Source::Config),
    ];
    assert_eq!(config.trusts, expected);
    assert_eq!((config.mode, config.hook), (Some(Mode::Enforce), HookChoice::Tcx));
}

#[test]
fn a_mistake_is_told_with_its_line() {
    let cases = [
        ("iface = \"vmbr0\"\n\nifaces = \"x\"\n", "3:1: unknown key \"ifaces\", expected one of \"iface\","),
        ("mode = \"enforced\"", "1:8: unknown value \"enforced\", expected \"observe\" or \"enforce\""),
        ("trust = [\n  \"52:54:00:12:34:56\",\n  \"nonsense\",\n]", "3:3: \"nonsense\" is not a MAC address"),
        ("trust = \"nonsense\"", "1:9: \"nonsense\" is not a MAC address"),
        ("trust_port = [\"a/b\"]", "1:15: \"a/b\" is not the name of a network interface"),
        ("iface = 5", "1:9: invalid type: integer \"5\", expected a string or a list of strings"),
        ("listen = \"localhost\"", "1:10: invalid socket address syntax"),
        ("iface = \"vmbr0", "1:15: invalid basic string, expected `\"`"),
        ("iface = \"a\"\niface = \"b\"", "2:1: duplicate key"),
        ("[limits]\nclient_rate = 5", "2:1: unknown key \"client_rate\", expected one of \"client_messages_per_s\","),
        ("[limits]\nclient_messages_per_s = -1", "2:25: -1 is not a number of messages a second from 0 to 1000000"),
        ("[limits]\nclient_burst = 0", "2:16: 0 is not a number of messages from 1 to 100000000"),
        (
            "[limits]\nclient_burst = 19",
            "2:16: at 2000 messages a second, 20 may come at once: the kernel's clock ticks",
        ),
        ("[limits.ports.\"a/b\"]", "1:15: \"a/b\" is not the name of a network interface"),
        ("[limits.ports.p]\nburst = 5", "2:1: unknown key \"burst\""),
    ];
    for (text, expected) in cases {
        let told = mistake(text);
        assert!(told.starts_with(expected), "{told}");
        assert!(!told.contains('\n'), "{told}");
    }
}

#[test]
fn a_file_that_is_named_has_to_be_there() {
    let flags = RunArgs { config: Some("/nonexistent/pxeguard.toml".into()), ..RunArgs::default() };
    let error = Config::load(flags).unwrap_err().to_string();
    assert_eq!(error, "cannot read the configuration file /nonexistent/pxeguard.toml");
}

#[test]
fn something_has_to_be_guarded() {
    let file = file("mode = \"observe\"");
    let error = Config::load(flags(&file)).unwrap_err();
    assert!(matches!(error, ConfigError::NoInterface(path) if path == file.path()));
}

#[test]
fn the_mode_follows_from_trust_unless_it_is_said() {
    let nobody = Trusts::default();
    let somebody = Trusts::new([], &[trust("*@eno1")]);
    let config = |text: &str| Config::load(flags(&file(&format!("iface = \"vmbr0\"\n{text}")))).unwrap();
    assert!(matches!(config("").mode(&nobody), (Mode::Observe, Some(_))));
    assert_eq!(config("").mode(&somebody), (Mode::Enforce, None));
    assert_eq!(config("mode = \"observe\"").mode(&somebody), (Mode::Observe, None));
    let (mode, warning) = config("mode = \"enforce\"").mode(&nobody);
    assert_eq!(mode, Mode::Enforce);
    assert!(warning.unwrap().contains("every DHCP server but this host itself is cut off"));
}

#[test]
fn reloading_changes_what_it_can_and_tells_what_it_cannot() {
    let file = file("iface = \"vmbr0\"\nhook = \"tcx\"");
    let config = Config::load(flags(&file)).unwrap();
    fs::write(&file, "iface = \"br1\"\ntrust_port = \"eno1\"\nhook = \"xdp\"\nlisten = \"[::1]:1\"").unwrap();
    let (new, needs_restart) = config.reload().unwrap();
    assert_eq!(new.ifaces, ["br1".parse().unwrap()]);
    assert_eq!(new.trusts, [(trust("*@eno1"), Source::Config)]);
    assert_eq!((new.hook, new.listen), (HookChoice::Tcx, DEFAULT_LISTEN));
    assert_eq!(needs_restart, [NeedsRestart("hook"), NeedsRestart("listen")]);
}

#[test]
fn reloading_a_wrong_or_missing_file_changes_nothing() {
    let file = file("iface = \"vmbr0\"");
    let config = Config::load(flags(&file)).unwrap();
    fs::write(&file, "iface = \"vmbr0\"\ntrust = \"*\"").unwrap();
    config.reload().unwrap_err();
    fs::remove_file(&file).unwrap();
    config.reload().unwrap_err();
}

#[test]
fn the_example_is_a_configuration() {
    let flags = RunArgs { config: Some(EXAMPLE.into()), ..RunArgs::default() };
    let config = Config::load(flags).unwrap();
    assert_eq!((config.trusts.len(), config.mode), (0, None));
}

#[test]
fn a_host_is_a_name_without_a_port() {
    let hosts =
        |text| Config::load(flags(&file(&format!("iface = \"vmbr0\"\n[web]\nhosts = {text}")))).unwrap().web.hosts;
    assert_eq!(hosts("[\"PVE1.example.org\", \"pve1\"]"), ["pve1.example.org", "pve1"]);
    for wrong in ["pve1:9467", "http://pve1", "", "a b"] {
        let told = mistake(&format!("[web]\nhosts = \"{wrong}\""));
        assert!(told.starts_with("2:9: ") && told.contains("is not the name of a host"), "{told}");
    }
}

#[test]
fn every_key_of_the_example_is_known_and_has_its_default() {
    // Keys and tables are commented out as `#key = value` and `#[table]`, prose as `# text`.
    let text = fs::read_to_string(EXAMPLE).unwrap();
    let uncommented = |line: &str| match line.strip_prefix('#') {
        Some(setting) if setting.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => setting.to_owned(),
        _ => line.to_owned(),
    };
    let all: Vec<_> = text.lines().map(uncommented).collect();
    let config = Config::load(flags(&file(&all.join("\n")))).unwrap();
    assert_eq!(config.trusts.len(), 5);
    assert_eq!((config.hook, config.listen), (HookChoice::Auto, DEFAULT_LISTEN));
    assert_eq!((config.limits.of("vmbr0"), config.limits.of("tap100i0")), (Limit::default(), Limit::at_rate(20)));
    assert_eq!((config.control, config.state), (DEFAULT_CONTROL.into(), DEFAULT_STATE.into()));
    assert_eq!(config.web.hosts, ["guard.example.org"]);
    let Settings { networks, programs, strategies, clients, default, .. } =
        config.boot.clone().expect("the example boots");
    assert_eq!((networks.len(), programs.len(), strategies.len(), clients.len()), (1, 2, 1, 1));
    assert_eq!(default.as_deref(), Some("memtest86+"));
    let examples =
        Settings { is_root_named: true, networks, programs, strategies, clients, default, ..Settings::default() };
    assert_eq!(config.boot, Some(examples));
}
