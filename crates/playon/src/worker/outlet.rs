//! The one way out: many threads, one socket.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use playon_wire::attach::{AttachError, Up, encode_up};

/// Bytes that wait for the socket before their writers wait as well.
const WAITING_BYTES_MAX: usize = 16 << 20;

/// Whoever finds the socket free writes what all have left; the others go on with their work.
pub(super) struct Outlet {
    waiting: Mutex<Vec<u8>>,
    stream: Mutex<UnixStream>,
}

impl Outlet {
    pub(super) const fn new(stream: UnixStream) -> Self {
        Self { waiting: Mutex::new(Vec::new()), stream: Mutex::new(stream) }
    }

    /// Sends the items, in this order, after everything sent before by the same thread.
    ///
    /// # Errors
    /// When an item is too large or the link is down.
    pub(super) fn send(&self, items: &[Up]) -> Result<(), AttachError> {
        if items.is_empty() {
            return Ok(());
        }
        let frames = encode_up(items)?;
        let waiting = {
            let mut waiting = lock(&self.waiting);
            waiting.extend_from_slice(&frames);
            waiting.len()
        };
        if waiting > WAITING_BYTES_MAX {
            self.write(lock(&self.stream))?;
        }
        // Looked at again after letting go: what another thread left meanwhile, thinking that
        // this one would write it, must not stay behind.
        while !lock(&self.waiting).is_empty() {
            match self.stream.try_lock() {
                Ok(stream) => self.write(stream)?,
                Err(TryLockError::WouldBlock) => break,
                Err(TryLockError::Poisoned(stream)) => self.write(stream.into_inner())?,
            }
        }
        Ok(())
    }

    fn write(&self, mut stream: MutexGuard<'_, UnixStream>) -> Result<(), AttachError> {
        let bytes = std::mem::take(&mut *lock(&self.waiting));
        Ok(stream.write_all(&bytes)?)
    }
}

/// A panic while the lock was held leaves nothing half done that matters here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
