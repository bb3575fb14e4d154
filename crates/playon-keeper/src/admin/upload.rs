//! Uploads of executables, streamed to disk.

use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::error::{AdminFailure, bad_request};
use super::patience::too_slow;
use crate::data::artifacts::{Artifact, Artifacts};

/// Stores a request's body as an artifact. If the request is cut off nothing is left behind.
pub(super) async fn receive(
    artifacts: &Artifacts,
    body: Body,
    patience: Duration,
) -> Result<Artifact, AdminFailure> {
    let mut upload = artifacts.begin()?;
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = timeout(patience, chunks.next()).await.map_err(|_| too_slow())? {
        let chunk =
            chunk.map_err(|error| bad_request(format!("the upload was cut off: {error}")))?;
        // The admin thread serves nobody else who is in a hurry, so it may wait for the disk.
        upload.write(&chunk)?;
    }
    Ok(upload.finish()?)
}
