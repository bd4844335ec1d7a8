//! The daemon's end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{ControlSocket, Envelope, Handler, PROTOCOL, Protocol, Request, Response};

/// Bytes of a request at the most, with its newline.
pub(super) const MAX_REQUEST_BYTES: u64 = 64 * 1024;
/// Connections at once.
pub(super) const MAX_CONNECTIONS: usize = 32;
/// How long a connection may be silent, or a response take to be sent or made.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause after a failed accept, which may be for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers requests until it is told to stop.
pub async fn serve(socket: ControlSocket, handler: Handler, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = socket.listener.accept() => accepted,
        };
        match (accepted, places.clone().try_acquire_owned()) {
            (Ok((stream, _)), Ok(place)) => {
                let handler = handler.clone();
                connections.spawn(async move {
                    if let Err(error) = talk(stream, &handler).await {
                        log::debug!("control connection: {error}");
                    }
                    drop(place);
                });
            }
            (Ok((mut stream, _)), Err(_)) => {
                let refusal = Response::Error(format!("more than {MAX_CONNECTIONS} connections at once"));
                // Small enough for the socket's buffer: this does not wait for the peer.
                connections.spawn(async move { drop(send(&mut stream, &refusal).await) });
            }
            (Err(error), _) => {
                log::warn!("cannot accept a control connection: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    connections.shutdown().await;
}

/// Answers one connection's requests, as long as it makes sense.
async fn talk(stream: UnixStream, handler: &Handler) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(line) = timeout(PATIENCE, read_line(&mut stream)).await?? {
        let (response, go_on) = match line {
            Line::Whole(line) => match parse(&line) {
                Ok(request) => (answer(request, handler).await, true),
                Err(error) => (Response::Error(error), true),
            },
            Line::TooLong => (Response::Error(format!("a request of more than {MAX_REQUEST_BYTES} bytes")), false),
        };
        send(stream.get_mut(), &response).await?;
        if !go_on {
            break;
        }
    }
    Ok(())
}

enum Line {
    Whole(Vec<u8>),
    TooLong,
}

/// `None` at the end of the stream.
async fn read_line(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    stream.take(MAX_REQUEST_BYTES).read_until(b'\n', &mut line).await?;
    Ok(match line.last() {
        None => None,
        Some(b'\n') => Some(Line::Whole(line)),
        Some(_) if line.len() as u64 == MAX_REQUEST_BYTES => Some(Line::TooLong),
        Some(_) => None,
    })
}

fn parse(line: &[u8]) -> Result<Request, String> {
    match serde_json::from_slice(line) {
        Ok(Protocol { protocol }) if protocol != PROTOCOL => Err(format!(
            "this daemon is another version of pxeguard: it speaks protocol {PROTOCOL}, the command {protocol}"
        )),
        _ => serde_json::from_slice(line)
            .map(|Envelope { request, .. }| request)
            .map_err(|error| format!("the daemon does not understand the request: {error}")),
    }
}

async fn answer(request: Request, handler: &Handler) -> Response {
    let (reply, response) = oneshot::channel();
    let answered = async {
        handler.send((request, reply)).await.ok()?;
        response.await.ok()
    };
    match timeout(PATIENCE, answered).await {
        Ok(Some(response)) => response,
        Ok(None) => Response::Error("the daemon is about to stop".to_owned()),
        Err(_) => Response::Error(format!("the daemon did not answer within {} s", PATIENCE.as_secs())),
    }
}

async fn send(stream: &mut UnixStream, response: &Response) -> io::Result<()> {
    let mut line = serde_json::to_vec(response).map_err(io::Error::other)?;
    line.push(b'\n');
    timeout(PATIENCE, stream.write_all(&line)).await?
}
