//! What a screen shows, as text.

use anyhow::{Context, Result, ensure};

use super::font::Font;

/// Where a VGA card in text mode has its characters, each followed by its colours.
pub(super) const TEXT_ADDRESS: u64 = 0xb8000;
/// 80 x 25 of them.
pub(super) const TEXT_BYTES: usize = COLUMNS * ROWS * 2;

const COLUMNS: usize = 80;
const ROWS: usize = 25;

/// The text of a VGA card's text memory.
pub(super) fn text(memory: &[u8]) -> String {
    let printable = |byte: u8| if (b' '..=b'~').contains(&byte) { char::from(byte) } else { ' ' };
    let row = |row: &[u8]| -> String { row.iter().step_by(2).map(|byte| printable(*byte)).collect() };
    let rows: Vec<_> = memory.chunks(COLUMNS * 2).map(|line| row(line).trim_end().to_owned()).collect();
    rows.join("\n")
}

/// The text of a picture in which memtest86+ has drawn it: 80 x 25 characters, in the middle (its `system/screen.c`).
pub(super) fn drawn(picture: &[u8]) -> Result<String> {
    let (font, picture) = (Font::of_memtest()?, Picture::parse(picture)?);
    let (width, height) = (COLUMNS * Font::WIDTH, ROWS * Font::HEIGHT);
    if picture.width < width || picture.height < height {
        return Ok(String::new());
    }
    let (left, top) = ((picture.width - width) / 2, (picture.height - height) / 2);
    let cell = |column, row| picture.cell(left + column * Font::WIDTH, top + row * Font::HEIGHT);
    let row = |row| -> String { (0..COLUMNS).map(|column| font.character(cell(column, row)).unwrap_or(' ')).collect() };
    let rows: Vec<_> = (0..ROWS).map(|line| row(line).trim_end().to_owned()).collect();
    Ok(rows.join("\n"))
}

/// A picture as QEMU saves it: PPM, `P6`, three bytes a pixel.
struct Picture<'a> {
    width: usize,
    height: usize,
    pixels: &'a [u8],
}

impl<'a> Picture<'a> {
    fn parse(picture: &'a [u8]) -> Result<Self> {
        let mut lines = picture.splitn(4, |byte| *byte == b'\n');
        let mut line = || lines.next().context("the picture is cut off");
        let (format, size, depth, pixels) = (line()?, line()?, line()?, line()?);
        ensure!(format == b"P6" && depth == b"255", "not a picture of QEMU's");
        let (width, height) = std::str::from_utf8(size)?.split_once(' ').context("a picture without size")?;
        let (width, height) = (width.parse()?, height.parse()?);
        ensure!(pixels.len() == width * height * 3, "the picture is cut off");
        Ok(Self { width, height, pixels })
    }

    /// The rows of a character's place, a bit for each pixel that differs from the first.
    fn cell(&self, left: usize, top: usize) -> [u8; Font::HEIGHT] {
        let pixel = |x, y| &self.pixels[(y * self.width + x) * 3..][..3];
        let ground = pixel(left, top);
        std::array::from_fn(|y| {
            (0..Font::WIDTH).fold(0, |row, x| row << 1 | u8::from(pixel(left + x, top + y) != ground))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_memory_is_read_without_its_colours() {
        let mut memory = [b' ', 0x07].repeat(COLUMNS * ROWS);
        for (index, byte) in b"2000".iter().enumerate() {
            memory[(COLUMNS + index) * 2] = *byte;
        }
        assert_eq!(text(&memory).lines().nth(1), Some("2000"));
    }
}
