//! The keeper's admin API, as far as the drill needs it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long an answer may take; shipping an executable counts as one.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// A deploy, as far as the drill looks.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct DeploySeen {
    pub(super) id: u64,
    pub(super) phase: String,
    pub(super) finished: bool,
    pub(super) rooms_moved: u64,
    pub(super) reason: Option<String>,
    pub(super) started_ms: u64,
    pub(super) finished_ms: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Begun {
    deploy: Option<DeploySeen>,
    note: String,
}

/// A worker process.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct WorkerSeen {
    pub(super) pid: u32,
    pub(super) spawned: bool,
}

/// A room, as far as the drill looks.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct RoomLine {
    pub(super) name: String,
    /// How often it lost its worker or was thrown back.
    pub(super) faults: u64,
    /// Why nobody runs it any more.
    pub(super) halted: Option<String>,
}

/// The keeper at a glance.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct KeeperSeen {
    pub(super) current: Option<String>,
    pub(super) workers: Vec<WorkerSeen>,
    pub(super) deploy: Option<DeploySeen>,
}

#[derive(Debug, Deserialize)]
struct ReleaseSeen {
    id: String,
}

/// One keeper's API.
#[derive(Clone, Debug)]
pub(super) struct AdminApi {
    address: SocketAddr,
    token: String,
}

impl AdminApi {
    pub(super) fn new(address: SocketAddr, token: &str) -> Self {
        Self { address, token: token.trim().to_owned() }
    }

    /// Whether players can be served.
    pub(super) async fn ready(&self) -> bool {
        matches!(self.ask(Method::GET, "/readyz", Bytes::new()).await, Ok((200, _)))
    }

    pub(super) async fn status(&self) -> anyhow::Result<KeeperSeen> {
        self.json(Method::GET, "/v1/status", Bytes::new()).await
    }

    /// Ships an executable and returns its id.
    pub(super) async fn add_release(&self, path: &Path, label: &str) -> anyhow::Result<String> {
        let file = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        let release: ReleaseSeen =
            self.json(Method::POST, &format!("/v1/releases?label={label}"), file.into()).await?;
        Ok(release.id)
    }

    /// Begins a deploy; nothing if the release is the current one.
    pub(super) async fn deploy(&self, release: &str) -> anyhow::Result<Option<DeploySeen>> {
        let wish = serde_json::json!({ "release": release, "now": true }).to_string();
        let begun: Begun = self.json(Method::POST, "/v1/deploys", wish.into()).await?;
        if begun.deploy.is_none() {
            tracing::debug!(note = begun.note, "no deploy");
        }
        Ok(begun.deploy)
    }

    pub(super) async fn look_at(&self, deploy: u64) -> anyhow::Result<DeploySeen> {
        self.json(Method::GET, &format!("/v1/deploys/{deploy}"), Bytes::new()).await
    }

    pub(super) async fn rooms(&self) -> anyhow::Result<Vec<RoomLine>> {
        self.json(Method::GET, "/v1/rooms", Bytes::new()).await
    }

    async fn json<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> anyhow::Result<T> {
        let what = format!("{method} {path}");
        let (status, answer) = self.ask(method, path, body).await.with_context(|| what.clone())?;
        if !(200..300).contains(&status) {
            bail!("{what}: {status} {}", String::from_utf8_lossy(&answer));
        }
        serde_json::from_slice(&answer)
            .with_context(|| format!("{what}: {}", String::from_utf8_lossy(&answer)))
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<(u16, Bytes)> {
        timeout(TIMEOUT, self.exchange(method, path, body)).await.context("no answer in time")?
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> anyhow::Result<(u16, Bytes)> {
        let stream = TcpStream::connect(self.address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.to_string())
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        let answer = async {
            let response = sender.send_request(request).await?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            anyhow::Ok((status, body.map_err(|why| anyhow::anyhow!(why))?.to_bytes()))
        };
        tokio::pin!(connection, answer);
        tokio::select! {
            biased;
            answer = &mut answer => answer,
            ended = &mut connection => {
                ended?;
                answer.await
            }
        }
    }
}
