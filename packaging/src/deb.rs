//! The Debian package.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::ship::{DOC, Place, ship};
use crate::tree::Tree;
use crate::{Built, run, sources};

const PLACE: Place = Place { prefix: "usr", installed: "/usr", zsh: "share/zsh/vendor-completions/_pxeguard" };

/// What Debian's control file says that is not found out (deb-control(5)).
const CONTROL: &str = include_str!("../debian/control");

/// Machine-readable (DEP 5); the licences' texts follow.
const COPYRIGHT: &str = include_str!("../debian/copyright");

/// Scripts that dpkg runs (deb-postinst(5) and so on).
const SCRIPTS: [(&str, &str); 3] = [
    ("postinst", include_str!("../debian/postinst")),
    ("prerm", include_str!("../debian/prerm")),
    ("postrm", include_str!("../debian/postrm")),
];

/// What the scripts need beside the libraries: usermod and userdel, and systemd-sysusers, which is a part of systemd or a
/// package of its own.
const NEEDED_BY_SCRIPTS: &str = "passwd, systemd | systemd-standalone-sysusers | systemd-sysusers";

/// How well a package is compressed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compression {
    /// As Debian 12 and 13 do it.
    Xz,
    /// Hardly: for packages that are installed once.
    Fast,
}

/// Makes `pxeguard_VERSION_ARCH.deb` in a folder.
pub fn deb(built: &Built, compression: Compression, folder: &Path) -> Result<PathBuf> {
    let stage = tempfile::tempdir().context("cannot make a temporary folder")?;
    let tree = Tree::new(stage.path().join("pxeguard"))?;
    ship(built, &tree, &PLACE)?;
    tree.copy(&sources().join("packaging/pxeguard.toml"), "etc/pxeguard/pxeguard.toml")?;
    let doc = Path::new("usr").join(DOC);
    tree.write(doc.join("copyright"), copyright()?)?;
    tree.write_compressed(doc.join("changelog"), changelog(&built.version)?)?;
    let architecture = run(Command::new("dpkg").arg("--print-architecture"))?.trim().to_owned();
    let control = control(built, &architecture, &tree)?;
    let sums = sums(&tree)?;
    tree.write("DEBIAN/control", control)?;
    tree.write("DEBIAN/conffiles", "/etc/pxeguard/pxeguard.toml\n")?;
    tree.write("DEBIAN/md5sums", sums)?;
    for (name, script) in SCRIPTS {
        tree.write_program(Path::new("DEBIAN").join(name), script)?;
    }
    let deb = folder.join(format!("pxeguard_{}_{architecture}.deb", built.version));
    let mut build = Command::new("dpkg-deb");
    build.args(match compression {
        Compression::Xz => ["-Zxz", "-z6"],
        Compression::Fast => ["-Zgzip", "-z1"],
    });
    run(build.args(["--root-owner-group", "--build"]).arg(tree.root()).arg(&deb))?;
    Ok(deb)
}

/// The control file: what [`CONTROL`] says, before its description the version, what it needs and its size.
fn control(built: &Built, architecture: &str, tree: &Tree) -> Result<String> {
    let (fields, description) = CONTROL.split_once("Description:").context("debian/control has no description")?;
    let libraries = libraries(&tree.root().join("usr/bin/pxeguard"))?;
    let needed: Vec<_> = libraries.iter().map(String::as_str).chain([NEEDED_BY_SCRIPTS]).collect();
    let bytes =
        tree.files()?.iter().map(|file| Ok(fs::metadata(tree.root().join(file))?.len())).sum::<Result<u64>>()?;
    let mut control = fields.to_owned();
    writeln!(control, "Version: {}", built.version)?;
    writeln!(control, "Architecture: {architecture}")?;
    writeln!(control, "Depends: {}", needed.join(", "))?;
    writeln!(control, "Installed-Size: {}", bytes.div_ceil(1024))?;
    write!(control, "Description:{description}")?;
    Ok(control)
}

/// The packages whose libraries the program needs, with versions; none for a static one.
fn libraries(program: &Path) -> Result<Vec<String>> {
    // dpkg-shlibdeps wants to stand in a source package.
    let source = tempfile::tempdir().context("cannot make a temporary folder")?;
    fs::create_dir(source.path().join("debian"))?;
    fs::write(source.path().join("debian/control"), "Source: pxeguard\n\nPackage: pxeguard\nArchitecture: any\n")?;
    let said = run(Command::new("dpkg-shlibdeps").arg("-O").arg(program).current_dir(source.path()))?;
    let needed = said.lines().find_map(|line| line.strip_prefix("shlibs:Depends=")).unwrap_or_default();
    Ok(needed.split(", ").filter(|needed| !needed.is_empty()).map(str::to_owned).collect())
}

fn copyright() -> Result<String> {
    let mut copyright = COPYRIGHT.to_owned();
    let licence = fs::read_to_string(sources().join("LICENSE-MIT")).context("cannot read LICENSE-MIT")?;
    let terms = licence.split_once("Permission is").context("LICENSE-MIT is another one")?.1;
    writeln!(copyright, "License: Expat")?;
    for line in format!("Permission is{terms}").lines() {
        writeln!(copyright, " {}", if line.is_empty() { "." } else { line })?;
    }
    // Debian policy 12.5: what every Debian has is not repeated.
    writeln!(copyright, "\nLicense: Apache-2.0\n On Debian it is in /usr/share/common-licenses/Apache-2.0.")?;
    Ok(copyright)
}

/// Debian wants a changelog in its own form (policy 4.4), and this project has one for people.
fn changelog(version: &str) -> Result<String> {
    let date = run(Command::new("date").args(["--utc", "--rfc-email"]).env("LC_ALL", "C"))?;
    let maintainer = CONTROL.lines().find_map(|line| line.strip_prefix("Maintainer: "));
    let maintainer = maintainer.context("debian/control names no maintainer")?;
    Ok(format!(
        "pxeguard ({version}) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- {maintainer}  {}\n",
        date.trim_end()
    ))
}

/// A sum of each file, by which `dpkg --verify` sees what was changed.
fn sums(tree: &Tree) -> Result<String> {
    run(Command::new("md5sum").arg("--").args(tree.files()?).current_dir(tree.root()))
}
