//! The file: pcapng (draft-ietf-opsawg-pcapng), with an interface block for each port and a comment at each frame.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Duration;

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::PcapNgBlock;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness, PcapError};

use super::frame::SNAP_BYTES;
use super::{Direction, Frame};
use crate::report::printable;

/// `if_tsresol`: times are in units of 10^-9 seconds, the only one that pcap-file 2 writes right.
const NANOSECONDS: u8 = 9;
/// Bytes of a comment at the most; an option has room for 65535.
const MAX_COMMENT_BYTES: usize = 4096;

/// A pcapng file that is being written.
pub struct Output<W: Write> {
    writer: PcapNgWriter<W>,
    /// Number of the interface block for each port and its guest.
    interfaces: HashMap<(String, Option<String>), u32>,
}

impl<W: Write> Output<W> {
    /// Begins the file.
    pub fn new(writer: W) -> io::Result<Self> {
        let application = format!("pxeguard {}", env!("CARGO_PKG_VERSION"));
        let section = SectionHeaderBlock {
            endianness: Endianness::native(),
            major_version: 1,
            minor_version: 0,
            section_length: -1,
            options: vec![SectionHeaderOption::UserApplication(application.into())],
        };
        let writer = PcapNgWriter::with_section_header(writer, section).map_err(of_file)?;
        Ok(Self { writer, interfaces: HashMap::new() })
    }

    /// Writes a frame, and before it what is to be known of its interface.
    pub fn write(&mut self, frame: &Frame) -> io::Result<()> {
        let comment = printable(&frame.comment);
        let flags = match frame.direction {
            Direction::In => 1,
            Direction::Out => 2,
        };
        let block = EnhancedPacketBlock {
            interface_id: self.interface(frame)?,
            timestamp: Duration::from_nanos(frame.at_ns),
            original_len: frame.len.max(frame.bytes.len() as u32),
            data: Cow::Borrowed(&frame.bytes),
            options: vec![
                EnhancedPacketOption::Comment(begin(&comment, MAX_COMMENT_BYTES).into()),
                EnhancedPacketOption::Flags(flags),
            ],
        };
        self.writer.write_block(&block.into_block()).map(drop).map_err(of_file)
    }

    /// Hands on what was written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.get_mut().flush()
    }

    fn interface(&mut self, frame: &Frame) -> io::Result<u32> {
        let key = (frame.interface.clone(), frame.guest.clone());
        if let Some(number) = self.interfaces.get(&key) {
            return Ok(*number);
        }
        let mut options = vec![
            InterfaceDescriptionOption::IfName(printable(&frame.interface).into()),
            InterfaceDescriptionOption::IfTsResol(NANOSECONDS),
        ];
        let guest = frame.guest.as_ref().map(|guest| printable(&format!("guest {guest}")));
        options.extend(guest.map(|guest| InterfaceDescriptionOption::IfDescription(guest.into())));
        let block = InterfaceDescriptionBlock { linktype: DataLink::ETHERNET, snaplen: SNAP_BYTES as u32 + 4, options };
        self.writer.write_block(&block.into_block()).map_err(of_file)?;
        let number = self.interfaces.len() as u32;
        self.interfaces.insert(key, number);
        Ok(number)
    }
}

fn begin(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// Nothing else than writing can fail here.
fn of_file(error: PcapError) -> io::Error {
    match error {
        PcapError::IoError(source) => source,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use pcap_file::pcapng::{Block, PcapNgReader};

    use super::*;
    use crate::time::Timestamp;

    /// What the file says of each block.
    fn blocks(frames: &[Frame]) -> Vec<String> {
        let mut output = Output::new(Vec::new()).unwrap();
        frames.iter().for_each(|frame| output.write(frame).unwrap());
        let mut reader = PcapNgReader::new(output.writer.into_inner().leak() as &[u8]).unwrap();
        let mut told = Vec::new();
        while let Some(block) = reader.next_block() {
            told.push(match block.unwrap() {
                Block::InterfaceDescription(block) => {
                    let name = block.options.iter().find_map(|option| match option {
                        InterfaceDescriptionOption::IfName(name) => Some(name.to_string()),
                        _ => None,
                    });
                    let described = block.options.iter().find_map(|option| match option {
                        InterfaceDescriptionOption::IfDescription(text) => Some(text.to_string()),
                        _ => None,
                    });
                    format!("{} {}", name.unwrap(), described.unwrap_or_default())
                }
                Block::EnhancedPacket(block) => {
                    let EnhancedPacketOption::Comment(comment) = &block.options[0] else { panic!("no comment") };
                    let lens = (block.data.len(), block.original_len);
                    format!("{} {} {lens:?} {comment}", block.interface_id, block.timestamp.as_nanos())
                }
                other => panic!("{other:?}"),
            });
        }
        told
    }

    fn frame(interface: &str, guest: Option<&str>, comment: &str) -> Frame {
        let frame = Frame::new(interface, Timestamp::now(), Direction::In, &[7; 61], comment.to_owned().into());
        Frame { guest: guest.map(str::to_owned), at_ns: 1_700_000_000_123_456_789, len: 99, ..frame }
    }

    #[test]
    fn each_port_has_one_block_and_each_frame_its_lengths_time_and_comment() {
        let frames = [frame("eno1", None, "passed"), frame("tap100i0", Some("100 net0"), "é"), frame("eno1", None, "")];
        let told = blocks(&frames);
        let expected = [
            "eno1 ",
            "0 1700000000123456789 (61, 99) passed",
            "tap100i0 guest 100 net0",
            "1 1700000000123456789 (61, 99) é",
            "0 1700000000123456789 (61, 99) ",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_port_that_goes_to_another_guest_has_another_block() {
        let told = blocks(&[frame("tap0", Some("100"), "a"), frame("tap0", Some("101"), "b")]);
        assert_eq!((told[2].as_str(), &told[3][..1]), ("tap0 guest 101", "1"));
    }

    #[test]
    fn a_hostile_name_or_comment_is_printable_and_short() {
        let hostile = format!("a\u{1b}[2J\n{}", "é".repeat(5000));
        let told = blocks(&[frame("a\u{1b}b", Some("\n"), &hostile)]);
        assert!(told.iter().all(|block| !block.contains(char::is_control) && block.len() < 5000), "{told:?}");
    }
}
