//! The HTTP server.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::exposition::Format;
use super::listener::Bounded;
use super::{Handler, Snapshot};

/// Why nobody can scrape.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody else has the port.
    #[error("cannot listen on {0}: another program uses this port; choose --listen")]
    InUse(SocketAddr),
    /// The system refused.
    #[error("cannot listen on {address}; choose --listen")]
    Io {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A bound socket.
#[derive(Debug)]
pub struct MetricsListener(TcpListener);

impl MetricsListener {
    /// Binds it.
    pub async fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        match TcpListener::bind(address).await {
            Ok(listener) => Ok(Self(listener)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(ListenError::InUse(address)),
            Err(source) => Err(ListenError::Io { address, source }),
        }
    }

    /// Where it is bound; of use where port 0 was asked for.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// How long the daemon may take for a snapshot.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long connections may take to end once the daemon stops.
const FAREWELL: Duration = Duration::from_secs(2);

const INDEX: &str = "pxeguard\n\n/metrics  for Prometheus\n";
const NOT_FOUND: &str = "not found; there is /metrics\n";

/// Answers scrapes until it is told to stop.
pub async fn serve(listener: MetricsListener, handler: Handler, stop: CancellationToken) -> io::Result<()> {
    let router = Router::new()
        .route("/", get(INDEX))
        .route("/metrics", get(scrape))
        .fallback((StatusCode::NOT_FOUND, NOT_FOUND))
        .with_state(handler);
    let server = axum::serve(Bounded::new(listener.0), router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let farewell = async {
        stop.cancelled().await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        ended = server.into_future() => ended,
        // Whoever keeps a connection open does not keep the daemon from stopping.
        () = farewell => Ok(()),
    }
}

async fn scrape(State(handler): State<Handler>, headers: HeaderMap) -> Response {
    let Ok(Some(snapshot)) = timeout(PATIENCE, take_snapshot(&handler)).await else {
        return (StatusCode::SERVICE_UNAVAILABLE, "the daemon does not answer\n").into_response();
    };
    let accept: Vec<_> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let format = Format::accepted(&accept.join(","));
    let headers = [(header::CONTENT_TYPE, format.content_type()), (header::VARY, "Accept")];
    (headers, format.write(snapshot)).into_response()
}

async fn take_snapshot(handler: &Handler) -> Option<Snapshot> {
    let (reply, snapshot) = oneshot::channel();
    handler.send(reply).await.ok()?;
    snapshot.await.ok()
}
