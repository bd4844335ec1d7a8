//! Requests, as they come (RFC 9112 §2 to §6).

use axum::http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;

/// Longest request line with all headers.
pub(super) const MAX_BYTES: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;

/// A request, without its body: what has one is answered, and its connection closed.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    /// The path, decoded, without a query.
    pub(super) name: Vec<u8>,
    pub(super) headers: HeaderMap,
    /// Whether another request may follow on the connection.
    pub(super) keeps_alive: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Method {
    Get,
    Head,
    Other,
}

impl Request {
    /// Reads a request and its length in bytes; `None` if it is not whole yet, or what is wrong with it.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, StatusCode> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let len = match request.parse(bytes) {
            Ok(httparse::Status::Complete(len)) => len,
            Ok(httparse::Status::Partial) if bytes.len() < MAX_BYTES => return Ok(None),
            Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
            }
            Err(httparse::Error::Version) => return Err(StatusCode::HTTP_VERSION_NOT_SUPPORTED),
            Err(_) => return Err(StatusCode::BAD_REQUEST),
        };
        let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
            return Err(StatusCode::BAD_REQUEST);
        };
        let headers = header_map(request.headers).ok_or(StatusCode::BAD_REQUEST)?;
        let method = match method {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            _ => Method::Other,
        };
        let keeps_alive = keeps_alive(minor, &headers);
        Ok(Some((Self { method, name: name(target), headers, keeps_alive }, len)))
    }

    /// A header's value, if it is text.
    pub(super) fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

fn header_map(headers: &[httparse::Header<'_>]) -> Option<HeaderMap> {
    let headers = headers.iter().map(|header| {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(header.value).ok()?))
    });
    headers.collect()
}

/// RFC 9112 §9.3.
fn keeps_alive(minor: u8, headers: &HeaderMap) -> bool {
    let says = |option: &str| {
        let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(option))
    };
    let has_body = headers.contains_key(TRANSFER_ENCODING) || headers.get(CONTENT_LENGTH).is_some_and(|len| len != "0");
    !has_body && !says("close") && (minor > 0 || says("keep-alive"))
}

/// The path of a target, which may be a whole URL (RFC 9112 §3.2.2).
fn name(target: &str) -> Vec<u8> {
    let path = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => rest.find('/').map_or("", |slash| &rest[slash..]),
        _ => target,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    percent_decode_str(path).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Request {
        Request::parse(text.as_bytes()).unwrap().expect("a whole request").0
    }

    #[test]
    fn a_name_is_the_decoded_path() {
        for (target, name) in [
            ("/boot/x%20y.efi?mac=1#z", "/boot/x y.efi"),
            ("http://10.0.0.1:8067/a/b", "/a/b"),
            ("http://10.0.0.1", ""),
            ("/a://b", "/a://b"),
            ("/%2e%2e/%2e%2e/etc/passwd", "/../../etc/passwd"),
            ("/a%00b%5cc%zz", "/a\0b\\c%zz"),
        ] {
            let request = parse(&format!("GET {target} HTTP/1.1\r\n\r\n"));
            assert_eq!(request.name, name.as_bytes(), "{target}");
        }
    }

    #[test]
    fn a_connection_lasts_as_long_as_the_client_wants() {
        for (head, lasts) in [
            ("GET / HTTP/1.1\r\n", true),
            ("GET / HTTP/1.1\r\nConnection: Keep-Alive, Close\r\n", false),
            ("GET / HTTP/1.0\r\n", false),
            ("GET / HTTP/1.0\r\nconnection: keep-alive\r\n", true),
            ("GET / HTTP/1.1\r\nContent-Length: 0\r\n", true),
            ("GET / HTTP/1.1\r\nContent-Length: 3\r\n", false),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", false),
        ] {
            assert_eq!(parse(&format!("{head}\r\n")).keeps_alive, lasts, "{head}");
        }
    }

    #[test]
    fn what_is_no_request_is_told_apart() {
        let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(MAX_BYTES));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
        for (bytes, status) in [
            ("nonsense\r\n\r\n", StatusCode::BAD_REQUEST),
            ("\x16\x03\x01\x02", StatusCode::BAD_REQUEST),
            ("GET / HTTP/2.0\r\n\r\n", StatusCode::HTTP_VERSION_NOT_SUPPORTED),
            (&long, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
            (&many, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        ] {
            assert_eq!(Request::parse(bytes.as_bytes()).unwrap_err(), status, "{bytes:.20}");
        }
        assert!(Request::parse(b"GET / HTTP/1.1\r\nHost: x\r\n").unwrap().is_none());
    }

    #[test]
    fn the_next_request_begins_where_the_first_one_ends() {
        let both = b"GET /a HTTP/1.1\r\n\r\nHEAD /b HTTP/1.1\r\n\r\n";
        let (_, len) = Request::parse(both).unwrap().unwrap();
        let (next, _) = Request::parse(&both[len..]).unwrap().unwrap();
        assert_eq!((next.method, next.name.as_slice()), (Method::Head, b"/b".as_slice()));
    }

    proptest! {
        #[test]
        fn nothing_that_comes_is_too_much(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
            let _ = Request::parse(&bytes);
            let _ = Request::parse(&[b"GET / HTTP/1.1\r\n".as_slice(), &bytes].concat());
        }
    }
}
