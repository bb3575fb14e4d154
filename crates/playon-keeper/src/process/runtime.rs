//! Threads with a single-threaded runtime each.

use std::thread::JoinHandle;

use tokio::sync::watch;

use crate::error::{Coded, system};
use crate::process::alarm::{self, Alarm};

/// A thread that drives one future until it is told to stop.
#[derive(Debug)]
pub(crate) struct RuntimeThread {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl RuntimeThread {
    /// Starts the thread and waits until `begin` has said whether it can. What `begin` returns is then driven until
    /// `stop`; it must not end by itself.
    ///
    /// # Errors
    /// When `begin` fails, or there is no thread or runtime to be had (`PLY-0503`).
    pub(crate) fn start<F>(
        name: &str,
        alarm: Alarm,
        begin: impl FnOnce() -> Result<F, Coded> + Send + 'static,
    ) -> Result<Self, Coded>
    where
        F: Future<Output = ()> + 'static,
    {
        let (stop, mut stopped) = watch::channel(false);
        let (ready, told) = std::sync::mpsc::channel();
        let run = move |alarm: &Alarm| {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(ready.send(Err(system("no runtime", error)))),
            };
            let driven = alarm.drive(|| runtime.block_on(async move {
                match begin() {
                    Ok(work) => {
                        let _ = ready.send(Ok(()));
                        tokio::select! {
                            () = work => alarm.raise(system("a thread of the keeper", "it ended by itself")),
                            () = alarm.beat() => {}
                            _ = stopped.wait_for(|stop| *stop) => {}
                        }
                    }
                    Err(error) => drop(ready.send(Err(error))),
                }
            }));
            drop(runtime);
            if let Err(panic) = driven {
                std::panic::resume_unwind(panic);
            }
        };
        let thread = alarm::spawn(name, alarm, run).map_err(|error| system("no thread", error))?;
        told.recv().map_err(|error| system("a thread ended at once", error))??;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Ends the future and waits for the thread.
    pub(crate) fn stop(&mut self) {
        self.stop.send_replace(true);
        // Its panic has raised its alarm.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
