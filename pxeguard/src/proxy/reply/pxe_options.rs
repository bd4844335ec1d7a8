//! Option 43 of a PXE server (PXE 2.1, table 2-1).

use std::net::Ipv4Addr;

use pxeguard_common::template::BOOT_ITEM;

/// PXE_DISCOVERY_CONTROL.
const DISCOVERY_CONTROL: u8 = 6;
/// PXE_BOOT_SERVERS: a type, a count, addresses.
const BOOT_SERVERS: u8 = 8;
/// PXE_BOOT_MENU: a type, a length, text.
const BOOT_MENU: u8 = 9;
/// PXE_MENU_PROMPT: seconds, text.
const MENU_PROMPT: u8 = 10;
/// PXE_BOOT_ITEM.
const ITEM: u8 = 71;
/// PXE_END.
const END: u8 = 255;

/// 43.6: no broadcast (bit 0) and no multicast (bit 1) to find boot servers: the list has their addresses.
const UNICAST_ONLY: u8 = 0b0011;
/// 43.6: the file that stands in this very packet is to be loaded, without prompt, menu and discovery (bit 3).
const THIS_FILE: u8 = 0b1000;

/// The type of boot server that we are; makers have 0x8000 and up for themselves.
///
/// dnsmasq counts from 0x8000, too, which does no harm: each asks its own by unicast.
const OUR_TYPE: u16 = 0x8000;
/// The type that means the local disk.
const LOCAL_BOOT: u16 = 0;

/// Longest name in a menu: a line of 80 columns (edk2: `PXEBC_DISPLAY_MAX_LINE`), less what firmware writes before it.
const NAME: usize = 60;

/// The value of option 43, while it is written.
#[derive(Debug, Default)]
pub struct PxeOptions(Vec<u8>);

impl PxeOptions {
    /// Repeats what the client chose from the menu.
    pub fn boot_item(self, item: [u8; BOOT_ITEM]) -> Self {
        self.option(ITEM, &item)
    }

    /// `direct`.
    pub fn boot_from_here(self) -> Vec<u8> {
        self.option(DISCOVERY_CONTROL, &[THIS_FILE]).end()
    }

    /// A menu of `file` at this server and the local disk.
    ///
    /// Its prompt waits 0 seconds: the first item is taken, and the menu proper is that of the program which it loads.
    pub fn menu(self, server: Ipv4Addr, file: &str) -> Vec<u8> {
        let [type_high, type_low] = OUR_TYPE.to_be_bytes();
        let [a, b, c, d] = server.octets();
        let name: String = file.chars().filter(|char| char.is_ascii_graphic()).take(NAME).collect();
        let menu = [item(OUR_TYPE, &name), item(LOCAL_BOOT, "local disk")].concat();
        self.option(DISCOVERY_CONTROL, &[UNICAST_ONLY])
            .option(BOOT_SERVERS, &[type_high, type_low, 1, a, b, c, d])
            .option(BOOT_MENU, &menu)
            .option(MENU_PROMPT, b"\0PXE")
            .end()
    }

    /// All of it.
    pub fn end(mut self) -> Vec<u8> {
        self.0.push(END);
        self.0
    }

    /// Adds an option of fewer than 256 bytes.
    fn option(mut self, code: u8, value: &[u8]) -> Self {
        self.0.extend([code, value.len() as u8]);
        self.0.extend(value);
        self
    }
}

/// A line of the menu.
fn item(server_type: u16, name: &str) -> Vec<u8> {
    let [high, low] = server_type.to_be_bytes();
    [&[high, low, name.len() as u8], name.as_bytes()].concat()
}
