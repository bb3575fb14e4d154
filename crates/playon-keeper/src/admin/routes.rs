//! What may be asked.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{StatusCode, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use playon_types::ids::{DeployId, RoomId};
use serde::{Deserialize, Serialize};

use super::auth::{AdminToken, require};
use super::error::{AdminFailure, bad_request, coded, not_found, nothing_there};
use super::patience::in_time;
use super::upload::receive;
use crate::control::{
    AsleepFilter, AsleepPage, DeployAnswer, DeployView, Handle, ReleaseView, RoomFilter, RoomView,
    StatusView, WayBackView,
};

/// Bytes of a body, uploads aside.
const JSON_BYTES_MAX: usize = 64 << 10;

/// Rooms listed unless another limit is asked for.
const ROOMS_LIMIT: usize = 1_000;

/// Body of `POST /v1/deploys`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeployRequest {
    /// Label or hash of the release.
    pub release: String,
    /// Whether rooms move in the middle of a round.
    #[serde(default)]
    pub now: bool,
}

/// Body of `POST /v1/rollback`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RollbackRequest {
    /// The label of a release, the hash of its executable, or the hash's first digits; without it, the release that rooms were
    /// on before the last deploy that took effect.
    #[serde(default)]
    pub to: Option<String>,
    /// Whether rooms move in the middle of a round.
    #[serde(default)]
    pub now: bool,
}

/// Query of `GET /v1/deploys`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct HistoryPage {
    /// At most so many.
    pub limit: Option<usize>,
}

/// Body of `POST /v1/log`, and the answer about the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogRequest {
    /// `debug`, or by part: `info,playon_keeper::gateway=debug`.
    pub levels: String,
}

#[derive(Debug, Deserialize)]
struct RoomsQuery {
    kind: Option<String>,
    release: Option<String>,
    limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
struct UploadQuery {
    label: Option<String>,
    hint: Option<String>,
}

type Answer<T> = Result<Json<T>, AdminFailure>;

/// The whole API.
pub(crate) fn router(handle: Handle, token: &str, patience: Duration) -> Router {
    let uploads = Uploads { handle: handle.clone(), patience };
    let guarded = Router::new()
        .route("/v1/status", get(status))
        .route("/v1/rooms", get(rooms))
        .route("/v1/rooms/asleep", get(asleep))
        .route("/v1/rooms/{id}", get(room).delete(close_room))
        .route("/v1/releases", get(releases))
        .route("/v1/deploys", get(deploys).post(deploy))
        .route("/v1/deploys/{id}", get(one_deploy))
        .route("/v1/rollback", get(way_back).post(rollback))
        .route("/v1/drain", post(drain))
        .route("/v1/log", get(log_levels).post(set_log_levels))
        .layer(from_fn_with_state(patience, in_time))
        .layer(DefaultBodyLimit::max(JSON_BYTES_MAX))
        // An upload takes as long as it takes; only its pieces are waited for.
        .route("/v1/releases", post(add_release).with_state(uploads))
        .layer(from_fn_with_state(AdminToken::new(token), require));
    let open = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics));
    guarded
        .merge(open)
        .fallback(nothing)
        .method_not_allowed_fallback(nothing)
        .layer(map_response(coded))
        .with_state(handle)
}

/// What an upload needs.
#[derive(Clone)]
struct Uploads {
    handle: Handle,
    patience: Duration,
}

async fn nothing() -> AdminFailure {
    nothing_there()
}

async fn status(State(handle): State<Handle>) -> Json<StatusView> {
    Json(handle.status())
}

async fn rooms(State(handle): State<Handle>, query: Query<RoomsQuery>) -> Answer<Vec<RoomView>> {
    let Query(query) = query;
    let limit = query.limit.unwrap_or(ROOMS_LIMIT);
    Ok(Json(handle.catalog().rooms(&RoomFilter {
        kind: query.kind,
        release: query.release,
        limit,
    })))
}

async fn room(State(handle): State<Handle>, Path(id): Path<String>) -> Answer<RoomView> {
    Ok(Json(handle.room(room_id(&id)?).await?))
}

async fn asleep(
    State(handle): State<Handle>,
    Query(filter): Query<AsleepFilter>,
) -> Answer<AsleepPage> {
    Ok(Json(handle.asleep(filter).await?))
}

async fn close_room(State(handle): State<Handle>, Path(id): Path<String>) -> Answer<RoomView> {
    Ok(Json(handle.close_room(room_id(&id)?).await?))
}

fn room_id(text: &str) -> Result<RoomId, AdminFailure> {
    RoomId::parse(text).ok_or_else(|| bad_request(format!("{text} is not the id of a room")))
}

async fn releases(State(handle): State<Handle>) -> Json<Vec<ReleaseView>> {
    Json(handle.catalog().releases())
}

async fn add_release(
    State(Uploads { handle, patience }): State<Uploads>,
    query: Query<UploadQuery>,
    body: Body,
) -> Result<Response, AdminFailure> {
    let Query(UploadQuery { label, hint }) = query;
    let artifact = receive(handle.artifacts(), body, patience).await?;
    let status = if artifact.known { StatusCode::OK } else { StatusCode::CREATED };
    let release = handle.add_release(artifact, label, hint).await?;
    Ok((status, Json(release)).into_response())
}

async fn deploys(
    State(handle): State<Handle>,
    Query(page): Query<HistoryPage>,
) -> Json<Vec<DeployView>> {
    let mut deploys = handle.catalog().deploys();
    deploys.truncate(page.limit.unwrap_or(usize::MAX));
    Json(deploys)
}

async fn deploy(
    State(handle): State<Handle>,
    Json(wish): Json<DeployRequest>,
) -> Answer<DeployAnswer> {
    Ok(Json(handle.deploy(wish.release, wish.now).await?))
}

async fn one_deploy(State(handle): State<Handle>, Path(id): Path<u64>) -> Answer<DeployView> {
    let found = handle.catalog().deploy(DeployId(id));
    found.map(Json).ok_or_else(|| not_found("deploy", &id.to_string()))
}

async fn rollback(
    State(handle): State<Handle>,
    wish: Option<Json<RollbackRequest>>,
) -> Answer<DeployAnswer> {
    let RollbackRequest { to, now } = wish.map(|Json(wish)| wish).unwrap_or_default();
    Ok(Json(handle.rollback(to, now).await?))
}

async fn way_back(State(handle): State<Handle>) -> Answer<WayBackView> {
    Ok(Json(handle.way_back().await?))
}

async fn drain(State(handle): State<Handle>) -> Answer<StatusView> {
    handle.drain().await?;
    Ok(Json(handle.status()))
}

async fn log_levels(State(handle): State<Handle>) -> Answer<LogRequest> {
    handle.log_levels().map(|levels| Json(LogRequest { levels })).map_err(AdminFailure)
}

async fn set_log_levels(
    State(handle): State<Handle>,
    Json(wish): Json<LogRequest>,
) -> Answer<LogRequest> {
    handle.set_log_levels(&wish.levels)?;
    tracing::info!(levels = wish.levels, "the levels of the log were changed");
    log_levels(State(handle)).await
}

async fn healthz(State(handle): State<Handle>) -> Response {
    match handle.unhealthy() {
        None => (StatusCode::OK, "ok\n").into_response(),
        Some(why) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{why}\n")).into_response(),
    }
}

async fn readyz(State(handle): State<Handle>) -> Response {
    let catalog = handle.catalog();
    match catalog.not_ready() {
        None => (StatusCode::OK, "ready\n").into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn metrics(State(handle): State<Handle>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], handle.metrics()).into_response()
}
