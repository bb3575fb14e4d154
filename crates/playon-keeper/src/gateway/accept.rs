//! Taking connections in: HTTP first, and for players the socket is then theirs.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, ipproto, listen, socket_with, sockopt,
};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::conn::Conn;
use super::http::{Granted, answer};
use super::local::Local;
use super::stats::{HelloRefusal, StatsSlot};
use crate::process::accepting::AcceptTrouble;
use crate::process::linger::{linger, served};

/// Connections that the kernel completes for us while the threads are busy: a reconnect storm is one burst.
const BACKLOG: i32 = 4_096;

/// Bytes of a request's head. The smallest that hyper allows.
const HEAD_BYTES_MAX: usize = 8 << 10;

/// Headers of a request.
const HEADERS_MAX: usize = 64;

/// Bytes that are read of a request after an answer that did not wait for all of it.
const PLAY_LINGER_BYTES_MAX: u64 = 1 << 20;

/// Sockets beyond `sockets_max` that are kept until they have read that there is no place. Further ones are reset.
const TURNED_AWAY_MAX: usize = 256;

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

/// Files for the store, the workers' links, the admin interface and the logs.
const OTHER_FILES: u64 = 1_024;

/// Lets this process hold that many sockets and its other files, as far as its hard limit goes. Says how many sockets that
/// are: the other files come first, so that players can fill the gateway and not starve the store.
pub(super) fn allow_files(sockets_max: usize) -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = (sockets_max as u64).saturating_add(OTHER_FILES);
    let mut allowed = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    if let Some(current) = limit.current.filter(|current| *current < allowed) {
        limit.current = Some(allowed);
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "cannot raise the limit of open files");
            allowed = current;
        }
    }
    if allowed >= wanted {
        return sockets_max;
    }
    let sockets = allowed - OTHER_FILES.min(allowed / 2);
    tracing::warn!(
        allowed,
        wanted,
        sockets,
        "PLY-0160 fewer files may be open than sockets are asked for"
    );
    usize::try_from(sockets).unwrap_or(sockets_max)
}

/// Takes connections for as long as it is polled.
pub(super) async fn accept(listener: TcpListener, local: Rc<Local>) {
    let mut trouble = AcceptTrouble::new("players");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                trouble.over();
                take(&local, stream);
            }
            Err(error) => trouble.wait(&error).await,
        }
    }
}

fn take(local: &Rc<Local>, stream: TcpStream) {
    let max = local.shared.config.sockets_max;
    match StatsSlot::take(local.stats(), |stats| &stats.sockets, max) {
        Some(slot) => _ = spawn_local(serve(local.clone(), stream, slot)),
        None => {
            local.stats().refuse(HelloRefusal::Sockets);
            const FULL: &[u8] =
                b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n\r\n";
            _ = stream.try_write(FULL);
            let stats = local.stats();
            if let Some(slot) = StatsSlot::take(stats, |stats| &stats.turned_away, TURNED_AWAY_MAX)
            {
                spawn_local(async move {
                    linger(stream, PLAY_LINGER_BYTES_MAX).await;
                    drop(slot);
                });
            }
        }
    }
}

/// Serves requests until one is granted an upgrade; then a task of its own goes on with the socket.
async fn serve(local: Rc<Local>, stream: TcpStream, socket: StatsSlot) {
    let _mishap = local.shared.parts.alarms.one_of_many("a request of a player");
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
        .serve_connection(TokioIo::new(stream), service);
    let Ok(parts) = timeout(config.http_lifetime, served(connection)).await else { return };
    let Some(place) = granted.take() else {
        let stream = parts.io.into_inner();
        return linger(stream, PLAY_LINGER_BYTES_MAX).await;
    };
    let begun = parts.read_buf.to_vec();
    let stream = parts.io.into_inner();
    let conn = Conn::new(local.clone(), stream, begun, (socket, place)).await;
    // Its own task, so that what HTTP needed is given back.
    spawn_local(conn.run());
}
