//! How a player's socket ends.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;

use futures_util::Sink;
use playon_types::gate::Close;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant, sleep};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};

use super::watched::WatchedSocket;
use super::{Conn, ConnEnd, ConnStage};
use crate::gateway::close::Farewell;
use crate::gateway::local::Local;

/// Between two attempts to tell a full shard that a socket is gone.
const GONE_RETRY: Duration = Duration::from_millis(20);

impl Conn {
    pub(super) async fn finish(self, end: ConnEnd) {
        let Self { mut entry, ws, stage, _living, _slots, .. } = self;
        let local = entry.local.clone();
        if let ConnEnd::Owner(_) = end {
            entry.shard = None;
        } else if let ConnStage::Asking(request) = &stage {
            request.give_up(&local.shared.parts.lobby);
        }
        let welcomed = matches!(stage, ConnStage::Seated);
        drop(stage);
        // The owner first, if it listens: the room should know before the other side has hung up.
        let mut told = entry.leave();
        let by = Instant::now() + local.shared.config.close_timeout;
        if welcomed && is_ours(&end) {
            local.stats().cut.add(1);
        }
        match end {
            ConnEnd::Left => {
                local.stats().left.add(1);
                hang_up(ws, &local, by).await;
            }
            ConnEnd::Close(farewell) | ConnEnd::Owner(farewell) => {
                local.stats().close(farewell.why);
                goodbye(ws, farewell, &local, by).await;
            }
        }
        while !told {
            sleep(GONE_RETRY).await;
            told = entry.leave();
        }
    }
}

/// Whether a socket ends for a reason that neither the player nor the game has given.
const fn is_ours(end: &ConnEnd) -> bool {
    match end {
        ConnEnd::Left => false,
        // What was read from it was at fault, unless nothing was, nobody had time for it, or the room was.
        ConnEnd::Close(farewell) => {
            matches!(farewell.why, Close::Silent | Close::Busy | Close::RoomFails)
        }
        ConnEnd::Owner(farewell) => match farewell.why {
            Close::Restarting
            | Close::Busy
            | Close::Silent
            | Close::UnknownSession
            | Close::UnknownRoom
            | Close::TooLarge
            | Close::TooMany
            | Close::RoomHalted
            | Close::RoomFails => true,
            // Numbers that the client left out, another socket of the same player, or what the game wants.
            Close::InputGap
            | Close::RoomFull
            | Close::Version
            | Close::Replaced
            | Close::Refused
            | Close::RoomEnded
            | Close::Left
            | Close::BadFrame
            | Close::TooFast => false,
        },
    }
}

/// Writes the close frame and waits for the other side to hang up, but no longer than until `by`.
///
/// What still arrives is read and thrown away: closing a socket with unread bytes in it resets the
/// connection, and a reset can overtake the close frame.
async fn goodbye(
    mut ws: WebSocketStream<WatchedSocket>,
    farewell: Farewell,
    local: &Local,
    by: Instant,
) {
    let frame = CloseFrame { code: farewell.why.code().into(), reason: farewell.text.into() };
    // It fails when the other side has begun to close, and then there is nothing to tell.
    if Pin::new(&mut ws).start_send(Message::Close(Some(frame))).is_ok() {
        let flushed = poll_fn(|cx| Pin::new(&mut ws).poll_flush(cx));
        if local.before(by, flushed).await.is_none() {
            return;
        }
    }
    let mut stream = ws.into_inner().into_inner();
    // The kernel sends what it has, whoever is left to look after the socket.
    _ = stream.shutdown().await;
    _ = local.before(by, hear_out(&stream)).await;
}

/// Reads and forgets until the other side hangs up.
async fn hear_out(stream: &TcpStream) -> io::Result<()> {
    loop {
        stream.readable().await?;
        match stream.try_read(&mut [0; 4 << 10]) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
    }
}

/// Answers the other side's close frame, if it sent one, and drops the socket.
async fn hang_up(mut ws: WebSocketStream<WatchedSocket>, local: &Local, by: Instant) {
    _ = local.before(by, poll_fn(|cx| Pin::new(&mut ws).poll_flush(cx))).await;
}
