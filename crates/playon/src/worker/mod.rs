//! A worker: the part of a game's executable that runs rooms for a keeper.
//!
//! Plain threads and one blocking socket. This thread reads; each message goes to the room thread that has its room,
//! so a room's calls are never concurrent; a room that is slow again and again has a thread apart from the others; answers are written by whichever
//! thread has them. A room that panics is thrown away and reported, and nobody else notices.

mod batch;
mod guard;
mod handshake;
mod outlet;
mod pace;
mod pool;
mod proofs;
mod queue;
mod rooms;
mod routes;
mod slot;
mod turns;

use std::io::{BufReader, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

pub use playon_wire::attach::LinkSecret;
use playon_wire::attach::{AttachError, Down, KeeperWelcome, LogLevel, LogLine, Up, read_down};
use thiserror::Error;

use crate::app::App;
use outlet::Outlet;
use pool::Pool;

/// Bytes read at once: the length of a frame and, unless it is large, the frame.
const READ_BYTES: usize = 64 << 10;

/// How long the keeper may take to answer the hello.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How many heartbeats may be missed before the link is held to be dead.
const HEARTBEATS_MISSED_MAX: u32 = 3;

/// A keeper may be silent for that long in any case. One that stalls is not helped by losing its workers, and one that
/// dies closes the link.
const SILENCE_MIN: Duration = Duration::from_secs(10);

/// How long rooms may take to finish their last batch when the keeper says to end.
const FINISH_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether a panic can be caught. This crate is built as the game is: all crates of an executable share this setting.
const UNWINDS: bool = cfg!(panic = "unwind");

/// Why a worker stopped serving before it was told to.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The link failed or the other side does not keep to the protocol.
    #[error(transparent)]
    Link(#[from] AttachError),
    /// The keeper is gone.
    #[error("PLY-0421 the keeper closed the link")]
    Closed,
    /// The keeper does not want this worker.
    #[error("{code} {detail}")]
    Refused {
        /// A stable code.
        code: String,
        /// One line for people.
        detail: String,
    },
    /// The keeper's answer to the hello was something else.
    #[error("PLY-0422 the keeper did not answer the hello")]
    NoAnswer,
}

/// Runs the app's rooms for the keeper at the other end of the stream, until it says to end.
///
/// # Errors
/// When the keeper does not accept the worker, or the link ends in any other way.
pub fn serve(app: &App, stream: UnixStream, secret: LinkSecret) -> Result<(), ServeError> {
    guard::install();
    stream.set_read_timeout(Some(HANDSHAKE_TIMEOUT)).map_err(AttachError::from)?;
    let socket = stream.try_clone().map_err(AttachError::from)?;
    let mut reader = BufReader::with_capacity(READ_BYTES, &socket);
    let outlet = Arc::new(Outlet::new(stream));
    let found = handshake::examine(app, UNWINDS);
    outlet.send(&[Up::Hello(Box::new(handshake::hello(app, secret, found.defects)))])?;
    let (welcome, rest) = answer(read_down(&mut reader)?)?;
    let silence = Duration::from_millis(welcome.heartbeat_ms) * HEARTBEATS_MISSED_MAX;
    socket.set_read_timeout(Some(silence.max(SILENCE_MIN))).map_err(AttachError::from)?;
    let notes = found.notes.into_iter();
    let notes = notes.map(|text| Up::Log(LogLine { level: LogLevel::Info, room: None, text }));
    outlet.send(&notes.collect::<Vec<_>>())?;
    outlet.collect().map_err(AttachError::from)?;
    let pool = Pool::start(app, &outlet, &welcome);
    let ended = read(rest, &mut reader, &pool, &outlet);
    pool.finish(FINISH_TIMEOUT);
    outlet.close();
    ended
}

fn answer(items: Option<Vec<Down>>) -> Result<(KeeperWelcome, Vec<Down>), ServeError> {
    let mut items = items.ok_or(ServeError::Closed)?.into_iter();
    match items.next() {
        Some(Down::Welcome(welcome)) => Ok((welcome, items.collect())),
        Some(Down::Refuse(refuse)) => {
            Err(ServeError::Refused { code: refuse.code, detail: refuse.detail })
        }
        Some(Down::Room(_) | Down::Ping { .. } | Down::Shutdown) | None => {
            Err(ServeError::NoAnswer)
        }
    }
}

/// Hands out what comes until the keeper says to end.
fn read(
    mut items: Vec<Down>,
    reader: &mut impl Read,
    pool: &Pool,
    outlet: &Outlet,
) -> Result<(), ServeError> {
    loop {
        for item in items {
            match item {
                Down::Room(message) => pool.hand_out(message),
                Down::Ping { nonce } => outlet.send(&[Up::Pong { nonce }])?,
                Down::Shutdown => return Ok(()),
                Down::Refuse(refuse) => {
                    return Err(ServeError::Refused { code: refuse.code, detail: refuse.detail });
                }
                // Said twice, it is no news.
                Down::Welcome(_) => {}
            }
        }
        items = read_down(reader)?.ok_or(ServeError::Closed)?;
    }
}
