//! What ends a command that would go on by itself.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that ask a program to end.
pub struct Signals([Signal; 4]);

impl Signals {
    /// They do not end the process by themselves any more.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O.
    pub fn open() -> io::Result<Self> {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];
        let [interrupt, terminate, hangup, quit] = kinds.map(signal);
        Ok(Self([interrupt?, terminate?, hangup?, quit?]))
    }

    /// Waits for one of them.
    pub async fn any(&mut self) {
        let [interrupt, terminate, hangup, quit] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = quit.recv() => {}
        }
    }
}
