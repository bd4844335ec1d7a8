//! The token that allows changes: root reads it from its file, and pastes it into the page.

use std::fs::{self, File, OpenOptions};
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::rand::{GetRandomFlags, getrandom};

/// Random bytes in it: nobody guesses 128 bits.
const LENGTH: usize = 16;
/// More than any token has.
const MAX_FILE_BYTES: u64 = 256;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No daemon has made one.
    #[error("no pxeguard runs here: {} does not exist; start it with pxeguard run, or name its --control", .0.display())]
    NotRunning(PathBuf),
    /// Not root.
    #[error("may not read the token in {}: must be root", .0.display())]
    Permission(PathBuf),
    /// The system refused.
    #[error("token {}: cannot {what}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was attempted.
        what: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The token of a running daemon; its file is removed with it.
#[derive(Debug)]
pub struct Token {
    secret: Secret,
    path: PathBuf,
}

/// What whoever changes something has to know.
#[derive(Clone)]
pub(super) struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Token {
    /// Makes a new one, in a file beside the control socket that only its owner may read.
    pub fn make(control: &Path) -> Result<Self, TokenError> {
        let path = path(control);
        let error = |what| {
            let path = path.clone();
            move |source| TokenError::Io { path, what, source }
        };
        let mut random = [0; LENGTH];
        getrandom(&mut random, GetRandomFlags::empty()).map_err(|why| error("draw it")(why.into()))?;
        let secret: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        // The one of an earlier daemon; what is made anew is never somebody else's file, nor one behind a link.
        match fs::remove_file(&path) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => {
                return Err(error("remove the one that was there")(why));
            }
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let mut file = file.map_err(error("make its file"))?;
        file.write_all(format!("{secret}\n").as_bytes()).map_err(error("write it"))?;
        Ok(Self { secret: Secret(secret), path })
    }

    pub(super) fn secret(&self) -> Secret {
        self.secret.clone()
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        // The next daemon may have made its own already.
        if read(&self.path).is_ok_and(|token| self.secret.is(token.trim_end())) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Secret {
    #[cfg(test)]
    pub(super) fn of(secret: &str) -> Self {
        Self(secret.to_owned())
    }

    /// Whether this is the token, in a time that does not tell how much of it is right.
    pub(super) fn is(&self, tried: &str) -> bool {
        let (secret, tried) = (self.0.as_bytes(), tried.as_bytes());
        let differing = secret.iter().zip(tried).fold(0, |differing, (a, b)| black_box(differing | (a ^ b)));
        secret.len() == tried.len() && differing == 0
    }
}

/// The token of the daemon with this control socket, for those who may read it.
pub fn read_token(control: &Path) -> Result<String, TokenError> {
    let path = path(control);
    read(&path).map(|token| token.trim_end().to_owned()).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => TokenError::NotRunning(path),
        io::ErrorKind::PermissionDenied => TokenError::Permission(path),
        _ => TokenError::Io { path, what: "read it", source },
    })
}

fn read(path: &Path) -> io::Result<String> {
    let mut token = String::new();
    File::open(path)?.take(MAX_FILE_BYTES).read_to_string(&mut token)?;
    Ok(token)
}

/// `/run/pxeguard/pxeguard.token` for `/run/pxeguard/pxeguard.sock`: daemons with sockets of their own share none.
fn path(control: &Path) -> PathBuf {
    control.with_extension("token")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_the_whole_token_is_the_token() {
        let secret = Secret("00ff".to_owned());
        let tried = ["00ff", "00fe", "00f", "00ff0", "", "00FF"].map(|tried| secret.is(tried));
        assert_eq!(tried, [true, false, false, false, false, false]);
        assert!(!format!("{secret:?}").contains("00ff"));
    }

    #[test]
    fn each_daemon_has_a_token_of_its_own_that_only_its_owner_reads_and_that_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let control = folder.path().join("pxeguard.sock");
        let first = Token::make(&control).unwrap();
        let file = folder.path().join("pxeguard.token");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let told = read_token(&control).unwrap();
        assert!(first.secret.is(&told) && told.len() == 2 * LENGTH);
        let second = Token::make(&control).unwrap();
        assert!(!second.secret.is(&told));
        drop(first);
        assert!(second.secret.is(&read_token(&control).unwrap()), "the second one's file is still there");
        drop(second);
        assert!(matches!(read_token(&control), Err(TokenError::NotRunning(_))));
    }

    #[test]
    fn a_link_in_its_place_is_replaced_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let precious = folder.path().join("precious");
        fs::write(&precious, "data").unwrap();
        std::os::unix::fs::symlink(&precious, folder.path().join("pxeguard.token")).unwrap();
        let _token = Token::make(&folder.path().join("pxeguard.sock")).unwrap();
        assert_eq!(fs::read(&precious).unwrap(), b"data");
    }
}
