//! What is shipped, and where it goes.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::tree::Tree;
use crate::{Built, run, sources};

/// Papers.
pub const DOC: &str = "share/doc/pxeguard";

/// Units.
const UNITS: [&str; 2] = ["pxeguard.service", "pxeguard-pins.service"];

/// Files and folders of the sources, and where they go below `/usr` or `/usr/local`.
const SOURCES: [(&str, &str); 6] = [
    ("packaging/pxeguard.sysusers", "lib/sysusers.d/pxeguard.conf"),
    ("packaging/pxeguard.toml", "share/doc/pxeguard/pxeguard.toml"),
    ("README.md", "share/doc/pxeguard/README.md"),
    ("CHANGELOG.md", "share/doc/pxeguard/CHANGELOG.md"),
    ("docs", "share/doc/pxeguard/docs"),
    ("contrib", "share/doc/pxeguard/contrib"),
];

/// Where a package's files will be.
pub struct Place {
    /// The folder in the package that is to be there.
    pub prefix: &'static str,
    /// Its path once it is installed.
    pub installed: &'static str,
    /// Where zsh looks for completions below it.
    pub zsh: &'static str,
}

/// Folders of `packaging/` that make packages; all others are shipped.
const TOOLS: [&str; 2] = ["src", "debian"];

/// Puts all but the configuration and the licences there.
pub fn ship(built: &Built, tree: &Tree, place: &Place) -> Result<()> {
    let prefix = Path::new(place.prefix);
    program(built, tree, &prefix.join("bin/pxeguard"))?;
    for unit in UNITS {
        let text = fs::read_to_string(sources().join("packaging").join(unit)).context("cannot read a unit")?;
        let text = text.replace("/usr/", &format!("{}/", place.installed));
        tree.write(prefix.join("lib/systemd/system").join(unit), text)?;
    }
    for (from, to) in SOURCES {
        tree.copy(&sources().join(from), prefix.join(to))?;
    }
    for entry in fs::read_dir(sources().join("packaging")).context("cannot read packaging/")?.flatten() {
        let name = entry.file_name();
        if entry.path().is_dir() && !TOOLS.iter().any(|tool| name == *tool) {
            tree.copy(&entry.path(), prefix.join("share/pxeguard").join(name))?;
        }
    }
    manual(built, tree, &prefix.join("share/man/man1"))?;
    for (shell, to) in [
        ("bash", "share/bash-completion/completions/pxeguard"),
        ("zsh", place.zsh),
        ("fish", "share/fish/vendor_completions.d/pxeguard.fish"),
    ] {
        tree.write(prefix.join(to), run(Command::new(&built.program).args(["completions", shell]))?)?;
    }
    Ok(())
}

/// The program, without symbols and debug information.
fn program(built: &Built, tree: &Tree, to: &Path) -> Result<()> {
    let stripped = tempfile::NamedTempFile::new().context("cannot make a temporary file")?;
    run(Command::new("strip").arg("--strip-unneeded").arg("-o").arg(stripped.path()).arg(&built.program))?;
    tree.write_program(to, fs::read(stripped.path())?)
}

fn manual(built: &Built, tree: &Tree, to: &Path) -> Result<()> {
    let pages = tempfile::tempdir().context("cannot make a temporary folder")?;
    run(Command::new(&built.program).arg("manual").arg(pages.path()))?;
    for page in fs::read_dir(pages.path())? {
        let page = page?;
        tree.write_compressed(to.join(page.file_name()), fs::read(page.path())?)?;
    }
    Ok(())
}
