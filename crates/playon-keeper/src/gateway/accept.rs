//! Taking connections in: HTTP first, and for players the socket is then theirs.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, ipproto, listen, socket_with, sockopt,
};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};

use super::conn::Conn;
use super::http::{Granted, answer};
use super::local::Local;
use super::stats::{Refusal, Slot};

/// Connections that the kernel completes for us while the threads are busy: a reconnect storm is one burst.
const BACKLOG: i32 = 4_096;

/// The wait after an error that is not one connection's, such as too many open files.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Bytes of a request's head. The smallest that hyper allows.
const HEAD_BYTES_MAX: usize = 8 << 10;

/// Headers of a request.
const HEADERS_MAX: usize = 64;

/// Opens the listening socket. The threads share it, so that whoever has time takes the next connection.
pub(super) fn open(
    address: SocketAddr,
    send_buffer_bytes: usize,
) -> io::Result<std::net::TcpListener> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    // So that a keeper can restart at once although connections of its predecessor linger.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    // Connections inherit it.
    sockopt::set_socket_send_buffer_size(&socket, send_buffer_bytes)?;
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

/// Takes over a socket that somebody else has opened.
pub(super) fn adopt(
    listener: &std::net::TcpListener,
    send_buffer_bytes: usize,
) -> io::Result<std::net::TcpListener> {
    sockopt::set_socket_send_buffer_size(listener, send_buffer_bytes)?;
    listener.set_nonblocking(true)?;
    listener.try_clone()
}

/// Lets this process hold that many sockets and its other files, as far as its hard limit goes.
pub(super) fn allow_files(sockets_max: usize) {
    /// For the store, the workers' links, the admin interface and the logs.
    const OTHER_FILES: u64 = 1_024;
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = sockets_max as u64 + OTHER_FILES;
    let allowed = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    if limit.current.is_some_and(|current| current < allowed) {
        limit.current = Some(allowed);
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "cannot raise the limit of open files");
        }
    }
    if allowed < wanted {
        tracing::warn!(allowed, wanted, "fewer files may be open than players may connect");
    }
}

/// Takes connections for as long as it is polled.
pub(super) async fn accept(listener: TcpListener, local: Rc<Local>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => take(&local, stream),
            Err(error) if one_connections(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

/// Whether the error is about a connection that was gone before it was taken.
fn one_connections(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted
    )
}

fn take(local: &Rc<Local>, stream: TcpStream) {
    let max = local.shared.config.sockets_max;
    match Slot::take(local.stats(), |stats| &stats.sockets, max) {
        Some(slot) => _ = spawn_local(serve(local.clone(), stream, slot)),
        None => {
            local.stats().refuse(Refusal::Sockets);
            const FULL: &[u8] =
                b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n\r\n";
            _ = stream.try_write(FULL);
        }
    }
}

/// Serves requests until one is granted an upgrade; then a task of its own goes on with the socket.
async fn serve(local: Rc<Local>, stream: TcpStream, socket: Slot) {
    // Frames are small and each is a whole one: waiting to fill packets would only delay them.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let granted = Granted::default();
    let config = &local.shared.config;
    let service = service_fn(|request| answer(&local, &granted, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(config.head_timeout)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .without_shutdown();
    let Ok(Ok(parts)) = timeout(config.http_lifetime, connection).await else { return };
    let Some(place) = granted.take() else { return };
    let begun = parts.read_buf.to_vec();
    let stream = parts.io.into_inner();
    let conn = Conn::new(local.clone(), stream, begun, (socket, place)).await;
    // Its own task, so that what HTTP needed is given back.
    spawn_local(conn.run());
}
