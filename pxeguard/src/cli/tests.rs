use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;

fn run(options: &[&str]) -> Result<RunArgs, clap::Error> {
    let line = ["pxeguard", "run", "--iface", "vmbr0"].iter().chain(options);
    match Cli::try_parse_from(line)?.command {
        Command::Run(args) => Ok(args),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_declaration_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn options_that_can_be_repeated_add_up() {
    let args = run(&["--iface", "br1", "--trust", "52:54:00:12:34:56", "--trust", "52:54:00:12:34:57@eno1"]).unwrap();
    assert_eq!((args.iface.len(), args.trust.len(), args.trust_port.len()), (2, 2, 0));
}

#[test]
fn every_documented_value_is_taken() {
    for mode in ["observe", "enforce"] {
        run(&["--mode", mode]).unwrap();
    }
    for hook in ["auto", "xdp", "xdp-generic", "tcx", "clsact"] {
        run(&["--hook", hook]).unwrap();
    }
}

#[test]
fn a_trust_that_makes_no_sense_is_wrong_usage() {
    let wrong: [&[&str]; 5] = [
        &["--trust", "eno1"],
        &["--trust", "ff:ff:ff:ff:ff:ff"],
        &["--trust", "52:54:00:12:34:56,vlan=9999"],
        &["--trust-port", "a/b"],
        &["--iface", "a-name-that-is-too-long"],
    ];
    for options in wrong {
        let error = run(options).expect_err("wrong usage");
        assert_eq!((error.kind(), error.exit_code()), (ErrorKind::ValueValidation, 2), "{options:?}");
    }
}

#[test]
fn a_program_that_makes_no_sense_is_wrong_usage() {
    for program in ["bios", "bios=", "x64=a", "65536=a", "=a", "bios=../a"] {
        let error = run(&["--boot", program]).expect_err("wrong usage");
        assert_eq!((error.kind(), error.exit_code()), (ErrorKind::ValueValidation, 2), "{program}");
    }
    assert_eq!(run(&["--boot", "bios=a", "--boot", "0x10=b"]).unwrap().boot.len(), 2);
}

#[test]
fn one_cannot_boot_and_not_boot() {
    run(&["--no-boot"]).unwrap();
    for other in [["--boot-root", "/srv/boot"], ["--boot", "bios=a"]] {
        assert_eq!(run(&["--no-boot", other[0], other[1]]).unwrap_err().exit_code(), 2);
    }
}

#[test]
fn a_client_that_boots_an_entry_is_one_machine() {
    let parse = |line: &str| Cli::try_parse_from(line.split(' ')).map(|_| ());
    parse("pxeguard boot set 52:54:00:12:34:56 memtest86+ --once").unwrap();
    parse("pxeguard boot unset 52-54-00-12-34-56").unwrap();
    for wrong in ["set 52:54:00:12:34:56", "set memtest86+ x", "set ff:ff:ff:ff:ff:ff x", "unset 0", "unset"] {
        assert_eq!(parse(&format!("pxeguard boot {wrong}")).unwrap_err().exit_code(), 2, "{wrong}");
    }
}

#[test]
fn a_trust_is_given_by_one_of_two_ways() {
    let parse = |line: &str| Cli::try_parse_from(line.split(' ')).map(|_| ());
    parse("pxeguard trust add 52:54:00:12:34:56@eno1,vlan=5").unwrap();
    parse("pxeguard trust remove --port eno1,vlan=5").unwrap();
    assert_eq!(parse("pxeguard trust add").unwrap_err().exit_code(), 2);
    assert_eq!(parse("pxeguard trust add --port eno1 52:54:00:12:34:56").unwrap_err().exit_code(), 2);
}
