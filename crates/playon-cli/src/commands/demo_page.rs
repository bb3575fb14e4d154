//! The deploy button of the demo: requests below `/demo` on the player port.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::header::{CONTENT_TYPE, ORIGIN};
use hyper::{Method, Request, Response, StatusCode};
use playon_keeper::Coded;
use playon_keeper::control::{DeployAnswer, Handle};
use playon_keeper::gateway::{Extra, Reply};
use tokio::sync::mpsc;

use super::courses::summary;
use super::demo::Games;

/// Lines that may wait for a browser.
const LINES_MAX: usize = 64;

/// How often the deploy is looked at.
const EVERY: Duration = Duration::from_millis(50);

/// Answers requests below `/demo`: `GET /demo`, `POST /demo/deploy`, `POST /demo/rollback`.
pub(super) fn answers(handle: Handle, games: Games) -> Extra {
    let games = Arc::new(games);
    Arc::new(move |request: Request<Incoming>| {
        let order = match (request.method(), request.uri().path()) {
            (&Method::GET, "/demo") => {
                let release = handle.catalog().current().unwrap_or_default();
                return Some(ready(reply(StatusCode::OK, format!("{release}\n"))));
            }
            (&Method::POST, "/demo/deploy") => PageWish::Deploy,
            (&Method::POST, "/demo/rollback") => PageWish::Rollback,
            _ => return None,
        };
        if !from_here(&request) {
            return Some(ready(reply(StatusCode::FORBIDDEN, "not from another site\n".to_owned())));
        }
        let (lines, body) = mpsc::channel(LINES_MAX);
        let (handle, games) = (handle.clone(), Arc::clone(&games));
        // Its own thread, because it reads whole executables, and players' sockets live on this one.
        let work = move || carry_out(&handle, &games, order, &lines);
        let started = std::thread::Builder::new().name("demo-deploy".into()).spawn(work);
        Some(ready(match started {
            Ok(_) => stream(Lines(body)),
            Err(error) => reply(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        }))
    })
}

#[derive(Clone, Copy)]
enum PageWish {
    Deploy,
    Rollback,
}

fn ready(reply: Reply) -> Pin<Box<dyn Future<Output = Reply> + Send>> {
    // `Reply` may not be shared between threads, but it may be sent.
    Box::pin(async move { reply })
}

/// Browsers say which page asks; only the demo's own may.
fn from_here<B>(request: &Request<B>) -> bool {
    let header = |name| {
        request
            .headers()
            .get(name)
            .and_then(|value: &hyper::header::HeaderValue| value.to_str().ok())
    };
    match header(ORIGIN) {
        None => true,
        Some(origin) => {
            origin.split_once("://").map(|(_, host)| host) == header(hyper::header::HOST)
        }
    }
}

fn reply(status: StatusCode, text: String) -> Reply {
    let mut reply = Response::new(Full::from(text).map_err(Into::into).boxed_unsync());
    *reply.status_mut() = status;
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("text/plain; charset=utf-8"));
    reply
}

fn stream(lines: Lines) -> Reply {
    let mut reply = Response::new(lines.map_err(|never| match never {}).boxed_unsync());
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("text/plain; charset=utf-8"));
    reply
}

/// Lines as they come.
struct Lines(mpsc::Receiver<String>);

impl Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|line| line.map(|line| Ok(Frame::data(line.into()))))
    }
}

fn carry_out(handle: &Handle, games: &Games, wish: PageWish, lines: &mpsc::Sender<String>) {
    // A browser that has gone away is not waited for, but the deploy goes on.
    let say = |line: String| drop(lines.try_send(line));
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => return say(format!("{error}\n")),
    };
    runtime.block_on(async {
        match begin(handle, games, wish).await {
            Ok(answer) => watch(handle, answer, say).await,
            Err(error) => say(format!("{error}\nwhat to do: {}\n", error.remedy)),
        }
    });
}

async fn begin(handle: &Handle, games: &Games, wish: PageWish) -> Result<DeployAnswer, Coded> {
    let (path, label) = match wish {
        PageWish::Deploy => (&games.second, "arena-r2"),
        PageWish::Rollback => (&games.first, "arena-r1"),
    };
    // Known bytes keep the label they have.
    let artifact = handle.artifacts().add_file(path)?;
    let release = handle.add_release(artifact, None, Some(label.to_owned())).await?;
    handle.deploy(release.id, true).await
}

async fn watch(handle: &Handle, answer: DeployAnswer, say: impl Fn(String)) {
    let Some(mut deploy) = answer.deploy else { return say(format!("{}\n", answer.note)) };
    let mut phase = String::new();
    loop {
        if phase != deploy.phase && !deploy.finished {
            phase.clone_from(&deploy.phase);
            say(format!("{phase} ..\n"));
        }
        if deploy.finished {
            return say(format!("{}\n", summary(&deploy)));
        }
        tokio::time::sleep(EVERY).await;
        let id = playon_types::ids::DeployId(deploy.id);
        let found = handle.catalog().deploy(id);
        match found {
            Some(found) => deploy = found,
            None => return say("the deploy is not listed any more\n".to_owned()),
        }
    }
}
