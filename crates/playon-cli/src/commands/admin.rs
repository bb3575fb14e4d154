//! A client of the admin API.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

use super::exit::{Exit, Trouble, io};
use super::locate::Door;

/// Bytes of an answer. A longer one is not read.
const ANSWER_BYTES_MAX: usize = 64 << 20;

type Boxed = Box<dyn std::error::Error + Send + Sync>;

/// Runs what talks to the keeper to its end.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Exit>>) -> Result<T, Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| io("no runtime", error))?.block_on(work)
}

/// A client of one keeper. Every request has its own connection: a keeper may restart between two of them.
#[derive(Clone, Debug)]
pub(super) struct Admin {
    door: Door,
}

impl Admin {
    pub(super) const fn new(door: Door) -> Self {
        Self { door }
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Exit> {
        self.send(Method::GET, path, Full::<Bytes>::default()).await
    }

    pub(super) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Exit> {
        self.send(Method::DELETE, path, Full::<Bytes>::default()).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Exit> {
        let body = serde_json::to_vec(body).map_err(|error| io("no JSON", error))?;
        self.send(Method::POST, path, Full::new(Bytes::from(body))).await
    }

    pub(super) async fn send<B, T>(&self, method: Method, path: &str, body: B) -> Result<T, Exit>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Boxed>,
        T: DeserializeOwned,
    {
        let unreachable = |error: &dyn std::fmt::Display| {
            let message = format!("the keeper at {} cannot be reached: {error}", self.door.address);
            let remedy = "start it with `playon serve`, or say where it is with --data or --admin";
            Exit::Unreachable(Trouble::new("PLY-0521", message, remedy))
        };
        let stream =
            TcpStream::connect(&self.door.address).await.map_err(|error| unreachable(&error))?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| unreachable(&error))?;
        let driven = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.door.address)
            .header(AUTHORIZATION, format!("Bearer {}", self.door.token))
            .header(CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|error| io("no request", error))?;
        let answer = sender.send_request(request).await.map_err(|error| unreachable(&error))?;
        let status = answer.status();
        let body = http_body_util::Limited::new(answer.into_body(), ANSWER_BYTES_MAX);
        let body = body.collect().await.map_err(|error| unreachable(&error))?.to_bytes();
        driven.abort();
        read_answer(status, &body)
    }
}

fn read_answer<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Result<T, Exit> {
    if status.is_success() {
        return serde_json::from_slice(body)
            .map_err(|error| not_understood(status, &error.to_string()));
    }
    let told: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let field =
        |name: &str| told.as_ref().and_then(|told| told.get(name)?.as_str().map(str::to_owned));
    match (field("code"), field("message")) {
        (Some(code), Some(message)) => {
            let trouble = Trouble::new(&code, message, &field("remedy").unwrap_or_default());
            // Not refused: it may still happen.
            let unanswered = code == "PLY-0542";
            Err(if unanswered { Exit::Failed(trouble) } else { Exit::Refused(trouble) })
        }
        _ => Err(not_understood(status, &String::from_utf8_lossy(body))),
    }
}

fn not_understood(status: StatusCode, what: &str) -> Exit {
    let message = format!("the answer was not understood: {status} {}", what.trim());
    Exit::Failed(Trouble::new(
        "PLY-0522",
        message,
        "use a `playon` command of the keeper's version",
    ))
}
