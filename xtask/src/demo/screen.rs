//! What the demonstration looks like: at most 100 columns, coloured on a terminal.

use std::env;
use std::io::{self, IsTerminal as _};

/// Columns of the widest line.
const COLUMNS: usize = 100;

const MARGIN: &str = "  ";

/// SGR parameters (ECMA-48 §8.3.117).
const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";

/// A line as it is.
pub fn say(line: &str) {
    println!("{line}");
}

/// Begins a part of the story.
pub fn heading(text: &str) {
    println!("\n{}", styled(BOLD, text));
}

/// A command that is run.
pub fn command_line(line: &str) {
    println!("\n{MARGIN}{}", styled(BOLD, &format!("# {line}")));
}

/// What it all means: something good or bad.
pub fn verdict(good: bool, text: &str) {
    println!("{MARGIN}{}", styled(if good { GREEN } else { RED }, &format!("-> {text}")));
}

/// A row of a table: two names, an address, free text.
pub fn row([first, second, third, last]: [&str; 4]) {
    let line = format!("{MARGIN}{first:<12}{second:<19}{third:<12}{last}");
    println!("{}", line.trim_end());
}

/// What a command prints; longer lines lose their end.
pub fn indented(text: &str) {
    for line in text.lines() {
        let line = format!("{MARGIN}{line}");
        match line.char_indices().nth(COLUMNS) {
            None => println!("{}", line.trim_end()),
            Some(_) => println!("{}…", line.chars().take(COLUMNS - 1).collect::<String>().trim_end()),
        }
    }
}

/// Lines of a log, without their dates, which are wrapped.
pub fn log_lines(log: &str) {
    for line in log.lines() {
        let line = line.split_once('T').filter(|(date, _)| date.starts_with("20")).map_or(line, |(_, rest)| rest);
        for line in wrapped(line) {
            println!("{}", styled(DIM, &line));
        }
    }
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![MARGIN.to_owned()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is one from the start");
        if line.chars().count() + 1 + word.chars().count() > COLUMNS {
            lines.push(format!("{MARGIN}{MARGIN}{MARGIN}{word}"));
        } else {
            *line += if line.trim().is_empty() { "" } else { " " };
            *line += word;
        }
    }
    lines
}

fn styled(style: &str, text: &str) -> String {
    if io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) {
        format!("\x1b[{style}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_line_is_wrapped_between_words_and_indented() {
        let text = ["word"; 40].join(" ");
        let lines = wrapped(&text);
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.chars().count() <= COLUMNS));
        assert!(lines[1].starts_with("      word"));
        assert_eq!(lines.join(" ").split_whitespace().count(), 40);
    }
}
