//! What is looked for: a text, in any column, however it is spelt.

use super::panel::Row;

/// Characters of it at the most.
const MAX_CHARS: usize = 60;

/// The text.
#[derive(Clone, Debug, Default)]
pub struct Filter(String);

impl Filter {
    /// Whether there is any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// One more character.
    pub fn push(&mut self, c: char) {
        if self.0.chars().count() < MAX_CHARS && !c.is_control() {
            self.0.push(c);
        }
    }

    /// One less.
    pub fn pop(&mut self) {
        self.0.pop();
    }

    /// None any more.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether a row has it.
    pub fn takes(&self, row: &Row) -> bool {
        let wanted = self.0.to_lowercase();
        wanted.is_empty() || row.cells.iter().any(|cell| cell.text.to_lowercase().contains(&wanted))
    }
}
