//! The attach socket.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use tokio::net::UnixListener;
use tokio::sync::Semaphore;

use super::hub::Hub;
use super::link;
use crate::accepting::AcceptTrouble;
use crate::error::{Coded, listen};

/// Listens on the attach socket, readable and writable by this user only. The data directory is locked by now, so a socket
/// that is there is a leftover. Must be called inside a runtime.
///
/// # Errors
/// When it cannot listen; `PLY-0502`.
pub(crate) fn bind(path: &Path) -> Result<UnixListener, Coded> {
    let attempt = || -> io::Result<UnixListener> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // The directory itself is closed to other users, so nobody slips in before the mode is set.
        let listener = UnixListener::bind(path)?;
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        Ok(listener)
    };
    attempt().map_err(|error| listen("workers", path.display(), &error))
}

/// Accepts workers for as long as it is polled. Must run in a `LocalSet` or current-thread runtime.
pub(crate) async fn serve(listener: UnixListener, hub: Arc<Hub>) {
    let mut trouble = AcceptTrouble::new("workers");
    let greetings = Arc::new(Semaphore::new(hub.bounds.greetings_max));
    // The semaphore is never closed.
    while let Ok(greeting) = Arc::clone(&greetings).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                trouble.over();
                tokio::spawn(link::run(stream, Arc::clone(&hub), greeting));
            }
            Err(error) => trouble.wait(&error).await,
        }
    }
}
