//! The configuration file.

use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::de::{self, SeqAccess, Visitor, value};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::ModeChoice;
use super::alerts::{AlertKeys, AlertSettings};
use super::boot::{BootKeys, BootSection};
use super::limits::{Limits, LimitsKeys};
use super::web_section::WebKeys;
use crate::hook::HookChoice;
use crate::trust::{InterfaceName, Trust};
use crate::web;

/// The file; what is missing is not said.
#[derive(Debug, Default)]
pub(super) struct ConfigFile {
    pub(super) ifaces: Vec<InterfaceName>,
    pub(super) trusts: Vec<Trust>,
    pub(super) mode: Option<ModeChoice>,
    pub(super) hook: Option<HookChoice>,
    pub(super) listen: Option<SocketAddr>,
    pub(super) control: Option<PathBuf>,
    pub(super) state: Option<PathBuf>,
    pub(super) limits: Limits,
    pub(super) alerts: AlertSettings,
    pub(super) web: web::Settings,
    pub(super) boot: BootSection,
}

/// The file as it is written.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Keys {
    iface: Texts,
    trust: Texts,
    trust_port: Texts,
    mode: Option<ModeChoice>,
    hook: Option<HookChoice>,
    listen: Option<SocketAddr>,
    control: Option<PathBuf>,
    state: Option<PathBuf>,
    limits: LimitsKeys,
    alerts: AlertKeys,
    web: WebKeys,
    boot: BootKeys,
}

/// Why the configuration file does not count.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read the configuration file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Something in it is wrong.
    #[error("{}:{line}:{column}: {why}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Line of the first mistake, from 1.
        line: usize,
        /// Column of it in characters, from 1.
        column: usize,
        /// What is wrong, on one line.
        why: String,
    },
}

impl ConfigFile {
    pub(super) fn read(path: &Path) -> Result<Self, FileError> {
        let text = fs::read_to_string(path).map_err(|source| FileError::Read { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|Mistake { at, why }| {
            let before = &text[..text.floor_char_boundary(at)];
            let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
            FileError::Wrong {
                path: path.to_owned(),
                line: before.matches('\n').count() + 1,
                column: before[line_start..].chars().count() + 1,
                why,
            }
        })
    }

    fn parse(text: &str) -> Result<Self, Mistake> {
        let keys: Keys = toml::from_str(text).map_err(|error| Mistake {
            at: error.span().unwrap_or_default().start,
            why: in_plain_words(error.message()),
        })?;
        let mut trusts = keys.trust.parse(str::parse)?;
        trusts.extend(keys.trust_port.parse(Trust::parse_port)?);
        Ok(Self {
            ifaces: keys.iface.parse(str::parse)?,
            trusts,
            mode: keys.mode,
            hook: keys.hook,
            listen: keys.listen,
            control: keys.control,
            state: keys.state,
            limits: keys.limits.parse()?,
            alerts: keys.alerts.parse()?,
            web: keys.web.parse()?,
            boot: keys.boot.parse()?,
        })
    }
}

/// What is wrong, and the byte of the file where it begins.
pub(super) struct Mistake {
    pub(super) at: usize,
    pub(super) why: String,
}

pub(super) fn mistake<T>(at: &Spanned<T>, why: impl ToString) -> Mistake {
    Mistake { at: at.span().start, why: why.to_string() }
}

pub(super) fn number(written: &Spanned<i64>, least: u64, most: u64, what: &str) -> Result<u64, Mistake> {
    let number = u64::try_from(*written.get_ref()).ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| mistake(written, format!("{} is not {what} from {least} to {most}", written.get_ref())))
}

/// What serde calls a field and puts between backticks, people call a key.
fn in_plain_words(message: &str) -> String {
    let line = message
        .replace("unknown field", "unknown key")
        .replace("unknown variant", "unknown value")
        .replace("wanted string or table", "wanted a string")
        .replace('\n', "; ");
    if line.contains('"') { line } else { line.replace('`', "\"") }
}

/// `"a"`, or `["a", "b"]`.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Texts(Vec<Spanned<String>>);

impl Texts {
    pub(super) fn parse<T, E: fmt::Display>(&self, parse: impl Fn(&str) -> Result<T, E>) -> Result<Vec<T>, Mistake> {
        let texts = self.0.iter();
        texts
            .map(|text| parse(text.get_ref()).map_err(|why| Mistake { at: text.span().start, why: why.to_string() }))
            .collect()
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Spanned::<OneOrMany>::deserialize(deserializer)?;
        let span = written.span();
        Ok(Self(match written.into_inner() {
            OneOrMany::One(text) => vec![Spanned::new(span, text)],
            OneOrMany::Many(texts) => texts,
        }))
    }
}

/// Deserialized by hand: what serde derives for such an enum does not tell what was wrong.
enum OneOrMany {
    One(String),
    Many(Vec<Spanned<String>>),
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

struct OneOrManyVisitor;

impl<'de> Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or a list of strings")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMany, E> {
        Ok(OneOrMany::One(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<OneOrMany, A::Error> {
        Vec::deserialize(value::SeqAccessDeserializer::new(list)).map(OneOrMany::Many)
    }
}
