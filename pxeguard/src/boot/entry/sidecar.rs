//! What the operator says about a file, in a file beside it: `vmlinuz.toml` is about `vmlinuz`.

use serde::Deserialize;

/// What is said about a boot file.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Sidecar {
    /// Its line in the menus.
    pub title: Option<String>,
    /// A kernel's command line; `{url}` stands for the address of the boot files by HTTP, such as `http://10.0.0.1:8067`.
    pub cmdline: Option<String>,
    /// A kernel's initial RAM disks, by their names in its own folder, in this order; an empty list for none.
    pub initrd: Option<Vec<String>>,
    /// Whether it is left out of the menus.
    #[serde(default)]
    pub hidden: bool,
}

/// The text is no description.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadSidecar {
    /// The file is not text.
    #[error("it is not text")]
    NotText,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// Not TOML, or not the keys that there are.
    #[error("line {line}: {why}")]
    Toml {
        /// From 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// A value that a menu's language would take for something else.
    #[error("{key}: {why}")]
    Value {
        /// Which one.
        key: &'static str,
        /// What is wrong.
        why: &'static str,
    },
}

/// The name of the file that a file is about, if it has the name of a description.
pub fn described_by(name: &str) -> Option<&str> {
    name.strip_suffix(".toml").filter(|name| !name.is_empty() && !name.ends_with('/'))
}

impl Sidecar {
    /// Reads a description.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadSidecar> {
        let text = str::from_utf8(bytes).map_err(|_| BadSidecar::NotText)?;
        let sidecar: Self = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            BadSidecar::Toml { line, why: error.message().replace('\n', " ") }
        })?;
        let bad = |key, why| Err(BadSidecar::Value { key, why });
        if sidecar.title.as_deref().is_some_and(|title| title.trim().is_empty() || title.contains(char::is_control)) {
            return bad("title", "it has to be a line of text");
        }
        if let Some(why) = sidecar.cmdline.as_deref().and_then(unfit_for_menus) {
            return bad("cmdline", why);
        }
        if sidecar.initrd.iter().flatten().any(|name| name.is_empty() || name.contains(['/', '\\'])) {
            return bad("initrd", "each has to be the name of a file in the same folder");
        }
        Ok(sidecar)
    }
}

/// Why a command line cannot be written into every menu.
fn unfit_for_menus(cmdline: &str) -> Option<&'static str> {
    if cmdline.contains(char::is_control) {
        return Some("it has to be one line");
    }
    // iPXE's script has no quotes (`src/core/exec.c`): it would end the command, or put a setting there.
    if cmdline.contains("${") {
        return Some("iPXE would replace ${...}");
    }
    let is_special = |word: &str| matches!(word, "||" | "&&" | ";") || word.starts_with('#');
    cmdline.split_whitespace().any(is_special).then_some("iPXE would take ||, &&, ; and # for its own")
}
