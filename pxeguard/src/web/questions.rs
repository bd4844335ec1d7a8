//! Asking the daemon's one task.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use crate::control::{self, Request, Response};
use crate::metrics::{self, Snapshot};
use crate::report::Overview;

/// How long an answer may take, with the wait for one's turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whom to ask.  However many look, one question at a time is before the daemon.
#[derive(Clone, Debug)]
pub struct Questions {
    control: control::Handler,
    metrics: metrics::Handler,
    turn: Arc<Semaphore>,
}

/// The daemon did not answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the daemon does not answer")]
pub(super) struct Unanswered;

impl Questions {
    /// By these handlers, which the daemon serves.
    pub fn new(control: control::Handler, metrics: metrics::Handler) -> Self {
        Self { control, metrics, turn: Arc::new(Semaphore::new(1)) }
    }

    /// What the control socket would answer.
    pub(super) async fn ask(&self, request: Request) -> Result<Response, Unanswered> {
        let (reply, response) = oneshot::channel();
        self.in_turn(async {
            self.control.send((request, reply)).await.ok()?;
            response.await.ok()
        })
        .await
    }

    /// All that is to be seen.
    pub(super) async fn overview(&self) -> Result<Overview, Unanswered> {
        match self.ask(Request::Overview).await? {
            Response::Overview(overview) => Ok(*overview),
            other => {
                log::debug!("no overview: {other:?}");
                Err(Unanswered)
            }
        }
    }

    /// What a scrape shows.
    pub(super) async fn snapshot(&self) -> Result<Snapshot, Unanswered> {
        let (reply, snapshot) = oneshot::channel();
        self.in_turn(async {
            self.metrics.send(reply).await.ok()?;
            snapshot.await.ok()
        })
        .await
    }

    async fn in_turn<T>(&self, question: impl Future<Output = Option<T>>) -> Result<T, Unanswered> {
        let answered = async {
            let _turn = self.turn.acquire().await.ok()?;
            question.await
        };
        timeout(PATIENCE, answered).await.ok().flatten().ok_or(Unanswered)
    }
}
