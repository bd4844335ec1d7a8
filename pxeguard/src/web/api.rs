//! The API: what the commands show, in the same JSON.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response as HttpResponse};
use axum::routing::get;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use super::gate::Refusal;
use super::listener::Peer;
use super::questions::Unanswered;
use super::rows::{LeftOut, limit};
use super::schema::SCHEMA;
use super::server::Web;
use crate::control::{Request, Response};
use crate::report::{Overview, printable};
use crate::trust::{MacAddress, Trust};

/// Bytes of a request's body at the most.
const MAX_BODY_BYTES: usize = 4096;
/// Characters of a message on a screen at the most.
const MAX_SCREEN: usize = 200;
/// How many rows there are that are not shown.
const LEFT_OUT: &str = "x-left-out";

type Answer = Result<HttpResponse, Refusal>;

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/api/v1/overview", get(overview))
        .route("/api/v1/status", get(async |State(web): State<Web>| plain(&web, Request::Status).await))
        .route("/api/v1/servers", get(servers))
        .route("/api/v1/ports", get(async |State(web): State<Web>| plain(&web, Request::Ports).await))
        .route("/api/v1/clients", get(clients))
        .route("/api/v1/clients/{mac}/explain", get(explain))
        .route("/api/v1/alerts", get(async |State(web): State<Web>| plain(&web, Request::Alerts).await))
        .route("/api/v1/boot", get(async |State(web): State<Web>| plain(&web, Request::BootList).await))
        .route("/api/v1/history", get(async |State(web): State<Web>| plain(&web, Request::History).await))
        .route(
            "/api/v1/trusts",
            get(async |State(web): State<Web>| plain(&web, Request::TrustList).await)
                .post(change_trust)
                .delete(change_trust),
        )
        .route("/api/v1/token", get(token))
        .route("/api/v1/events", get(events))
        .route("/api/v1/schema.json", get(async || json(&*SCHEMA)))
}

/// What is answered where something went wrong.
#[derive(Serialize)]
struct Wrong {
    error: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> HttpResponse {
        let mut response = json(&Wrong { error: self.why });
        *response.status_mut() = self.status;
        match self.status {
            StatusCode::UNAUTHORIZED => {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        response
    }
}

impl From<Unanswered> for Refusal {
    fn from(why: Unanswered) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, why.to_string())
    }
}

fn json(value: &impl Serialize) -> HttpResponse {
    let text = serde_json::to_string(value).expect("reports have strings for keys, and finite numbers");
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (headers, text).into_response()
}

fn json_of_some(value: &impl Serialize, left_out: usize) -> HttpResponse {
    let mut response = json(value);
    response.headers_mut().insert(LEFT_OUT, left_out.into());
    response
}

/// What a question is answered; `otherwise` is the status where the daemon says no.
async fn asked(web: &Web, request: Request, otherwise: StatusCode) -> Answer {
    Ok(match web.questions.ask(request).await? {
        Response::Status(status) => json(&status),
        Response::Servers(servers) => json(&servers),
        Response::Ports(ports) => json(&ports),
        Response::Trusts(trusts) => json(&trusts),
        Response::Clients(clients) => json(&clients),
        Response::Boot(list) => json(&list),
        Response::Alerts(alerts) => json(&alerts),
        Response::Overview(overview) => json(&overview),
        Response::Explained(explanation) => json(&explanation),
        Response::History(samples) => json(&samples),
        Response::Done(done) => json(&Done { done }),
        // Nobody asks for them here: they are bytes, for `pxeguard capture`.
        Response::Frames(_) => return Err(Refusal::new(otherwise, "frames are not to be had here".to_owned())),
        Response::Error(why) => return Err(Refusal::new(otherwise, why)),
    })
}

async fn plain(web: &Web, request: Request) -> Answer {
    let otherwise =
        if request == Request::BootList { StatusCode::NOT_FOUND } else { StatusCode::INTERNAL_SERVER_ERROR };
    asked(web, request, otherwise).await
}

/// What there is to see, without what is too much.
async fn limited(web: &Web) -> Result<(Overview, LeftOut), Refusal> {
    let mut overview = web.questions.overview().await?;
    let left_out = limit(&mut overview);
    Ok((overview, left_out))
}

async fn overview(State(web): State<Web>) -> Answer {
    let (overview, left_out) = limited(&web).await?;
    Ok(json_of_some(&overview, left_out.servers + left_out.clients))
}

async fn servers(State(web): State<Web>) -> Answer {
    let (overview, left_out) = limited(&web).await?;
    Ok(json_of_some(&overview.servers, left_out.servers))
}

async fn clients(State(web): State<Web>) -> Answer {
    let (overview, left_out) = limited(&web).await?;
    Ok(json_of_some(&overview.clients, left_out.clients))
}

async fn explain(State(web): State<Web>, mac: Result<Path<String>, PathRejection>, uri: Uri) -> Answer {
    let bad = |why: String| Refusal::new(StatusCode::BAD_REQUEST, why);
    let Path(mac) = mac.map_err(|why| bad(why.body_text()))?;
    let mac: MacAddress = mac.parse().map_err(|why| bad(format!("{:?}: {why}", printable(&mac))))?;
    asked(&web, Request::Explain { mac, screen: screen(&uri)? }, StatusCode::INTERNAL_SERVER_ERROR).await
}

/// The message on the client's screen, by `?screen=PXE-E53`.
fn screen(uri: &Uri) -> Result<Option<String>, Refusal> {
    let fields = uri.query().unwrap_or_default().split('&');
    let Some(written) = fields.filter_map(|field| field.strip_prefix("screen=")).next() else { return Ok(None) };
    let screen = percent_decode_str(&written.replace('+', " ")).decode_utf8_lossy().into_owned();
    if screen.chars().count() > MAX_SCREEN {
        let why = format!("a message of more than {MAX_SCREEN} characters");
        return Err(Refusal::new(StatusCode::BAD_REQUEST, why));
    }
    Ok(Some(printable(&screen)).filter(|screen| !screen.is_empty()))
}

/// A change of who is trusted, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrustChange {
    trust: Trust,
}

/// That it is done, in a sentence.
#[derive(Serialize)]
struct Done {
    done: String,
}

async fn change_trust(
    State(web): State<Web>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    web.gate.allow_change(&headers, peer.ip())?;
    // A form can only be sent as something else, so that this, too, keeps other sites' pages out.
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body has to be application/json"));
    }
    let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| {
        let why = format!("the body is broken off, or has more than {MAX_BODY_BYTES} bytes");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, why)
    })?;
    let TrustChange { trust } = serde_json::from_slice(&body).map_err(|why| {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            format!("not {{\"trust\": \"MAC@PORT\"}}: {}", printable(&why.to_string())),
        )
    })?;
    let request = if method == Method::DELETE { Request::TrustRemove(trust) } else { Request::TrustAdd(trust) };
    log::info!("by the page or API, from {}: {request:?}", peer.ip());
    asked(&web, request, StatusCode::CONFLICT).await
}

/// Whether the token is the right one.
async fn token(State(web): State<Web>, ConnectInfo(Peer(peer)): ConnectInfo<Peer>, headers: HeaderMap) -> Answer {
    web.gate.allow_change(&headers, peer.ip())?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn events(State(web): State<Web>, ConnectInfo(Peer(peer)): ConnectInfo<Peer>) -> Answer {
    let viewer = web.hub.watch(peer.ip());
    let stream = viewer.ok_or_else(|| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "too many watch already"))?;
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // nginx would keep events until it has enough of them.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(stream)).into_response())
}
