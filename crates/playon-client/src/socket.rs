//! The WebSocket itself.

use std::io;

use playon_types::time::Span;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{Uri, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Error};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::error::JoinError;
use crate::session::Closed;

pub(crate) type Socket = WebSocketStream<TcpStream>;

/// Bytes read at a time; allocated once per socket.
const READ_BYTES: usize = 4 << 10;
/// Bytes gathered before they are written without being asked to.
const WRITE_BYTES: usize = 4 << 10;
/// Bytes that may wait for a slow network. The session sends no more than 64 KiB of inputs at a time, and small change.
const WRITE_BYTES_MAX: usize = 256 << 10;

/// Bytes of the line with which a refusal may say why; a longer one is not for people.
const LINE_BYTES_MAX: usize = 200;

/// Checks an address before anything is tried with it.
pub(crate) fn check(url: &str) -> Result<(), JoinError> {
    target(url).map(|_| ()).map_err(|why| JoinError::Address { url: url.to_owned(), why })
}

fn target(url: &str) -> Result<(String, u16), String> {
    let uri: Uri = url.parse().map_err(|why| format!("{why}"))?;
    match uri.scheme_str() {
        Some("ws") => {}
        _ => return Err("only ws:// is spoken; end TLS in front".to_owned()),
    }
    let host = uri.host().ok_or("it names no host")?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Ok((host.to_owned(), uri.port_u16().unwrap_or(80)))
}

/// Opens a socket. Every limit of the library is set here.
pub(crate) async fn open(url: String, message_bytes_max: usize) -> Result<Box<Socket>, Closed> {
    let (host, port) = target(&url).map_err(failed)?;
    let stream = TcpStream::connect((host.as_str(), port)).await.map_err(io_failed)?;
    stream.set_nodelay(true).map_err(io_failed)?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(WRITE_BYTES)
        .max_write_buffer_size(WRITE_BYTES_MAX)
        .max_message_size(Some(message_bytes_max))
        .max_frame_size(Some(message_bytes_max))
        .accept_unmasked_frames(false);
    let request = url.into_client_request().map_err(|why| closed(&why))?;
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(Box::new(socket)),
        Err(why) => Err(closed(&why)),
    }
}

fn failed(reason: String) -> Closed {
    Closed { reason, ..Closed::default() }
}

fn io_failed(why: io::Error) -> Closed {
    failed(why.to_string())
}

/// What an error of the library means for the session.
pub(crate) fn closed(why: &Error) -> Closed {
    let Error::Http(response) = why else { return failed(why.to_string()) };
    let said = response.body().as_deref().and_then(first_line);
    Closed {
        code: None,
        reason: said.unwrap_or_else(|| why.to_string()),
        retry_after: response.headers().get(header::RETRY_AFTER).and_then(seconds),
        status: Some(response.status().as_u16()),
    }
}

/// What a refusal says to people, if it is a line of text.
fn first_line(body: &[u8]) -> Option<String> {
    let line = body.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?.trim();
    let plain =
        !line.is_empty() && line.len() <= LINE_BYTES_MAX && !line.contains(char::is_control);
    plain.then(|| line.to_owned())
}

fn seconds(value: &header::HeaderValue) -> Option<Span> {
    // A keeper that asks for more than a minute is not believed.
    let seconds: u64 = value.to_str().ok()?.trim().parse().ok()?;
    Some(Span::secs(seconds.min(60)))
}

/// What the other side's close frame means for the session.
pub(crate) fn close_frame(frame: Option<tungstenite::protocol::CloseFrame>) -> Closed {
    match frame {
        Some(frame) => Closed {
            code: Some(frame.code.into()),
            reason: frame.reason.as_str().to_owned(),
            ..Closed::default()
        },
        None => failed("closed without a code".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(target("ws://127.0.0.1:4000/play"), Ok(("127.0.0.1".to_owned(), 4000)));
        assert_eq!(target("ws://[::1]/play"), Ok(("::1".to_owned(), 80)));
        assert!(check("wss://example.org/play").is_err());
        assert!(check("example.org").is_err());
    }
}
