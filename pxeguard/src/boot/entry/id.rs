//! The names by which entries are chosen.

use std::collections::HashSet;

use super::{Entry, LOCAL};

/// A name of characters that no menu's language gives a meaning: `debian/linux` becomes `debian-linux`.
pub(super) fn slug(name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || "-+._".contains(c) { c.to_ascii_lowercase() } else { '-' };
    let slug: String = name.chars().map(kept).collect();
    let slug = slug.trim_matches(['-', '.']);
    if slug.is_empty() { "entry".to_owned() } else { slug.to_owned() }
}

/// Numbers all but the first of those that would have the same name.
pub(super) fn make_unique(entries: &mut [Entry]) {
    let mut taken = HashSet::from([LOCAL.to_owned()]);
    for entry in entries {
        let id = entry.id.clone();
        let mut numbers = 2..;
        while !taken.insert(entry.id.clone()) {
            entry.id = format!("{id}-{}", numbers.next().expect("there are more numbers than files"));
        }
    }
}
