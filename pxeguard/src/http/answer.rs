//! What is answered: which part of a file, or why none.

use std::fmt::Write;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, SystemTime};

use axum::http::StatusCode;
use axum::http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE};

use super::range::Asked;
use super::request::Request;
use crate::boot::Content;

/// An answer; its body is of the file.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Body,
    /// Headers of its own, each with its line's end.
    headers: String,
}

/// The body.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Body {
    /// This part of the file.
    Part(Range<u64>),
    /// A line for people.
    Text(String),
    /// None, and no length of one (RFC 9110 §15.4.5).
    None,
}

impl Answer {
    /// The answer to GET or HEAD of a file.
    ///
    /// Several ranges at once are answered by the whole file, as RFC 9110 §14.2 allows: no boot program asks for that.
    pub(super) fn of(request: &Request, content: &Content) -> Self {
        let validators = Validators::of(content);
        let mut headers = format!(
            "ETag: {}\r\nLast-Modified: {}\r\nAccept-Ranges: bytes\r\nCache-Control: no-cache\r\n",
            validators.tag,
            httpdate::fmt_http_date(validators.modified)
        );
        if validators.hold(request) {
            return Self { status: StatusCode::NOT_MODIFIED, body: Body::None, headers };
        }
        let asked = request.header(RANGE).filter(|_| validators.allow_range(request));
        let (status, part) = match asked.map_or(Asked::Whole, |range| Asked::read(range, content.len)) {
            Asked::Whole => (StatusCode::OK, 0..content.len),
            Asked::Part(part) => {
                let (first, last, len) = (part.start, part.end - 1, content.len);
                header(&mut headers, format_args!("Content-Range: bytes {first}-{last}/{len}"));
                (StatusCode::PARTIAL_CONTENT, part)
            }
            Asked::Nothing => {
                let mut refusal = Self::refusal(StatusCode::RANGE_NOT_SATISFIABLE, "no such range");
                header(&mut refusal.headers, format_args!("Content-Range: bytes */{}", content.len));
                return refusal;
            }
        };
        header(&mut headers, format_args!("Content-Type: {}", content_type(&content.name)));
        Self { status, body: Body::Part(part), headers }
    }

    /// An answer that says why there is nothing.
    pub(super) fn refusal(status: StatusCode, why: &str) -> Self {
        let mut headers = "Content-Type: text/plain; charset=utf-8\r\n".to_owned();
        if status == StatusCode::METHOD_NOT_ALLOWED {
            header(&mut headers, format_args!("Allow: GET, HEAD"));
        }
        Self { status, body: Body::Text(format!("{why}\n")), headers }
    }

    /// The status line and the headers, in the usual case: U-Boot looks for `Content-Length` in no other (`net/wget.c`).
    pub(super) fn head(&self, keeps_alive: bool, now: SystemTime) -> String {
        let reason = self.status.canonical_reason().unwrap_or_default();
        let mut head = format!("HTTP/1.1 {} {reason}\r\n", self.status.as_u16());
        header(&mut head, format_args!("Date: {}", httpdate::fmt_http_date(now)));
        match &self.body {
            Body::Part(part) => header(&mut head, format_args!("Content-Length: {}", part.end - part.start)),
            Body::Text(text) => header(&mut head, format_args!("Content-Length: {}", text.len())),
            Body::None => {}
        }
        head.push_str(&self.headers);
        header(&mut head, format_args!("Connection: {}", if keeps_alive { "keep-alive" } else { "close" }));
        head.push_str("\r\n");
        head
    }
}

fn header(headers: &mut String, line: std::fmt::Arguments<'_>) {
    write!(headers, "{line}\r\n").expect("a string takes everything");
}

/// What tells one version of a file from another.
struct Validators {
    tag: String,
    /// In whole seconds, as dates in HTTP are.
    modified: SystemTime,
}

impl Validators {
    fn of(content: &Content) -> Self {
        let since_1970 = content.modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            tag: format!("\"{:x}-{:x}\"", since_1970.as_nanos(), content.len),
            modified: SystemTime::UNIX_EPOCH + Duration::from_secs(since_1970.as_secs()),
        }
    }

    /// Whether the client has this version already (RFC 9110 §13.1.2, §13.1.3: a tag counts more than a date).
    fn hold(&self, request: &Request) -> bool {
        if let Some(tags) = request.header(IF_NONE_MATCH) {
            let mut tags = tags.split(',').map(str::trim);
            return tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.tag);
        }
        date(request.header(IF_MODIFIED_SINCE)).is_some_and(|since| self.modified <= since)
    }

    /// Whether a range is one of this version (RFC 9110 §13.1.5).
    fn allow_range(&self, request: &Request) -> bool {
        request.header(IF_RANGE).is_none_or(|version| version == self.tag || date(Some(version)) == Some(self.modified))
    }
}

fn date(header: Option<&str>) -> Option<SystemTime> {
    httpdate::parse_http_date(header?).ok()
}

