//! What a service manager hands over and wants to hear: sockets, readiness, signs of life.

use std::env;
use std::io;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;

use listenfd::ListenFd;
use playon_keeper::control::Handle;
use playon_types::ply;
use rustix::io::{FdFlags, fcntl_setfd};

use super::exit::{CliError, Exit};

/// Listening sockets that were open before this process began: connections wait in them over a restart.
#[derive(Debug, Default)]
pub(super) struct Passed {
    pub(super) players: Option<Arc<TcpListener>>,
    pub(super) admin: Option<Arc<TcpListener>>,
}

impl Passed {
    /// The sockets of `LISTEN_FDS`: by the names `players` and `admin`, or without such names in this order.
    pub(super) fn take() -> Result<Self, Exit> {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let names: Vec<_> = names.split(':').collect();
        let mut fds = ListenFd::from_env();
        let mut passed = Self::default();
        for at in 0..fds.len() {
            let place = match (names.get(at).copied(), at) {
                (Some("players"), _) => &mut passed.players,
                (Some("admin"), _) => &mut passed.admin,
                (_, 0) => &mut passed.players,
                (_, 1) => &mut passed.admin,
                _ => return Err(unusable("more than two sockets were passed")),
            };
            let taken = fds.take_tcp_listener(at).map_err(unusable)?;
            let listener = taken.ok_or_else(|| unusable("it was taken already"))?;
            // Workers are started by this process and must not keep the ports open.
            fcntl_setfd(&listener, FdFlags::CLOEXEC).map_err(unusable)?;
            if place.replace(Arc::new(listener)).is_some() {
                return Err(unusable("two sockets of the same name were passed"));
            }
        }
        Ok(passed)
    }
}

fn unusable(why: impl std::fmt::Display) -> Exit {
    let message = format!("a socket of the service manager cannot be used: {why}");
    let remedy = "pass one listening TCP socket for players and one for admins, in this order";
    Exit::Failed(CliError::new(ply!("PLY-0530"), message, remedy))
}

/// The way to the service manager, if there is one.
#[derive(Debug)]
pub(super) struct Notifier {
    manager: Option<(UnixDatagram, SocketAddr)>,
    /// It wants a sign of life within this time, again and again.
    watchdog: Option<Duration>,
}

impl Notifier {
    /// As `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` say.
    pub(super) fn from_env() -> Self {
        let address = env::var("NOTIFY_SOCKET").ok().and_then(|path| manager(&path).ok());
        let ours =
            env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
        let wish = env::var("WATCHDOG_USEC").ok().and_then(|text| text.parse::<u64>().ok());
        let watchdog = wish.filter(|usec| ours && *usec > 0).map(Duration::from_micros);
        let manager = address.and_then(|to| {
            let socket = UnixDatagram::unbound().ok()?;
            // A manager that does not read must not hold us up.
            socket.set_nonblocking(true).ok()?;
            Some((socket, to))
        });
        Self { manager, watchdog }
    }

    fn tell(&self, what: &str) {
        let Some((socket, manager)) = &self.manager else { return };
        if let Err(error) = socket.send_to_addr(what.as_bytes(), manager) {
            tracing::warn!(%error, "the service manager cannot be told");
        }
    }

    pub(super) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=storing what the rooms hold");
    }

    /// Tells for ever that the keeper lives, but only while its threads answer.
    pub(super) async fn watch(&self, handle: &Handle) {
        let Some(limit) = self.watchdog.filter(|_| self.manager.is_some()) else {
            return std::future::pending().await;
        };
        let mut ticks = tokio::time::interval(limit / 3);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if handle.alive(limit / 3).await {
                let status = handle.status();
                let (rooms, players) = (status.rooms, status.players);
                self.tell(&format!("WATCHDOG=1\nSTATUS={rooms} rooms, {players} players"));
            } else {
                tracing::error!("the keeper's threads do not answer: no sign of life is given");
            }
        }
    }
}

/// A path, or a name without a file if it begins with `@`.
fn manager(path: &str) -> io::Result<SocketAddr> {
    match path.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(path),
    }
}
