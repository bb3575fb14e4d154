//! The one way out: many threads, one socket.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;
use std::{io, thread};

use playon_wire::attach::{AttachError, Up, encode_up};

/// Bytes that wait for the socket before their writers wait as well.
const WAITING_BYTES_MAX: usize = 16 << 20;

/// Bytes of answers that wait for others to leave with them.
const GATHERED_BYTES_MAX: usize = 64 << 10;

/// How long an answer waits for others to leave with it.
const GATHERED_FOR_MAX: Duration = Duration::from_millis(1);

/// Frames that have not been written.
#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Somebody has left them for others, and nobody may be at it.
    left: bool,
    closed: bool,
}

/// Whoever finds the socket free writes what all have left; the others go on with their work.
pub(super) struct Outlet {
    waiting: Mutex<Waiting>,
    stream: Mutex<UnixStream>,
    /// Something was left, or there is an end to it.
    wake: Condvar,
}

impl Outlet {
    pub(super) fn new(stream: UnixStream) -> Self {
        let (waiting, stream) = (Mutex::default(), Mutex::new(stream));
        Self { waiting, stream, wake: Condvar::new() }
    }

    /// Sends the items, in this order, after everything sent before by the same thread.
    ///
    /// # Errors
    /// When an item is too large or the link is down.
    pub(super) fn send(&self, items: &[Up]) -> Result<(), AttachError> {
        if !items.is_empty() {
            self.put(items)?;
        }
        self.write_all()
    }

    /// The same, but not at once: with what follows, or by the collector if nothing does. So what follows may take its time.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(super) fn leave(&self, items: &[Up]) -> Result<(), AttachError> {
        if items.is_empty() {
            return Ok(());
        }
        if self.put(items)? >= GATHERED_BYTES_MAX {
            return self.write_all();
        }
        let left = std::mem::replace(&mut lock(&self.waiting).left, true);
        if !left {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Starts the thread that writes what was left and not written with something else. It ends with [`Self::close`], or with
    /// the link.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(super) fn collect(self: &Arc<Self>) -> io::Result<thread::JoinHandle<()>> {
        let outlet = Arc::clone(self);
        thread::Builder::new().name("answers".to_owned()).spawn(move || {
            while outlet.wait_for_left() {
                thread::sleep(GATHERED_FOR_MAX);
                if outlet.write_all().is_err() {
                    // Everybody else learns it by themselves.
                    return;
                }
            }
        })
    }

    /// Nothing is left any more.
    pub(super) fn close(&self) {
        lock(&self.waiting).closed = true;
        self.wake.notify_one();
    }

    /// Waits until something was left; false at the end.
    fn wait_for_left(&self) -> bool {
        let idle = |waiting: &mut Waiting| !waiting.left && !waiting.closed;
        let waiting = self.wake.wait_while(lock(&self.waiting), idle);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        waiting.left = false;
        !waiting.closed
    }

    /// Puts the items behind what waits; gives how many bytes that is.
    fn put(&self, items: &[Up]) -> Result<usize, AttachError> {
        let frames = encode_up(items)?;
        let waiting = {
            let mut waiting = lock(&self.waiting);
            waiting.bytes.extend_from_slice(&frames);
            waiting.bytes.len()
        };
        if waiting > WAITING_BYTES_MAX {
            self.write(lock(&self.stream))?;
        }
        Ok(waiting)
    }

    fn write_all(&self) -> Result<(), AttachError> {
        // Looked at again after letting go: what another thread left meanwhile, thinking that
        // this one would write it, must not stay behind.
        while !lock(&self.waiting).bytes.is_empty() {
            match self.stream.try_lock() {
                Ok(stream) => self.write(stream)?,
                Err(TryLockError::WouldBlock) => break,
                Err(TryLockError::Poisoned(stream)) => self.write(stream.into_inner())?,
            }
        }
        Ok(())
    }

    fn write(&self, mut stream: MutexGuard<'_, UnixStream>) -> Result<(), AttachError> {
        let bytes = std::mem::take(&mut lock(&self.waiting).bytes);
        Ok(stream.write_all(&bytes)?)
    }
}

/// A panic while the lock was held leaves nothing half done that matters here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
