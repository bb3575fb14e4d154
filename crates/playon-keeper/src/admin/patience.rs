//! How long a request may take to arrive, and to be answered.

use std::time::Duration;

use axum::RequestExt;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use playon_types::ply;
use tokio::time::timeout;

use super::error::AdminFailure;
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
pub(super) fn too_slow() -> AdminFailure {
    AdminFailure(Coded::new(
        ply!("PLY-0451"),
        "the request did not arrive in time",
        "send it again, and all of it",
    ))
}

fn no_answer(changes: bool) -> AdminFailure {
    let message = if changes {
        "the keeper did not answer in time: what was asked may still happen"
    } else {
        "the keeper did not answer in time"
    };
    AdminFailure(Coded::new(
        ply!("PLY-0542"),
        message,
        "look at `playon status` before you ask again, and at `/healthz` for what holds the keeper up",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::body::to_bytes;
    use axum::middleware::from_fn_with_state;
    use axum::routing::{get, post};
    use tower_service::Service;

    async fn told(method: &str, body: Body) -> String {
        let patience = Duration::from_millis(20);
        let never = || async { std::future::pending::<()>().await };
        let mut router = Router::new()
            .route("/", get(never))
            .route("/", post(never))
            .layer(from_fn_with_state(patience, in_time));
        let request = Request::builder().method(method).uri("/").body(body).unwrap();
        let answer = router.call(request).await.unwrap();
        String::from_utf8(to_bytes(answer.into_body(), 1 << 10).await.unwrap().into()).unwrap()
    }

    #[tokio::test]
    async fn what_may_still_happen_is_told_apart_from_what_does_not() {
        let changing = told("POST", Body::from("{}")).await;
        assert!(
            changing.contains("PLY-0542") && changing.contains("may still happen"),
            "{changing}"
        );
        let asking = told("GET", Body::empty()).await;
        assert!(asking.contains("PLY-0542") && !asking.contains("may still"), "{asking}");
        let silent = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
        let cut_off = told("POST", Body::from_stream(silent)).await;
        assert!(cut_off.contains("PLY-0451"), "{cut_off}");
    }
}
