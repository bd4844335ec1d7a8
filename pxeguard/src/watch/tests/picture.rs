//! The picture in the documentation: `PXEGUARD_DRAW=1 cargo test -p pxeguard --lib -- watch` draws it anew.

use std::env;
use std::fs;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use svg::Document;
use svg::node::element::{Rectangle, Text};

use super::scene::{app, drawn};
use crate::watch::theme::Theme;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/screenshots/watch.svg");
/// A character, in pixels.
const CHARACTER: (usize, usize) = (8, 17);

/// How a cell looks: all that decides whether its neighbour can stand in the same piece of text.
fn look(cell: &Cell) -> (&'static str, bool, bool) {
    let colour = match cell.fg {
        Color::Green => "#3fb950",
        Color::Red => "#ff7b72",
        Color::Yellow => "#d29922",
        Color::Cyan => "#56d4dd",
        _ if cell.modifier.contains(Modifier::DIM) => "#7d8590",
        _ => "#e6edf3",
    };
    (colour, cell.modifier.contains(Modifier::BOLD), cell.modifier.contains(Modifier::REVERSED))
}

fn picture(buffer: &Buffer) -> String {
    let (width, height) = (usize::from(buffer.area.width), usize::from(buffer.area.height));
    let (wide, high) = (width * CHARACTER.0, height * CHARACTER.1);
    let mut document = Document::new()
        .set("viewBox", (0, 0, wide + 16, high + 16))
        .set("font-family", "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace")
        .set("font-size", 13)
        .add(rectangle(0, 0, wide + 16, high + 16, "#0d1117").set("rx", 8));
    for (y, row) in buffer.content().chunks(width).enumerate() {
        let mut x = 0;
        for piece in row.chunk_by(|one, other| look(one) == look(other)) {
            let (colour, is_bold, is_reversed) = look(&piece[0]);
            let (left, top) = (8 + x * CHARACTER.0, 8 + y * CHARACTER.1);
            x += piece.len();
            let text: String = piece.iter().map(Cell::symbol).collect();
            if is_reversed {
                document = document.add(rectangle(left, top, piece.len() * CHARACTER.0, CHARACTER.1, colour));
            }
            // Several spaces in a row are one where the picture is shown.
            for (at, words) in words(&text) {
                let mut element = Text::new(words)
                    .set("x", left + at * CHARACTER.0)
                    .set("y", top + 13)
                    .set("textLength", words.chars().count() * CHARACTER.0)
                    .set("fill", if is_reversed { "#0d1117" } else { colour });
                if is_bold {
                    element = element.set("font-weight", "bold");
                }
                document = document.add(element);
            }
        }
    }
    format!("{document}\n")
}

/// What stands between at least two spaces, and at which character each begins.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split("  ").filter_map(move |part| {
        let begins = at + part.chars().take_while(|c| *c == ' ').count();
        at += part.chars().count() + 2;
        Some((begins, part.trim())).filter(|(_, part)| !part.is_empty())
    })
}

fn rectangle(x: usize, y: usize, width: usize, height: usize, fill: &str) -> Rectangle {
    Rectangle::new().set("x", x).set("y", y).set("width", width).set("height", height).set("fill", fill)
}

#[test]
fn the_picture_in_the_documentation_is_what_is_drawn() {
    let picture = picture(&drawn(&app(), Theme::COLOURED, (112, 26)));
    if env::var_os("PXEGUARD_DRAW").is_some() {
        fs::write(FILE, &picture).unwrap();
    }
    let drawn_before = fs::read_to_string(FILE).unwrap();
    assert!(drawn_before == picture, "{FILE} is not what watch draws: see the head of {}", file!());
}
