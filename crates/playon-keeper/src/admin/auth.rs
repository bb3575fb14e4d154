//! The bearer token.

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use playon_types::ply;
use std::sync::Arc;

use super::error::AdminFailure;
use crate::error::Coded;

/// The token that opens `/v1`.
#[derive(Clone)]
pub(super) struct AdminToken(Arc<str>);

impl AdminToken {
    pub(super) fn new(token: &str) -> Self {
        Self(token.into())
    }

    /// Takes the same time wherever the first difference lies.
    fn fits(&self, shown: &str) -> bool {
        let (held, shown) = (self.0.as_bytes(), shown.as_bytes());
        let difference = held
            .iter()
            .zip(shown)
            .fold(held.len() ^ shown.len(), |sum, (a, b)| sum | usize::from(a ^ b));
        std::hint::black_box(difference) == 0
    }
}

pub(super) async fn require(
    State(token): State<AdminToken>,
    request: Request,
    next: Next,
) -> Response {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = header.and_then(|value| value.strip_prefix("Bearer "));
    if shown.is_some_and(|shown| token.fits(shown)) {
        return next.run(request).await;
    }
    let remedy = "send the content of `admin.token` in the data directory as bearer token";
    AdminFailure(Coded::new(ply!("PLY-0515"), "the bearer token is missing or wrong", remedy))
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_fits() {
        let token = AdminToken::new("abc");
        assert!(token.fits("abc"));
        for wrong in ["", "ab", "abd", "abcd"] {
            assert!(!token.fits(wrong), "{wrong}");
        }
    }
}
