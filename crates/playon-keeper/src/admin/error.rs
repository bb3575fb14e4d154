//! Errors as JSON.

use axum::Json;
use axum::body::to_bytes;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use playon_types::code::Code;
use playon_types::ply;
use serde_json::json;

use crate::error::Coded;

/// Bytes of a reason that are passed on.
const REASON_BYTES_MAX: usize = 4 << 10;

/// An error on its way out.
#[derive(Debug)]
pub(super) struct AdminFailure(pub(super) Coded);

impl From<Coded> for AdminFailure {
    fn from(error: Coded) -> Self {
        Self(error)
    }
}

/// What an error is in HTTP; what is not named here is a failure of the keeper's own.
const STATUSES: [(StatusCode, &[Code]); 8] = [
    (
        StatusCode::BAD_REQUEST,
        &[ply!("PLY-0504"), ply!("PLY-0507"), ply!("PLY-0509"), ply!("PLY-0516"), ply!("PLY-0531")],
    ),
    (StatusCode::UNAUTHORIZED, &[ply!("PLY-0515")]),
    (StatusCode::NOT_FOUND, &[ply!("PLY-0511"), ply!("PLY-0514")]),
    (
        StatusCode::CONFLICT,
        &[ply!("PLY-0206"), ply!("PLY-0510"), ply!("PLY-0512"), ply!("PLY-0513"), ply!("PLY-0535")],
    ),
    (StatusCode::REQUEST_TIMEOUT, &[ply!("PLY-0451")]),
    (StatusCode::PAYLOAD_TOO_LARGE, &[ply!("PLY-0452"), ply!("PLY-0505")]),
    (StatusCode::INSUFFICIENT_STORAGE, &[ply!("PLY-0564")]),
    (StatusCode::SERVICE_UNAVAILABLE, &[ply!("PLY-0508"), ply!("PLY-0542")]),
];

fn status(code: Code) -> StatusCode {
    let found = STATUSES.iter().find(|(_, codes)| codes.contains(&code));
    found.map_or(StatusCode::INTERNAL_SERVER_ERROR, |(status, _)| *status)
}

impl IntoResponse for AdminFailure {
    fn into_response(self) -> Response {
        let error = self.0;
        let body = json!({"code": error.code.to_string(), "message": error.message, "remedy": error.remedy});
        (status(error.code), Json(body)).into_response()
    }
}

/// Nothing lies under that name.
pub(super) fn not_found(what: &str, name: &str) -> AdminFailure {
    AdminFailure(Coded::new(
        ply!("PLY-0514"),
        format!("there is no {what} {name}"),
        "look at the list of what there is",
    ))
}

/// Nothing can be asked there in that way.
pub(super) fn nothing_there() -> AdminFailure {
    AdminFailure(Coded::new(
        ply!("PLY-0514"),
        "there is nothing under this path and method",
        "see `docs/admin-api.md` for what may be asked",
    ))
}

/// The request cannot be read.
pub(super) fn bad_request(message: impl Into<String>) -> AdminFailure {
    AdminFailure(Coded::new(
        ply!("PLY-0516"),
        message,
        "see `docs/admin-api.md` for what may be asked",
    ))
}

/// What was refused before anyone here saw it, such as a body that is not JSON, is told like everything else.
pub(super) async fn coded(response: Response) -> Response {
    let status = response.status();
    let told = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if !status.is_client_error() || told {
        return response;
    }
    let text = to_bytes(response.into_body(), REASON_BYTES_MAX).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let failed = match status {
        StatusCode::PAYLOAD_TOO_LARGE => AdminFailure(Coded::new(
            ply!("PLY-0452"),
            text,
            "only executables may be large; upload them to `/v1/releases`",
        )),
        _ => bad_request(text),
    };
    failed.into_response()
}
