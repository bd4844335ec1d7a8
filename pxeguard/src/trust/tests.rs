use super::*;

const SERVER: Mac = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];

fn port(text: &str) -> PortName {
    text.parse().expect("a good name")
}

fn error(text: &str) -> String {
    text.parse::<Trust>().expect_err(text).to_string()
}

#[test]
fn each_place_is_written_as_documented() {
    let places = [
        ("*@eno1", TrustPlace::Port(port("eno1"))),
        ("52:54:00:12:34:56@eno1", TrustPlace::MacAtPort(SERVER, port("eno1"))),
        ("*@vm:100/net0", TrustPlace::Port(port("vm:100/net0"))),
        ("52:54:00:12:34:56@vm:web01", TrustPlace::MacAtPort(SERVER, port("vm:web01"))),
        ("52:54:00:12:34:56", TrustPlace::MacFirstSeen(SERVER)),
        ("52:54:00:12:34:56@*", TrustPlace::MacAnywhere(SERVER)),
    ];
    for (text, place) in places {
        assert_eq!(text.parse(), Ok(Trust { place, vlan: None, class: Class::Dhcp }));
    }
}

#[test]
fn every_trust_is_read_back_as_written() {
    let names = [
        "eno1",
        "tap100i0",
        "a@b",
        "vmbr0.5",
        "fifteen-bytes-x",
        "q'\"u",
        "pxe",
        "vlan=5",
        "é",
        "vm:100",
        "vm:pxe/net1",
    ];
    let mut places = vec![TrustPlace::MacFirstSeen(SERVER), TrustPlace::MacAnywhere(SERVER)];
    for text in names {
        places.push(TrustPlace::Port(port(text)));
        places.push(TrustPlace::MacAtPort(SERVER, port(text)));
    }
    for place in places {
        for vlan in [None, Some(0), Some(1), Some(4094)] {
            for class in [Class::Dhcp, Class::Pxe] {
                let trust = Trust { place: place.clone(), vlan, class };
                assert_eq!(trust.to_string().parse(), Ok(trust));
            }
        }
    }
}

#[test]
fn other_spellings_mean_the_same_trust() {
    let trust: Trust = "52:54:00:ab:cd:ef@eno1,vlan=untagged,pxe".parse().unwrap();
    for text in ["52-54-00-AB-CD-EF@eno1,pxe,vlan=0", "52:54:00:AB:cd:ef@eno1,vlan=untagged,pxe,pxe"] {
        assert_eq!(text.parse().as_ref(), Ok(&trust));
    }
}

#[test]
fn an_address_that_no_server_has_is_refused() {
    assert_eq!(error("ff:ff:ff:ff:ff:ff"), "ff:ff:ff:ff:ff:ff is a group's address: no server sends from it");
    assert_eq!(error("01:00:5e:00:00:01@eno1"), "01:00:5e:00:00:01 is a group's address: no server sends from it");
    assert_eq!(error("00:00:00:00:00:00"), "00:00:00:00:00:00 is no server's address");
    for text in ["52:54:00:12:34", "52:54:00:12:34:56:78", "52:54:00:12:34:5g", "52:54:00:12:34:+5", "5:54:00:12:34:56"]
    {
        assert!(error(text).ends_with("six bytes in hexadecimal, like 52:54:00:12:34:56"), "{text}: {}", error(text));
    }
    assert!(error("").contains("is not a MAC address"), "{}", error(""));
    for port in ["eno1", "vm:100"] {
        assert!(error(port).contains("--trust-port"), "{}", error(port));
    }
}

#[test]
fn a_trust_in_everybody_is_refused() {
    for text in ["*", "*@*"] {
        assert!(error(text).contains("would trust everybody"), "{}", error(text));
    }
}

#[test]
fn a_vlan_that_does_not_exist_is_refused() {
    for vlan in ["4095", "65536", "-1", "", "x"] {
        let text = format!("52:54:00:12:34:56,vlan={vlan}");
        assert_eq!(error(&text), format!("{vlan:?} is not a VLAN: 1 to 4094, or untagged"));
    }
    assert!(error("52:54:00:12:34:56,vlan=1,vlan=2").contains("only one VLAN"));
}

#[test]
fn an_unknown_option_is_refused() {
    assert_eq!(error("52:54:00:12:34:56,PXE"), r#"unknown option "PXE" of a trust; there are vlan=N and pxe"#);
    assert!(error("52:54:00:12:34:56,").contains(r#"unknown option """#));
}

#[test]
fn a_name_that_no_interface_has_is_refused() {
    for port in ["", "sixteen-bytes-xx", "a/b", "a b", "a:b", "..", "a\u{1b}[2J"] {
        assert!(Trust::parse_port(port).is_err(), "{port:?}");
        assert!(format!("52:54:00:12:34:56@{port}").parse::<Trust>().is_err(), "{port:?}");
    }
}

#[test]
fn a_port_can_be_narrowed_too() {
    let trust = Trust::parse_port("eno1,vlan=5,pxe").unwrap();
    assert_eq!(trust, Trust { place: TrustPlace::Port(port("eno1")), vlan: Some(5), class: Class::Pxe });
    assert_eq!(trust.to_option(), "--trust-port eno1,vlan=5,pxe");
    assert_eq!(Trust::parse_port("vm:100/net0,pxe").unwrap().to_option(), "--trust-port vm:100/net0,pxe");
}

#[test]
fn the_line_for_an_observed_server_is_exact() {
    let line = |port, vlan| Trust::for_server(SERVER, port, vlan).map(|trust| trust.to_option());
    assert_eq!(line("eno1", 0).as_deref(), Some("--trust 52:54:00:12:34:56@eno1"));
    assert_eq!(line("eno1", 5).as_deref(), Some("--trust 52:54:00:12:34:56@eno1,vlan=5"));
    assert_eq!(line("a;reboot'", 0).as_deref(), Some(r"--trust '52:54:00:12:34:56@a;reboot'\'''"));
    assert_eq!(line("a,b", 0), None);
    assert_eq!(Trust::for_server([0xff; 6], "eno1", 0), None);
}

#[test]
fn a_trust_is_its_text_in_json() {
    let trust: Trust = "52:54:00:12:34:56@eno1,vlan=5,pxe".parse().unwrap();
    let json = serde_json::to_string(&trust).unwrap();
    assert_eq!(json, r#""52:54:00:12:34:56@eno1,vlan=5,pxe""#);
    assert_eq!(serde_json::from_str::<Trust>(&json).unwrap(), trust);
}
