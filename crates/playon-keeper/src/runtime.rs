//! Threads with a single-threaded runtime each.

use std::thread::{Builder, JoinHandle};

use tokio::sync::watch;

use crate::error::{Coded, system};

/// A thread that drives one future until it is told to stop.
#[derive(Debug)]
pub(crate) struct RuntimeThread {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl RuntimeThread {
    /// Starts the thread and waits until `begin` has said whether it can. What `begin` returns is then driven to
    /// its end or until `stop`.
    ///
    /// # Errors
    /// When `begin` fails, or there is no thread or runtime to be had (`PLY-0503`).
    pub(crate) fn start<F>(
        name: &str,
        begin: impl FnOnce() -> Result<F, Coded> + Send + 'static,
    ) -> Result<Self, Coded>
    where
        F: Future<Output = ()> + 'static,
    {
        let (stop, mut stopped) = watch::channel(false);
        let (ready, told) = std::sync::mpsc::channel();
        let run = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(ready.send(Err(system("no runtime", error)))),
            };
            runtime.block_on(async move {
                match begin() {
                    Ok(work) => {
                        let _ = ready.send(Ok(()));
                        tokio::select! {
                            () = work => {}
                            _ = stopped.wait_for(|stop| *stop) => {}
                        }
                    }
                    Err(error) => drop(ready.send(Err(error))),
                }
            });
        };
        let thread = Builder::new()
            .name(name.to_owned())
            .spawn(run)
            .map_err(|error| system("no thread", error))?;
        told.recv().map_err(|error| system("a thread ended at once", error))??;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Ends the future and waits for the thread.
    pub(crate) fn stop(&mut self) {
        self.stop.send_replace(true);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("a runtime thread had panicked");
        }
    }
}
