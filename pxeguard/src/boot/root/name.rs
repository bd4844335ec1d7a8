//! Names as clients write them.

use std::sync::Arc;

use crate::boot::FileError;

/// Longest name in bytes; the longest that a client can be told is 255 (option 67), and paths in menus are not much longer.
const MAX_BYTES: usize = 1024;

/// A name below the boot root: parts with one `/` between them, none of them empty, `.` or `..`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Name(Vec<u8>);

impl Name {
    /// Reads what a client wrote.  Absolute names are below the root too; `..` is refused wherever it leads.
    pub(super) fn parse(written: &[u8]) -> Result<Self, FileError> {
        if written.len() > MAX_BYTES {
            return Err(FileError::Denied("its name is too long"));
        }
        if written.iter().any(u8::is_ascii_control) {
            return Err(FileError::Denied("its name has control characters"));
        }
        let parts = written.split(|&byte| byte == b'/' || byte == b'\\');
        let parts: Vec<_> = parts.filter(|part| !matches!(*part, b"" | b".")).collect();
        if parts.contains(&b"..".as_slice()) {
            return Err(FileError::Denied("its name leads upwards (..)"));
        }
        if parts.is_empty() {
            return Err(FileError::Denied("it is a folder"));
        }
        Ok(Self(parts.join(&b'/')))
    }

    /// From parts that are on disk.
    pub(super) fn from_parts(parts: &[Vec<u8>]) -> Self {
        Self(parts.join(&b'/'))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|&byte| byte == b'/')
    }

    /// For people, and for names of entries.
    pub(super) fn shown(&self) -> Arc<str> {
        String::from_utf8_lossy(&self.0).into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(written: &str) -> Option<String> {
        Name::parse(written.as_bytes()).ok().map(|name| name.shown().to_string())
    }

    #[test]
    fn slashes_of_both_kinds_doubled_and_leading_are_one() {
        for written in ["boot/bcd", "/boot/bcd", "\\boot\\bcd", "//boot\\/bcd", "./boot/./bcd", "boot/bcd/"] {
            assert_eq!(parsed(written).as_deref(), Some("boot/bcd"), "{written}");
        }
    }

    #[test]
    fn names_that_lead_upwards_or_hold_control_characters_are_refused() {
        for written in ["..", "../x", "a/../x", "a\\..\\x", "\\..", "a\0", "a\nb", "a\x7f", "", "/", ".", "./"] {
            assert_eq!(parsed(written), None, "{written:?}");
        }
        for written in ["...", "..a", "a..", "a b", "ä"] {
            assert_eq!(parsed(written).as_deref(), Some(written));
        }
    }

    #[test]
    fn a_name_may_be_so_long_and_no_longer() {
        assert!(parsed(&"a".repeat(MAX_BYTES)).is_some());
        assert!(parsed(&"a".repeat(MAX_BYTES + 1)).is_none());
    }

    proptest! {
        #[test]
        fn no_name_leads_out(written in prop::collection::vec(prop::sample::select(b"./\\a\0\xff".as_slice()), 0..24)) {
            if let Ok(name) = Name::parse(&written) {
                for part in name.parts() {
                    prop_assert!(!matches!(part, b"" | b"." | b".."));
                    prop_assert!(!part.contains(&b'\\') && !part.contains(&0));
                }
            }
        }
    }
}
