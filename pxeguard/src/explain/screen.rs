//! What stands on a client's screen, and what it can mean.
//!
//! The codes of Intel's PXE ROMs are those of its PXE SDK, which other makers' ROMs took over; those of UEFI firmware
//! stand in edk2's `NetworkPkg/UefiPxeBcDxe/PxeBcBoot.c`, with fewer words and sometimes another meaning.

use crate::report::{ScreenMessage, printable};

/// A message, and which causes it fits.
pub(super) struct Known {
    pub(super) code: &'static str,
    /// Its words, or a part by which it is known.
    text: &'static str,
    by: &'static str,
    means: &'static str,
    pub(super) causes: &'static [&'static str],
}

const ROM: &str = "a PXE ROM";
const BOTH: &str = "UEFI firmware or a PXE ROM";
const UEFI: &str = "UEFI firmware";
const IPXE: &str = "iPXE";

const fn known(
    code: &'static str,
    text: &'static str,
    by: &'static str,
    means: &'static str,
    causes: &'static [&'static str],
) -> Known {
    Known { code, text, by, means, causes }
}

/// Those that say something about the network; the first that fits counts.
const KNOWN: &[Known] = &[
    known(
        "PXE-E05",
        "Buffer size is smaller than the requested file",
        UEFI,
        "the file is longer than its server said, or longer than the memory set aside for it",
        &["transfer_broken"],
    ),
    known("PXE-E07", "Network device error", UEFI, "the card or its driver failed", &[]),
    known("PXE-E09", "Could not allocate I/O buffers", UEFI, "too little memory for the file", &[]),
    known(
        "PXE-E11",
        "ARP timeout",
        ROM,
        "nobody answers for the address of the server that the offer names: another DHCP server named it, it is in \
         another network, or a firewall is in the way",
        &["dhcp_server_names_file", "second_dhcp_server", "tftp_blocked"],
    ),
    known("PXE-E12", "Could not detect network connection", UEFI, "no cable, or the port is down", &[]),
    known(
        "PXE-E16",
        "No valid offer received",
        UEFI,
        "no offer was complete: an address from a DHCP server, and a file from it or from a proxy",
        &["no_dhcp_server", "dhcp_server_not_trusted", "forward_delay", "bad_checksum", "refused"],
    ),
    known(
        "PXE-E18",
        "Server response timeout",
        UEFI,
        "an offer was taken, and then the server did not answer: on port 4011, or to the request for the file",
        &["port_4011_unanswered", "option_60_from_dhcp_server", "tftp_blocked", "foreign_pxe_responder"],
    ),
    known(
        "PXE-E21",
        "Remote boot cancelled",
        UEFI,
        "somebody pressed a key; or the offer that was taken led nowhere: that of a second server, that of another PXE \
         responder whose menu says to boot from the disk, or one for a file that is not there",
        &[
            "second_dhcp_server",
            "foreign_pxe_responder",
            "option_60_from_dhcp_server",
            "file_missing",
            "file_unreadable",
        ],
    ),
    known(
        "PXE-E22",
        "Client received ICMP error",
        UEFI,
        "the server's host says that nobody listens there, or that it must not be reached",
        &["tftp_blocked", "port_4011_unanswered", "dhcp_server_names_file"],
    ),
    known(
        "PXE-E23",
        "Client received TFTP error",
        UEFI,
        "the server has no such file, or must not give it",
        &["file_missing", "file_unreadable"],
    ),
    known(
        "PXE-E32",
        "TFTP open timeout",
        ROM,
        "the TFTP server does not answer at all",
        &["tftp_blocked", "dhcp_server_names_file", "second_dhcp_server"],
    ),
    known("PXE-E35", "TFTP read timeout", ROM, "the TFTP server stopped in the middle", &["transfer_broken"]),
    known(
        "PXE-E36",
        "Error received from TFTP server",
        ROM,
        "the server has no such file, or must not give it",
        &["file_missing", "file_unreadable"],
    ),
    known("PXE-T01", "File not found", ROM, "the server has no such file", &["file_missing"]),
    known(
        "PXE-T02",
        "Access violation",
        ROM,
        "the server must not give this file",
        &["file_unreadable", "file_missing"],
    ),
    known(
        "PXE-E51",
        "No DHCP or proxyDHCP offers were received",
        ROM,
        "nobody answered at all",
        &["no_dhcp_server", "dhcp_server_not_trusted", "forward_delay", "bad_checksum"],
    ),
    known(
        "PXE-E52",
        "proxyDHCP offers were received. No DHCP offers were received",
        ROM,
        "a PXE server answered, and nobody gave an address",
        &["no_dhcp_server", "dhcp_server_not_trusted", "bad_checksum"],
    ),
    known(
        "PXE-E53",
        "No boot filename received",
        BOTH,
        "there was an address, and nobody said what to boot",
        &["refused", "second_dhcp_server", "foreign_pxe_responder", "strategy", "no_boot_service"],
    ),
    known(
        "PXE-E55",
        "ProxyDHCP service did not reply to request on port 4011",
        ROM,
        "an offer said that its server answers on port 4011, and it did not: most often a DHCP server that sends option \
         60 without being a PXE server, or a firewall",
        &["option_60_from_dhcp_server", "foreign_pxe_responder", "port_4011_unanswered"],
    ),
    known("PXE-E61", "Media test failure, check cable", ROM, "no cable, or the port is down", &[]),
    known(
        "PXE-E74",
        "Bad or missing PXE menu",
        ROM,
        "a PXE server sent a menu without items or without a prompt",
        &["foreign_pxe_responder", "strategy"],
    ),
    known(
        "PXE-E77",
        "Bad or missing discovery server list",
        ROM,
        "a PXE server sent a list of boot servers that nobody can read",
        &["foreign_pxe_responder", "strategy"],
    ),
    known(
        "PXE-E78",
        "Could not locate boot server",
        ROM,
        "the boot server that was chosen from the menu does not answer",
        &["foreign_pxe_responder", "port_4011_unanswered"],
    ),
    known(
        "PXE-E79",
        "NBP is too big to fit in free base memory",
        ROM,
        "the file is no boot program of a BIOS: a UEFI program, a kernel or an image",
        &["foreign_pxe_responder", "dhcp_server_names_file"],
    ),
    known(
        "PXE-E89",
        "Could not download boot image",
        ROM,
        "the file is missing, or its transfer broke off",
        &["file_missing", "transfer_broken"],
    ),
    known("PXE-E98", "Type:", UEFI, "the details of PXE-E22", &["tftp_blocked"]),
    known("PXE-E99", "Unexpected network error", UEFI, "something else", &[]),
    known("PXE-M0F", "Exiting PXE ROM", ROM, "it gives up; what stands above it says why", &[]),
    known(
        "Access Denied",
        "ACCESS DENIED",
        UEFI,
        "Secure Boot refuses the file: it is not signed by a key it knows",
        &["boot_loop"],
    ),
    known(
        "NBP",
        "NBP file downloaded successfully",
        UEFI,
        "the file arrived; where nothing follows, it does not run on this machine, or Secure Boot refuses it",
        &["boot_loop"],
    ),
    known(
        "No configuration methods succeeded",
        "No configuration methods succeeded",
        IPXE,
        "no DHCP server answered iPXE, which may be a second after the firmware had an answer: a bridge with a forward \
         delay, or a switch without portfast, holds back what comes after the link was down",
        &["no_dhcp_server", "forward_delay", "dhcp_server_not_trusted", "bad_checksum"],
    ),
    known(
        "Nothing to boot",
        "Nothing to boot",
        IPXE,
        "nobody named a file",
        &["refused", "second_dhcp_server", "no_boot_service"],
    ),
    known("No such file", "No such file or directory", IPXE, "the server has no such file", &["file_missing"]),
    known(
        "Connection timed out",
        "Connection timed out",
        IPXE,
        "the server of the file does not answer",
        &["tftp_blocked", "transfer_broken", "dhcp_server_names_file"],
    ),
    known("Connection reset", "Connection reset", IPXE, "nobody listens at the server's port", &["tftp_blocked"]),
    known("Permission denied", "Permission denied", IPXE, "the server must not give this file", &["file_unreadable"]),
    known("Exec format error", "Exec format error", IPXE, "the file is no program for this machine", &[]),
    known(
        "Could not start download",
        "Could not start download",
        IPXE,
        "the address of the file cannot be used",
        &["dhcp_server_names_file"],
    ),
];

