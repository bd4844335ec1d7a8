//! The section `[web]` of the configuration file: about the page and the API.

use serde::Deserialize;

use super::file::{Mistake, Texts};
use crate::web::Settings;

/// The section as it is written.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct WebKeys {
    hosts: Texts,
}

impl WebKeys {
    pub(super) fn parse(self) -> Result<Settings, Mistake> {
        Ok(Settings { hosts: self.hosts.parse(host_name)? })
    }
}

/// A name without a port, as it stands in a URL.
fn host_name(text: &str) -> Result<String, String> {
    let is_name = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    if is_name && (1..=253).contains(&text.len()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("{text:?} is not the name of a host, without a port"))
    }
}
