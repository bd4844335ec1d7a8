//! Connections, as many as there is room for, and none that keeps its place without use.

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep, sleep};

use crate::places::{Place, Places};

/// Connections of one address: a browser opens six for a page, and a proxy stands for many browsers.
pub(super) const PER_CLIENT: usize = 64;
/// Connections in all.
pub(super) const IN_ALL: usize = 256;
/// How long a connection may take to say what it wants.
pub(super) const REQUEST: Duration = Duration::from_secs(10);
/// How long a connection may send nothing after an answer: longer than anybody waits between two scrapes.
pub(super) const IDLE: Duration = Duration::from_secs(150);
/// How long a connection may take nothing of what is sent to it.
pub(super) const STALL: Duration = Duration::from_secs(20);

/// Why nobody can look.
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
pub struct WebListener(StdListener);

impl WebListener {
    /// Binds it.
    pub fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        let bound = StdListener::bind(address).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(Self(listener))
        });
        bound.map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => ListenError::InUse(address),
            _ => ListenError::Io { address, source },
        })
    }

    /// Where it is bound; of use where port 0 was asked for.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// A listener that does not let strangers use up the daemon's file descriptors.
///
/// Who is too many is closed at once: left waiting, a crowd would keep everybody else waiting behind it.
pub(super) struct Bounded {
    listener: TcpListener,
    places: Arc<Places>,
}

impl Bounded {
    /// # Errors
    /// Outside a tokio runtime with its reactor.
    pub(super) fn new(listener: WebListener) -> io::Result<Self> {
        let listener = TcpListener::from_std(listener.0)?;
        Ok(Self { listener, places: Arc::new(Places::new(PER_CLIENT, IN_ALL)) })
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            let (stream, peer) = Listener::accept(&mut self.listener).await;
            if let Some(place) = self.places.take(peer.ip().to_canonical()) {
                return (Connection::new(stream, place), peer);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

impl Connected<IncomingStream<'_, Bounded>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// A connection that ends when it says nothing, does not come to an end with it, or does not listen.
pub(super) struct Connection<S = TcpStream> {
    stream: S,
    /// Whether bytes have come since the last answer: then they have to become a request in time.
    is_asking: bool,
    silent: Pin<Box<Sleep>>,
    /// Runs while the other end takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    _place: Place,
}

impl<S> Connection<S> {
    pub(super) fn new(stream: S, place: Place) -> Self {
        Self { stream, is_asking: true, silent: Box::pin(sleep(REQUEST)), stalled: None, _place: place }
    }

    /// Bytes have come.
    fn asks(&mut self) {
        if !self.is_asking {
            self.is_asking = true;
            self.silent.as_mut().reset(Instant::now() + REQUEST);
        }
    }

    /// Bytes have gone.
    fn is_answered(&mut self) {
        self.is_asking = false;
        self.stalled = None;
        self.silent.as_mut().reset(Instant::now() + IDLE);
    }

    /// The other end takes nothing for now.
    fn stalls(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_ready() {
            self.asks();
        }
        // Also where bytes have come: one at a time is no way to keep a place.
        match self.silent.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => read,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Pending => self.stalls(cx),
            written => {
                self.is_answered();
                written
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
