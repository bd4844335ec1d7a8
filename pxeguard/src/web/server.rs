//! The server, on its thread.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::events::Hub;
use super::gate::{Gate, Refusal};
use super::listener::{Bounded, Peer, WebListener};
use super::questions::Questions;
use super::token::Token;
use super::{api, page};
use crate::metrics::Format;

/// How long connections may take to end once the daemon stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// What every answer says to the browser: to run nothing but the page's own files, to load nothing from elsewhere, and
/// to show it in nobody's frame.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// What the operator says about the page and the API.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settings {
    /// Names by which this host may be asked, besides its own and all addresses.
    pub hosts: Vec<String>,
}

/// What the answers come from.
#[derive(Clone)]
pub(super) struct Web {
    pub(super) questions: Questions,
    pub(super) gate: Arc<Gate>,
    pub(super) hub: Arc<Hub>,
}

impl Web {
    pub(super) fn new(questions: Questions, settings: &Settings, token: &Token, stop: &CancellationToken) -> Self {
        let gate = Arc::new(Gate::new(&settings.hosts, token.secret()));
        Self { questions, gate, hub: Arc::new(Hub::new(stop.clone())) }
    }
}

/// Answers until it is told to stop.
///
/// # Errors
/// If there can be no thread, or the listener fails.
pub async fn serve(
    listener: WebListener,
    questions: Questions,
    settings: &Settings,
    token: &Token,
    stop: CancellationToken,
) -> io::Result<()> {
    let web = Web::new(questions, settings, token, &stop);
    let (ending, ended) = oneshot::channel();
    let thread = move || {
        let runtime = Builder::new_current_thread().enable_all().build();
        // The other end is there until this one speaks, or the daemon has gone.
        let _ = ending.send(runtime.and_then(|runtime| runtime.block_on(run(listener, web, stop))));
    };
    thread::Builder::new().name("web".to_owned()).spawn(thread)?;
    ended.await.unwrap_or_else(|_| Err(io::Error::other("its thread panicked")))
}

async fn run(listener: WebListener, web: Web, stop: CancellationToken) -> io::Result<()> {
    let (hub, questions) = (web.hub.clone(), web.questions.clone());
    let looking = tokio::spawn(async move { hub.run(&questions).await });
    let service = router(web).into_make_service_with_connect_info::<Peer>();
    let server = axum::serve(Bounded::new(listener)?, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let farewell = async {
        stop.cancelled().await;
        tokio::time::sleep(FAREWELL).await;
    };
    let ended = tokio::select! {
        ended = server.into_future() => ended,
        // Whoever keeps a connection open does not keep the daemon from stopping.
        () = farewell => Ok(()),
    };
    looking.abort();
    ended
}

/// Everything that is answered, each answer with its headers, after the checks that all requests have to pass.
pub(super) fn router(web: Web) -> Router {
    Router::new()
        .route("/metrics", get(scrape))
        .merge(page::routes())
        .merge(api::routes())
        .fallback(not_found)
        .method_not_allowed_fallback(async || Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "not by this method"))
        .layer(middleware::from_fn_with_state(web.clone(), admitted))
        .with_state(web)
}

async fn admitted(State(web): State<Web>, request: Request, next: Next) -> Response {
    let mut response = match web.gate.admit(request.method(), request.uri().path(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn not_found(uri: Uri) -> Response {
    if uri.path().starts_with("/api/") {
        return Refusal::new(StatusCode::NOT_FOUND, "there is /api/v1; see /api/v1/schema.json").into_response();
    }
    (StatusCode::NOT_FOUND, "not found; there is the page at /, the API at /api/v1, and /metrics\n").into_response()
}

async fn scrape(State(web): State<Web>, headers: HeaderMap) -> Response {
    let Ok(snapshot) = web.questions.snapshot().await else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the daemon does not answer\n").into_response();
    };
    let accept: Vec<_> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let format = Format::accepted(&accept.join(","));
    let headers = [(header::CONTENT_TYPE, format.content_type()), (header::VARY, "Accept")];
    (headers, format.write(snapshot)).into_response()
}
