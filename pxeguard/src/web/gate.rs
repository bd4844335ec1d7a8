//! Who may do what.
//!
//! To read, the request has to be meant for this host: a page of somebody else's can make a browser ask here under a name of
//! its own (DNS rebinding), and is kept from that by the header `Host`.  To change something, the request has to have the
//! token in a header, which no browser adds by itself, and must not come from another site's page.

mod host;
mod tries;

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderMap, Method, StatusCode, header};
use tokio::time::Instant;

use super::token::Secret;
use host::Names;
use tries::Tries;

/// A refusal: its status, and why, in a sentence.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) why: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self { status, why: why.into() }
    }
}

/// What the browser says of where a request comes from (Fetch Metadata Request Headers, W3C).
const FETCH_SITE: &str = "sec-fetch-site";
const FETCH_MODE: &str = "sec-fetch-mode";

/// The checks that a request has to pass.
#[derive(Debug)]
pub(super) struct Gate {
    names: Names,
    secret: Secret,
    tries: Mutex<Tries>,
}

impl Gate {
    /// `hosts` are names by which this host may be asked, besides its own and all addresses.
    pub(super) fn new(hosts: &[String], secret: Secret) -> Self {
        Self { names: Names::new(hosts), secret, tries: Mutex::default() }
    }

    /// Whether a request is meant for this host, and does not come out of another site's page.
    pub(super) fn admit(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if !self.names.include(host) {
            let why = format!(
                "the name {host:?} is not one of this host's: ask by an address, or add the name to hosts in [web] of \
                 the configuration file"
            );
            return Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, why));
        }
        let site = headers.get(FETCH_SITE).map(|site| site.as_bytes());
        let is_of_other_site = matches!(site, Some(site) if site != b"same-origin" && site != b"none");
        // A picture of another site's page is none.
        let is_going = headers.get(FETCH_MODE).is_none_or(|mode| mode == "navigate");
        let is_navigation = *method == Method::GET && !path.starts_with("/api/") && is_going;
        let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
        let is_of_other_origin = origin.is_some_and(|origin| {
            let place = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            !place.is_some_and(|place| place.eq_ignore_ascii_case(host))
        });
        if !is_navigation && (is_of_other_site || is_of_other_origin) {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "the request comes from a page of another site"));
        }
        Ok(())
    }

    /// Whether a request has the token.
    pub(super) fn allow_change(&self, headers: &HeaderMap, peer: IpAddr) -> Result<(), Refusal> {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if !tries.has_one(peer, now) {
            let why = "too many wrong tokens came from this address; wait some seconds";
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, why));
        }
        let tried = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
        let Some(tried) = tried else {
            let why =
                "this takes the token, as the header \"Authorization: Bearer TOKEN\": pxeguard token shows it to root";
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, why));
        };
        let token = tried.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        if token.is_some_and(|(_, token)| self.secret.is(token.trim())) {
            return Ok(());
        }
        tries.take(peer, now);
        let why = "the token is wrong; each start of the daemon makes a new one: pxeguard token shows it to root";
        Err(Refusal::new(StatusCode::UNAUTHORIZED, why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        Gate::new(&["guard.example".to_owned()], Secret::of("right"))
    }

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    const HOST: (&str, &str) = ("host", "10.0.0.1:9467");
    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn status(method: Method, path: &str, fields: &[(&'static str, &str)]) -> u16 {
        gate().admit(&method, path, &headers(fields)).map_or_else(|refusal| refusal.status.as_u16(), |()| 200)
    }

    #[test]
    fn a_name_that_is_not_this_hosts_is_refused_everywhere() {
        for path in ["/", "/metrics", "/api/v1/overview"] {
            assert_eq!(status(Method::GET, path, &[("host", "rebound.example:9467")]), 421);
            assert_eq!(status(Method::GET, path, &[]), 421);
            assert_eq!(status(Method::GET, path, &[("host", "guard.example:9467")]), 200);
        }
    }

    #[test]
    fn other_sites_may_link_to_the_page_and_nothing_else() {
        let cross = ("sec-fetch-site", "cross-site");
        assert_eq!(status(Method::GET, "/", &[HOST, cross]), 200);
        assert_eq!(status(Method::GET, "/", &[HOST, cross, ("sec-fetch-mode", "navigate")]), 200);
        assert_eq!(status(Method::GET, "/metrics", &[HOST, cross, ("sec-fetch-mode", "no-cors")]), 403);
        for site in ["cross-site", "same-site", "nonsense"] {
            assert_eq!(status(Method::GET, "/api/v1/events", &[HOST, ("sec-fetch-site", site)]), 403, "{site}");
            assert_eq!(status(Method::POST, "/api/v1/trusts", &[HOST, ("sec-fetch-site", site)]), 403, "{site}");
        }
        assert_eq!(status(Method::POST, "/api/v1/trusts", &[HOST, ("sec-fetch-site", "same-origin")]), 200);
        assert_eq!(status(Method::GET, "/api/v1/overview", &[HOST]), 200, "curl says nothing");
    }

    #[test]
    fn an_origin_has_to_be_this_very_address_and_port() {
        let of = |origin| status(Method::POST, "/api/v1/trusts", &[HOST, ("origin", origin)]);
        assert_eq!(of("http://10.0.0.1:9467"), 200);
        for origin in ["http://10.0.0.1", "http://10.0.0.1:80", "http://evil.example", "null", ""] {
            assert_eq!(of(origin), 403, "{origin}");
        }
    }

    #[test]
    fn a_change_takes_the_token() {
        let gate = gate();
        let of = |fields: &[(&'static str, &str)]| {
            gate.allow_change(&headers(fields), PEER).map_or_else(|refusal| refusal.status.as_u16(), |()| 200)
        };
        assert_eq!(of(&[]), 401);
        for wrong in ["Bearer wrong", "Bearer", "Bearer ", "right", "Basic right", "Bearer rightright"] {
            assert_eq!(of(&[("authorization", wrong)]), 401, "{wrong}");
        }
        assert_eq!(of(&[("authorization", "Bearer right")]), 200);
        assert_eq!(of(&[("authorization", "bearer  right")]), 200);
        assert_eq!(of(&[("cookie", "token=right")]), 401);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_guesses_has_to_wait_and_others_have_not() {
        let gate = gate();
        let of = |token: &str, peer| {
            let tried = gate.allow_change(&headers(&[("authorization", token)]), peer);
            tried.map_or_else(|refusal| refusal.status.as_u16(), |()| 200)
        };
        let guessed: Vec<_> = (0..tries::AT_ONCE + 1).map(|_| of("Bearer wrong", PEER)).collect();
        assert_eq!(guessed.iter().filter(|status| **status == 429).count(), 1, "{guessed:?}");
        assert_eq!(of("Bearer right", PEER), 429, "a guess that is right is not told from one that is wrong");
        assert_eq!(of("Bearer right", "10.0.0.2".parse().unwrap()), 200);
        tokio::time::advance(tries::EVERY).await;
        assert_eq!(of("Bearer right", PEER), 200);
    }
}
