//! The characters that memtest86+ draws, found in its own program.

use std::collections::HashMap;
use std::fs;

use anyhow::{Context, Result};

use crate::cache::provided;

/// The program, as Debian's package memtest86+ has it.
const PROGRAM: &str = "/boot/memtest86+x64.efi";

/// How an `A` looks: by this the font is found, 256 characters of 16 rows in the order of code page 437.
const LETTER_A: [u8; Font::HEIGHT] = [0, 0, 0x10, 0x38, 0x6c, 0xc6, 0xc6, 0xfe, 0xc6, 0xc6, 0xc6, 0xc6, 0, 0, 0, 0];

/// Which picture is which character.
pub(super) struct Font(HashMap<[u8; Font::HEIGHT], char>);

impl Font {
    /// Pixels in a row.
    pub(super) const WIDTH: usize = 8;
    /// Rows.
    pub(super) const HEIGHT: usize = 16;

    /// Those of the printable characters of ASCII.
    pub(super) fn of_memtest() -> Result<Self> {
        let program = provided(PROGRAM).with_context(|| format!("{PROGRAM} is neither installed nor unpacked"))?;
        let program = fs::read(program)?;
        let letter = program.windows(Self::HEIGHT).position(|rows| rows == LETTER_A);
        let first = letter.and_then(|at| at.checked_sub(usize::from(b'A') * Self::HEIGHT));
        let (glyphs, _) = program[first.context("there is no font in it")?..].as_chunks::<{ Self::HEIGHT }>();
        Ok(Self((b' '..=b'~').filter_map(|code| Some((*glyphs.get(usize::from(code))?, char::from(code)))).collect()))
    }

    /// The character of this picture, if it is one.
    pub(super) fn character(&self, rows: [u8; Self::HEIGHT]) -> Option<char> {
        self.0.get(&rows).copied()
    }
}
