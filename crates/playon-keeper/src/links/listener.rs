//! The attach socket.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net;
use std::path::Path;
use std::sync::Arc;

use tokio::net::UnixListener;
use tokio::sync::{Semaphore, mpsc};

use super::hub::Hub;
use super::link;
use crate::error::{Coded, listen};
use crate::process::accepting::AcceptTrouble;

/// Takes a listener in the place of the one that nobody finds any more.
#[derive(Debug)]
pub(crate) struct Doors(mpsc::UnboundedSender<net::UnixListener>);

impl Doors {
    /// The way to the links, and what they take.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<net::UnixListener>) {
        let (tell, told) = mpsc::unbounded_channel();
        (Self(tell), told)
    }

    /// From now on workers are accepted there.
    pub(crate) fn open(&self, door: net::UnixListener) {
        // Links that have ended need none.
        let _ = self.0.send(door);
    }
}

/// Listens on the attach socket, readable and writable by this user only. The data directory is locked by now, so a socket
/// that is there is a leftover.
///
/// # Errors
/// When it cannot listen; `PLY-0502`.
pub(crate) fn bind(path: &Path) -> Result<net::UnixListener, Coded> {
    let attempt = || -> io::Result<net::UnixListener> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // The directory itself is closed to other users, so nobody slips in before the mode is set.
        let listener = net::UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        Ok(listener)
    };
    attempt().map_err(|error| listen("workers", path.display(), &error))
}

/// Accepts workers for as long as it is polled. Must run in a `LocalSet` or current-thread runtime.
pub(crate) async fn serve(
    listener: net::UnixListener,
    hub: Arc<Hub>,
    mut doors: mpsc::UnboundedReceiver<net::UnixListener>,
) {
    // What cannot be listened on is said by the runtime that ends: the keeper cannot do without workers.
    let Ok(mut listener) = UnixListener::from_std(listener) else { return };
    let mut trouble = AcceptTrouble::new("workers");
    let greetings = Arc::new(Semaphore::new(hub.bounds.greetings_max));
    // The semaphore is never closed.
    while let Ok(greeting) = Arc::clone(&greetings).acquire_owned().await {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(door) = doors.recv() => {
                match UnixListener::from_std(door) {
                    Ok(door) => listener = door,
                    Err(error) => trouble.wait(&error).await,
                }
                continue;
            }
        };
        match accepted {
            Ok((stream, _)) => {
                trouble.over();
                tokio::spawn(link::run(stream, Arc::clone(&hub), greeting));
            }
            Err(error) => trouble.wait(&error).await,
        }
    }
}
