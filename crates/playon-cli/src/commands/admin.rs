//! A client of the admin API.

use std::error::Error;
use std::io::ErrorKind;
use std::iter::successors;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use playon_types::ply;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::exit::{CliError, Exit, io};
use super::lively::Lively;
use super::locate::Door;

/// Bytes of an answer. A longer one is not read.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// How many times as long a keeper may be quiet while it takes an upload, which it writes to its disk as it comes.
const UPLOAD_PATIENCE: u32 = 4;

type Boxed = Box<dyn Error + Send + Sync>;

/// Runs what talks to the keeper to its end.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Exit>>) -> Result<T, Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| io("no runtime", error))?;
    let done = runtime.block_on(work);
    // A name that is still being looked up is not waited for.
    runtime.shutdown_background();
    done
}

/// A client of one keeper. Every request has its own connection: a keeper may restart between two of them.
#[derive(Clone, Debug)]
pub(super) struct AdminClient {
    door: Door,
}

impl AdminClient {
    pub(super) const fn new(door: Door) -> Self {
        Self { door }
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Exit> {
        self.send(Method::GET, path, Full::<Bytes>::default(), self.door.patience).await
    }

    pub(super) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, Exit> {
        self.send(Method::DELETE, path, Full::<Bytes>::default(), self.door.patience).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Exit> {
        let body = serde_json::to_vec(body).map_err(|error| io("no JSON", error))?;
        self.send(Method::POST, path, Full::new(Bytes::from(body)), self.door.patience).await
    }

    /// Posts a body that may be long.
    pub(super) async fn upload<B, T>(&self, path: &str, body: B) -> Result<T, Exit>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Boxed>,
        T: DeserializeOwned,
    {
        self.send(Method::POST, path, body, self.door.patience * UPLOAD_PATIENCE).await
    }

    async fn send<B, T>(
        &self,
        method: Method,
        path: &str,
        body: B,
        patience: Duration,
    ) -> Result<T, Exit>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Boxed>,
        T: DeserializeOwned,
    {
        let changes = !method.is_safe();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.door.address)
            .header(AUTHORIZATION, format!("Bearer {}", self.door.token))
            .header(CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|error| io("no request", error))?;
        let stream = self.connect().await?;
        let broken = |error: hyper::Error| self.broken(&error, patience, changes);
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(Lively::new(stream, patience))).await.map_err(broken)?;
        let driven = tokio::spawn(connection);
        let answer = sender.send_request(request).await.map_err(broken)?;
        let status = answer.status();
        let body = http_body_util::Limited::new(answer.into_body(), ANSWER_BYTES_MAX);
        let body = body.collect().await.map_err(|error| match error.downcast::<hyper::Error>() {
            Ok(error) => broken(*error),
            Err(error) => not_understood(status, &error.to_string()),
        });
        driven.abort();
        read_answer(status, &body?.to_bytes())
    }

    async fn connect(&self) -> Result<TcpStream, Exit> {
        let Door { address, patience, .. } = &self.door;
        match timeout(*patience, TcpStream::connect(address)).await {
            Ok(connected) => connected.map_err(|error| self.unreachable(&error.to_string())),
            Err(_) => {
                let why = format!("it has taken no connection for {}", seconds(*patience));
                Err(self.unreachable(&why))
            }
        }
    }

    fn unreachable(&self, why: &str) -> Exit {
        let message = format!("the keeper at {} cannot be reached: {why}", self.door.address);
        let remedy = "start it with `playon serve`, or say where it is with --data or --admin";
        Exit::Unreachable(CliError::new(ply!("PLY-0521"), message, remedy))
    }

    /// There is no answer.
    fn broken(&self, error: &hyper::Error, patience: Duration, changes: bool) -> Exit {
        let sources = causes(error);
        if error.is_user() {
            let what = sources.iter().skip(1).map(ToString::to_string).collect::<Vec<_>>();
            return io("what was to be sent cannot be read", what.join(": "));
        }
        let kinds = sources.iter().filter_map(|error| error.downcast_ref::<std::io::Error>());
        let quiet = kinds.map(std::io::Error::kind).any(|kind| kind == ErrorKind::TimedOut);
        if !quiet {
            let what: Vec<_> = sources.iter().map(ToString::to_string).collect();
            return self.unreachable(&what.join(": "));
        }
        let mut message = format!(
            "the keeper at {} has given no sign of life for {}",
            self.door.address,
            seconds(patience)
        );
        if changes {
            message.push_str(": what was asked may still happen");
        }
        let remedy = "look at its process: it may be stopped, or its disk or machine hang; --timeout waits longer";
        Exit::Unreachable(CliError::new(ply!("PLY-0547"), message, remedy))
    }
}

/// An error, what it comes from, and so on.
fn causes(error: &hyper::Error) -> Vec<&(dyn Error + 'static)> {
    let first: &(dyn Error + 'static) = error;
    successors(Some(first), |&error| error.source()).collect()
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

fn read_answer<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Result<T, Exit> {
    if status.is_success() {
        return serde_json::from_slice(body)
            .map_err(|error| not_understood(status, &error.to_string()));
    }
    let told: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let field =
        |name: &str| told.as_ref().and_then(|told| told.get(name)?.as_str().map(str::to_owned));
    let code = field("code").and_then(|code| code.parse().ok());
    match (code, field("message")) {
        (Some(code), Some(message)) => {
            let trouble = CliError::new(code, message, &field("remedy").unwrap_or_default());
            // Not refused: it may still happen.
            let unanswered = code == ply!("PLY-0542");
            Err(if unanswered { Exit::Failed(trouble) } else { Exit::Refused(trouble) })
        }
        _ => Err(not_understood(status, &String::from_utf8_lossy(body))),
    }
}

fn not_understood(status: StatusCode, what: &str) -> Exit {
    let message = format!("the answer was not understood: {status} {}", what.trim());
    Exit::Failed(CliError::new(
        ply!("PLY-0522"),
        message,
        "use a `playon` command of the keeper's version",
    ))
}
