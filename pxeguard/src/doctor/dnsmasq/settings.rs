//! What dnsmasq was told, by its command line and its files.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::doctor::processes::Process;
use crate::report::printable;

/// Read of one file at the most, in bytes; files in all; and files that name each other.
const MAX_FILE: u64 = 1 << 20;
const MAX_FILES: usize = 200;
const MAX_DEPTH: usize = 4;
/// Settings in all: lists of blocked names have a hundred thousand.
const MAX_SETTINGS: usize = 500_000;
/// What is shown of one setting.
const SHOWN: usize = 120;

/// Where dnsmasq looks, unless it is told otherwise.
const DEFAULT_FILE: &str = "/etc/dnsmasq.conf";

/// Short options that matter here, with their long names; all take a value.
const SHORT: [(char, &str); 9] = [
    ('F', "dhcp-range"),
    ('M', "dhcp-boot"),
    ('O', "dhcp-option"),
    ('i', "interface"),
    ('I', "except-interface"),
    ('2', "no-dhcp-interface"),
    ('a', "listen-address"),
    ('C', "conf-file"),
    ('7', "conf-dir"),
];

/// One setting.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Setting {
    /// Its long name.
    pub key: String,
    /// Its value; empty where it has none.
    pub value: String,
    /// The file that has it; `None` for the command line.
    pub file: Option<PathBuf>,
    /// Where it stands there, from 1.
    pub line: usize,
}

/// All of them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settings {
    /// In order.
    pub all: Vec<Setting>,
    /// What could not be read, and why.
    pub unread: Vec<String>,
    /// Files that were read.
    pub(super) files: usize,
}

impl Setting {
    /// Settings as people write them, with where.
    pub fn in_words(settings: &[&Self]) -> String {
        let each = settings.iter().map(|Self { key, value, file, .. }| {
            let value: String = printable(value).chars().take(SHOWN).collect();
            let setting = if value.is_empty() { key.clone() } else { format!("{key}={value}") };
            match file {
                Some(file) => format!("{setting} in {}", file.display()),
                None => format!("--{setting}"),
            }
        });
        each.collect::<Vec<_>>().join(", ")
    }

    /// Whether a word of the command line says it.
    pub fn is_word(&self, word: &str) -> bool {
        word == format!("--{}={}", self.key, self.value) || word == format!("--{}", self.key)
    }
}

impl Settings {
    /// What a running dnsmasq was told, by files as they are now.
    pub fn of(process: &Process) -> Self {
        let mut settings = Self::default();
        // Its own root, should it be in a container that shares this network.
        let root = PathBuf::from(format!("/proc/{}/root", process.pid));
        let root = if root.join("etc").exists() { root } else { PathBuf::from("/") };
        let by_words = words(&process.argv);
        let has_file = by_words.iter().any(|(key, _)| key == "conf-file");
        if !has_file {
            settings.file(&root, DEFAULT_FILE, 0, true);
        }
        for (key, value) in by_words {
            settings.add(&root, Setting { key, value, file: None, line: 0 }, 0);
        }
        settings
    }

    /// Those of a name.
    pub fn of_key<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Setting> {
        self.all.iter().filter(move |setting| setting.key == key)
    }

    fn add(&mut self, root: &Path, setting: Setting, depth: usize) {
        match setting.key.as_str() {
            "conf-file" if setting.value.is_empty() => {}
            "conf-file" => self.file(root, &setting.value, depth, false),
            "conf-dir" => self.folder(root, &setting.value, depth),
            _ => self.all.push(setting),
        }
    }

    fn file(&mut self, root: &Path, path: &str, depth: usize, may_be_missing: bool) {
        if depth > MAX_DEPTH || !path.starts_with('/') || path == "/dev/null" {
            if !path.starts_with('/') {
                self.unread.push(format!("{}: not a whole path", printable(path)));
            }
            return;
        }
        if self.files == MAX_FILES || self.all.len() >= MAX_SETTINGS {
            if self.files <= MAX_FILES {
                self.unread.push(format!("{} and what comes after it: too many", printable(path)));
                self.files = MAX_FILES + 1;
            }
            return;
        }
        if self.files > MAX_FILES {
            return;
        }
        self.files += 1;
        let text = read(&root.join(&path[1..])).map_err(|error| (error.kind(), error.to_string()));
        let text = match text {
            Ok(text) => text,
            Err((std::io::ErrorKind::NotFound, _)) if may_be_missing => return,
            Err((_, why)) => return self.unread.push(format!("{}: {why}", printable(path))),
        };
        for (line, words) in text.lines().enumerate().map(|(line, words)| (line + 1, words.trim())) {
            // A comment begins where a word would.
            let words = words.split(" #").next().unwrap_or_default().trim_end();
            if words.is_empty() || words.starts_with('#') {
                continue;
            }
            let (key, value) = words.split_once('=').unwrap_or((words, ""));
            let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
            self.add(root, Setting { key, value, file: Some(path.into()), line }, depth + 1);
        }
    }

