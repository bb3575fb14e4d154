//! When no connection can be accepted, for want of files or memory.

use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::time::sleep;

/// The wait after an error that is not one connection's. Those who wait to be accepted wait in the kernel.
const RETRY: Duration = Duration::from_millis(100);

/// Says once that it began and once that it is over, however often it is tried in between.
#[derive(Debug)]
pub(crate) struct AcceptTrouble {
    who: &'static str,
    lasts: bool,
}

impl AcceptTrouble {
    /// None so far; `who` connects there.
    pub(crate) const fn new(who: &'static str) -> Self {
        Self { who, lasts: false }
    }

    /// Waits as long as the error asks for.
    pub(crate) async fn wait(&mut self, error: &io::Error) {
        if one_connections(error) {
            return;
        }
        if !self.lasts {
            self.lasts = true;
            tracing::warn!(who = self.who, %error, "PLY-0161 no connection can be accepted just now");
        }
        sleep(RETRY).await;
    }

    /// A connection was accepted.
    pub(crate) fn over(&mut self) {
        if std::mem::take(&mut self.lasts) {
            tracing::info!(who = self.who, "connections are accepted again");
        }
    }
}

/// Whether the error is about a connection that was gone before it was taken.
fn one_connections(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted
    )
}
