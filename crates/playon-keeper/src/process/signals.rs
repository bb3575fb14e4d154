//! The signals that end a keeper, and its end.

use std::io;
use std::time::{Duration, Instant};

use playon_types::ply;
use rustix::process::Signal as RawSignal;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::error::{Coded, system};
use crate::keeper::Keeper;

/// What is left to a stop beyond `stop_timeout`, within which all its parts have given up by themselves.
const MARGIN: Duration = Duration::from_millis(500);

/// A signal so soon after the one that began a stop is the same request: `timeout` and others send theirs to a process and to its
/// group, and so twice.
pub const SAME_REQUEST_MAX: Duration = Duration::from_millis(250);

/// Has a write fail that would make a file larger than the limit of this process allows (`RLIMIT_FSIZE`), as on a full disk. It would
/// end the process without a word otherwise.
///
/// # Errors
/// When the system does not allow it.
pub fn outlive_file_limit() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _inside = runtime.enter();
    catch_file_limit()
}

/// Must be called inside a runtime. It stays caught when what this gives is gone. Caught and not ignored, as what is ignored is
/// inherited: workers end of it as any process does.
fn catch_file_limit() -> io::Result<()> {
    signal(SignalKind::from_raw(RawSignal::XFSZ.as_raw())).map(drop)
}

/// SIGTERM, SIGINT, which is Ctrl-C, and SIGHUP, which a terminal sends when it goes away.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// Nothing for a process that was started to outlive its terminal, as by `nohup`.
    hangup: Option<Signal>,
}

impl Signals {
    /// From here on they are caught, and a file that may not grow is an error. Must be called inside a runtime.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn catch() -> io::Result<Self> {
        catch_file_limit()?;
        let hangup = (!ignores_hangup()).then(|| signal(SignalKind::hangup())).transpose()?;
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup,
        })
    }

    /// Waits for the next one.
    pub async fn caught(&mut self) {
        let _ = self.next().await;
    }

    /// Waits for one that is not the same request as what has begun then.
    async fn caught_again(&mut self, begun: Instant) {
        loop {
            self.caught().await;
            if begun.elapsed() > SAME_REQUEST_MAX {
                return;
            }
        }
    }

    /// Waits for the next one, and gives its number.
    pub async fn next(&mut self) -> u8 {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => 15,
            _ = self.interrupt.recv() => 2,
            _ = hangup => 1,
        }
    }
}

/// Whether whoever started this process had it ignore SIGHUP.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored(&status) & 1 != 0
}

/// The set of ignored signals in a process's `status`; bit 0 is signal 1.
fn ignored(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Stops the keeper in order: see [`Keeper::stop`]. It has until `stop_timeout`, and another signal ends it at once, but for one
/// that comes with the first (within [`SAME_REQUEST_MAX`]): then this returns while some of its threads may still be at it, and
/// the process has to end.
///
/// # Errors
/// When the last batches could not be made safe, or the stop was cut short.
pub async fn stop(keeper: Keeper, signals: &mut Signals) -> Result<(), Coded> {
    let begun = Instant::now();
    let patience = keeper.stop_timeout() + MARGIN;
    let (done, stopped) = oneshot::channel();
    // Not a task of the runtime: its end would be waited for.
    std::thread::Builder::new()
        .name("stop".into())
        .spawn(move || {
            let _ = done.send(keeper.stop());
        })
        .map_err(|error| system("no thread to stop the keeper", error))?;
    tokio::select! {
        stopped = stopped => stopped.unwrap_or_else(|_| {
            Err(system("the keeper's stop", "it has panicked"))
        }),
        () = signals.caught_again(begun) => Err(Coded::new(
            ply!("PLY-0455"),
            "another signal ended the keeper before all rooms were stored",
            "start it again: what players were told is there, or they are told what is not",
        )),
        () = tokio::time::sleep(patience) => Err(Coded::new(
            ply!("PLY-0456"),
            format!("the keeper did not stop within {patience:?} and is ended as it is"),
            "start it again; look at the disk, or raise `stop_timeout`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status() {
        let status = "Name:\tx\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        assert_eq!(ignored(status), 0x1001);
        assert_eq!(ignored("Name:\tx\n"), 0);
    }
}