    /// `DIR[,.EXT...]` leaves out what ends so, `DIR,*.EXT` takes nothing else (dnsmasq(8)).
    fn folder(&mut self, root: &Path, value: &str, depth: usize) {
        let mut parts = value.split(',');
        let folder = parts.next().unwrap_or_default();
        let (only, but): (Vec<&str>, Vec<&str>) = parts.partition(|part| part.starts_with('*'));
        let entries = match fs::read_dir(root.join(folder.trim_start_matches('/'))) {
            Ok(entries) => entries,
            Err(error) => return self.unread.push(format!("{}: {error}", printable(folder))),
        };
        let mut names: Vec<_> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        let is_hidden = |name: &str| name.starts_with('.') || name.ends_with('~') || name.starts_with('#');
        names.retain(|name| !is_hidden(name) && !but.iter().any(|end| name.ends_with(end)));
        names.retain(|name| only.is_empty() || only.iter().any(|end| name.ends_with(&end[1..])));
        for name in &names {
            self.file(root, &format!("{}/{name}", folder.trim_end_matches('/')), depth + 1, false);
        }
    }
}

/// A regular file, as far as it may be read: opening anything else may block.
fn read(path: &Path) -> std::io::Result<String> {
    if !fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("not a regular file"));
    }
    let mut text = Vec::new();
    fs::File::open(path)?.take(MAX_FILE).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Options and values of a command line; those without a value that this knows of are left as they are.
fn words(argv: &[String]) -> Vec<(String, String)> {
    let (mut settings, mut words) = (Vec::new(), argv.iter().skip(1).peekable());
    while let Some(word) = words.next() {
        if let Some(long) = word.strip_prefix("--") {
            let (key, value) = match long.split_once('=') {
                Some((key, value)) => (key, value.to_owned()),
                // It has no other words than options and their values.
                None => (long, words.next_if(|next| !next.starts_with('-')).cloned().unwrap_or_default()),
            };
            settings.push((key.to_owned(), value));
        } else if let Some(mut letters) = word.strip_prefix('-').map(str::chars)
            && let Some((_, key)) = letters.next().and_then(|letter| SHORT.iter().find(|(short, _)| *short == letter))
        {
            let value = match letters.as_str() {
                "" => words.next().cloned().unwrap_or_default(),
                value => value.to_owned(),
            };
            settings.push(((*key).to_owned(), value));
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(argv: &[&str]) -> Process {
        let argv = std::iter::once("dnsmasq").chain(argv.iter().copied()).map(str::to_owned).collect();
        // Of this process, so that its root is found.
        Process { pid: std::process::id(), argv, ..Process::default() }
    }

    #[test]
    fn command_line_and_files_are_read_in_all_their_spellings() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        fs::create_dir(at("d")).unwrap();
        fs::write(at("main"), format!("# comment\n dhcp-range = 10.0.0.1,proxy # here\nconf-dir={},*.conf\n", at("d")))
            .unwrap();
        fs::write(at("d/a.conf"), "enable-tftp\n").unwrap();
        fs::write(at("d/b.old"), "no-such\n").unwrap();
        let settings = Settings::of(&process(&["-C", &at("main"), "-ieth0", "--pxe-service=x86PC,a,b", "-d"]));
        let read: Vec<_> = settings.all.iter().map(|one| (one.key.as_str(), one.value.as_str(), one.line)).collect();
        let expected = [
            ("dhcp-range", "10.0.0.1,proxy", 2),
            ("enable-tftp", "", 1),
            ("interface", "eth0", 0),
            ("pxe-service", "x86PC,a,b", 0),
        ];
        assert_eq!(read, expected);
        assert_eq!(settings.unread, [""; 0]);
        assert_eq!(settings.all[1].file.as_deref(), Some(Path::new(&at("d/a.conf"))));
    }

    #[test]
    fn what_cannot_be_read_is_told_and_files_in_a_circle_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("circle").to_str().unwrap().to_owned();
        fs::write(&path, format!("conf-file={path}\nport=0\n")).unwrap();
        let settings =
            Settings::of(&process(&[&format!("--conf-file={path}"), "--conf-file=/no/such", "--conf-file=here"]));
        assert!(settings.of_key("port").count() <= MAX_DEPTH + 1);
        assert_eq!(settings.unread.len(), 2, "{:?}", settings.unread);
    }
}
