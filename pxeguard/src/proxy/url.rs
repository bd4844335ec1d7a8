//! Boot files' names as URLs.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// By HTTP.
pub fn http(server: Ipv4Addr, port: u16, file: &str) -> Arc<str> {
    match port {
        80 => format!("http://{server}/{}", path(file)),
        port => format!("http://{server}:{port}/{}", path(file)),
    }
    .into()
}

/// By TFTP (RFC 3617).
pub fn tftp(server: Ipv4Addr, file: &str) -> Arc<str> {
    format!("tftp://{server}/{}", path(file)).into()
}

/// A name with what may not stand in a path as its hexadecimal number (RFC 3986 §3.3); `/` stays.
fn path(file: &str) -> String {
    let mut path = String::with_capacity(file.len());
    for byte in file.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => path.push(char::from(byte)),
            other => write!(path, "%{other:02X}").expect("a string takes any text"),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_stand_in_a_path_is_escaped() {
        let server = Ipv4Addr::new(10, 0, 0, 1);
        assert_eq!(&*http(server, 8067, "efi/my boot.efi"), "http://10.0.0.1:8067/efi/my%20boot.efi");
        assert_eq!(&*http(server, 80, "a?b#c%d"), "http://10.0.0.1/a%3Fb%23c%25d");
        assert_eq!(&*tftp(server, "boot.ipxe"), "tftp://10.0.0.1/boot.ipxe");
    }
}