/// By the name's ending.  EDK II boots by the first three, whatever the ending is (`HttpBootCheckImageType`); iPXE's
/// scripts and the loaders' menus are text.
fn content_type(name: &str) -> String {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "efi" => "application/efi".to_owned(),
        "iso" => "application/vnd.efi-iso".to_owned(),
        "img" => "application/vnd.efi-img".to_owned(),
        "ipxe" | "cfg" => "text/plain; charset=utf-8".to_owned(),
        ending => mime_guess::from_ext(ending).first_or_octet_stream().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::boot::Source;

    /// 1994-11-06 08:49:37.25.
    const MODIFIED: Duration = Duration::from_millis(784_111_777_250);
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn answer(headers: &str) -> Answer {
        let content = Content {
            len: 10,
            modified: SystemTime::UNIX_EPOCH + MODIFIED,
            name: "x.efi".into(),
            bytes: Source::Memory(Bytes::from_static(b"0123456789")),
        };
        let text = format!("GET /x.efi HTTP/1.1\r\n{headers}\r\n");
        Answer::of(&Request::parse(text.as_bytes()).unwrap().unwrap().0, &content)
    }

    fn tag() -> String {
        let head = answer("").head(true, SystemTime::UNIX_EPOCH);
        head.lines().find_map(|line| line.strip_prefix("ETag: ")).unwrap().to_owned()
    }

    #[test]
    fn an_answer_says_all_that_a_client_wants_to_know() {
        assert_eq!(
            answer("").head(true, SystemTime::UNIX_EPOCH + MODIFIED),
            format!(
                "HTTP/1.1 200 OK\r\nDate: {DATE}\r\nContent-Length: 10\r\nETag: \"ae1b981cb2fbc80-a\"\r\n\
                 Last-Modified: {DATE}\r\nAccept-Ranges: bytes\r\nCache-Control: no-cache\r\n\
                 Content-Type: application/efi\r\nConnection: keep-alive\r\n\r\n"
            )
        );
    }

    #[test]
    fn a_part_says_which_and_one_that_is_not_there_how_long_the_file_is() {
        let part = answer("Range: bytes=2-4\r\n");
        assert_eq!((part.status, &part.body), (StatusCode::PARTIAL_CONTENT, &Body::Part(2..5)));
        let head = part.head(false, SystemTime::UNIX_EPOCH);
        assert!(head.contains("\r\nContent-Range: bytes 2-4/10\r\n"), "{head}");
        assert!(head.contains("\r\nContent-Length: 3\r\n"), "{head}");
        let none = answer("Range: bytes=10-\r\n");
        assert_eq!(none.status, StatusCode::RANGE_NOT_SATISFIABLE);
        assert!(none.head(true, SystemTime::UNIX_EPOCH).contains("\r\nContent-Range: bytes */10\r\n"));
    }

    #[test]
    fn a_range_of_another_version_is_answered_by_the_whole_file() {
        for (version, status) in [
            (tag().as_str(), StatusCode::PARTIAL_CONTENT),
            (DATE, StatusCode::PARTIAL_CONTENT),
            ("\"other\"", StatusCode::OK),
            (&format!("W/{}", tag()), StatusCode::OK),
            ("Sun, 06 Nov 1994 08:49:38 GMT", StatusCode::OK),
        ] {
            let answer = answer(&format!("Range: bytes=2-\r\nIf-Range: {version}\r\n"));
            assert_eq!(answer.status, status, "{version}");
        }
    }

    #[test]
    fn a_client_that_has_the_file_is_told_so() {
        let tag = tag();
        for (headers, has_it) in [
            (format!("If-None-Match: {tag}"), true),
            (format!("If-None-Match: \"a\", W/{tag}"), true),
            ("If-None-Match: *".to_owned(), true),
            ("If-None-Match: \"a\"".to_owned(), false),
            (format!("If-Modified-Since: {DATE}"), true),
            ("If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT".to_owned(), false),
            (format!("If-None-Match: \"a\"\r\nIf-Modified-Since: {DATE}"), false),
            ("If-Modified-Since: yesterday".to_owned(), false),
        ] {
            let answer = answer(&format!("{headers}\r\n"));
            assert_eq!(answer.status == StatusCode::NOT_MODIFIED, has_it, "{headers}");
            assert_eq!(!answer.head(true, SystemTime::UNIX_EPOCH).contains("Content-Length"), has_it);
        }
    }

    #[test]
    fn firmware_knows_what_it_gets() {
        for (name, kind) in [
            ("boot/BOOTX64.EFI", "application/efi"),
            ("debian.iso", "application/vnd.efi-iso"),
            ("disk.img", "application/vnd.efi-img"),
            ("boot.ipxe", "text/plain; charset=utf-8"),
            ("vmlinuz", "application/octet-stream"),
            ("folder.efi/vmlinuz", "application/octet-stream"),
            ("readme.txt", "text/plain"),
        ] {
            assert_eq!(content_type(name), kind, "{name}");
        }
    }
}
