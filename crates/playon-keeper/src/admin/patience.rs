//! How long a request may take to arrive, and to be answered.

use std::time::Duration;

use axum::RequestExt;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use super::error::Failed;
use crate::error::Coded;

/// Answers requests that do not arrive in time, and those that are not answered in time. The two are told apart: what
/// has not arrived does not happen, and the other may.
pub(super) async fn in_time(
    State(patience): State<Duration>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let arriving = Request::from_parts(parts.clone(), body).extract::<Bytes, _>();
    let body = match timeout(patience, arriving).await {
        Ok(Ok(body)) => body,
        Ok(Err(refused)) => return refused.into_response(),
        Err(_) => return too_slow().into_response(),
    };
    let changes = !parts.method.is_safe();
    let answer = next.run(Request::from_parts(parts, Body::from(body)));
    timeout(patience, answer).await.unwrap_or_else(|_| no_answer(changes).into_response())
}

/// The request or a piece of it did not come in time.
pub(super) fn too_slow() -> Failed {
    Failed(Coded::new(
        "PLY-0451",
        "the request did not arrive in time",
        "send it again, and all of it",
    ))
}

fn no_answer(changes: bool) -> Failed {
    let message = if changes {
        "the keeper did not answer in time: what was asked may still happen"
    } else {
        "the keeper did not answer in time"
    };
    Failed(Coded::new(
        "PLY-0542",
        message,
        "look at `playon status` before you ask again, and at `/healthz` for what holds the keeper up",
    ))
}