/// The message that a text is, or holds.
pub(super) fn find(text: &str) -> Option<&'static Known> {
    let text = text.to_ascii_uppercase();
    let holds = |part: &str| text.contains(&part.to_ascii_uppercase());
    // "E53" alone is what people remember.
    let is_code = |known: &&Known| {
        holds(known.code)
            || known
                .code
                .strip_prefix("PXE-")
                .is_some_and(|short| text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == short))
    };
    KNOWN.iter().find(is_code).or_else(|| KNOWN.iter().find(|known| holds(known.text)))
}

/// What a text on a screen means.
pub fn screen_message(text: &str) -> ScreenMessage {
    let own = |text: &str| text.to_owned();
    match find(text) {
        Some(known) => {
            ScreenMessage { code: own(known.code), text: own(known.text), by: own(known.by), means: own(known.means) }
        }
        None => ScreenMessage {
            code: String::new(),
            text: printable(text),
            by: own("nobody that pxeguard knows"),
            means: own("it is not among the messages of PXE ROMs, UEFI firmware and iPXE that pxeguard knows"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_known_by_its_code_or_by_its_words() {
        let cases = [
            ("PXE-E53: No boot filename received.", "PXE-E53"),
            ("pxe-e55", "PXE-E55"),
            ("E21", "PXE-E21"),
            ("ProxyDHCP service did not reply to request on port 4011", "PXE-E55"),
            ("remote boot cancelled", "PXE-E21"),
            ("No configuration methods succeeded (https://ipxe.org/040ee119)", "No configuration methods succeeded"),
        ];
        for (text, code) in cases {
            assert_eq!(screen_message(text).code, code, "{text}");
        }
        assert_eq!(screen_message("hello \u{1b}[2J").code, "");
        assert!(!screen_message("hello \u{1b}[2J").text.contains('\u{1b}'));
    }

    #[test]
    fn every_cause_that_a_message_fits_is_one_that_can_be_found() {
        for known in KNOWN {
            for cause in known.causes {
                assert!(super::super::causes::NAMES.contains(cause), "{}: {cause}", known.code);
            }
        }
    }
}
