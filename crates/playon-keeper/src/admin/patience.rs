//! How long a request may take to arrive.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::error::Failed;
use crate::error::Coded;

/// Answers requests that do not arrive, or are not answered, in time.
pub(super) async fn in_time(
    State(patience): State<Duration>,
    request: Request,
    next: Next,
) -> Response {
    let answer = timeout(patience, next.run(request)).await;
    answer.unwrap_or_else(|_| too_slow().into_response())
}

/// The request or a piece of it did not come in time.
pub(super) fn too_slow() -> Failed {
    Failed(Coded::new(
        "PLY-0451",
        "the request did not arrive in time",
        "send it again, and all of it",
    ))
}
