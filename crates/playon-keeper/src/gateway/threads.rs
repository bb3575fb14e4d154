//! The gateway's threads, from listening to the last socket's end.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use playon_types::gate::{Close, ToGateway};
use playon_types::reason;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::timeout;

use super::accept::{accept, adopt, allow_files, open};
use super::close::Farewell;
use super::config::GatewayConfig;
use super::local::{GatewayParts, Local, LocalShared};
use super::owner::Inboxes;
use crate::error::system;
use crate::process::alarm::{self, Alarm};

/// The running gateway. Dropping it ends its threads and resets their sockets; [`Gateway::shutdown`] is kinder.
#[derive(Debug)]
pub struct Gateway {
    address: SocketAddr,
    phase: watch::Sender<ThreadPhase>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

/// What the threads are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ThreadPhase {
    Serve,
    /// Take no new connections.
    Drain,
    /// Close all sockets and end, at the latest after this long.
    Close(Duration),
}

type Inbox = mpsc::Receiver<Vec<ToGateway>>;

impl Gateway {
    /// Listens for players, with one thread per inbox.
    ///
    /// # Errors
    /// When the address is taken or not allowed, or a thread cannot be started.
    pub fn listen(
        config: GatewayConfig,
        parts: GatewayParts,
        inboxes: Inboxes,
    ) -> io::Result<Self> {
        let sockets_max = allow_files(config.sockets_max);
        let config = GatewayConfig { sockets_max, ..config };
        let listener = match &config.listener {
            Some(listener) => adopt(listener, config.send_buffer_bytes)?,
            None => open(config.address, config.send_buffer_bytes)?,
        };
        let address = listener.local_addr()?;
        let shared = Arc::new(LocalShared::new(config, parts));
        let (phase, phases) = watch::channel(ThreadPhase::Serve);
        let mut gateway = Self { address, phase, threads: Vec::new() };
        for (number, inbox) in (0_u8..).zip(inboxes.0) {
            let (shared, phases, listener) =
                (shared.clone(), phases.clone(), listener.try_clone()?);
            // Made here so that its failure is the caller's to see; a runtime cannot leave its thread.
            let (ready, started) = std::sync::mpsc::channel();
            let alarm = shared.parts.alarms.part(format!("gateway thread {number}"));
            let run = move |alarm: &Alarm| {
                let runtime =
                    Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
                let runtime = match runtime {
                    Ok(runtime) => runtime,
                    Err(error) => {
                        _ = ready.send(Err(error));
                        return;
                    }
                };
                _ = ready.send(Ok(()));
                let local = Rc::new(Local::new(shared, number));
                let driven = alarm.drive(|| {
                    runtime.block_on(async {
                        tokio::select! {
                            () = serve(local, listener, inbox, phases, alarm) => {}
                            () = alarm.beat() => {}
                        }
                    })
                });
                drop(runtime);
                if let Err(panic) = driven {
                    std::panic::resume_unwind(panic);
                }
            };
            gateway.threads.push(alarm::spawn(format!("gateway-{number}"), alarm, run)?);
            started
                .recv()
                .unwrap_or_else(|_| Err(io::Error::other("a gateway thread did not start")))?;
        }
        Ok(gateway)
    }

    /// Where it listens; the port is the one that was chosen if port 0 was asked for.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connections from now on. Those there are go on.
    pub fn drain(&self) {
        self.phase.send_replace(ThreadPhase::Drain);
    }

    /// Tells every player to come back (`4000`), waits for their sockets to close, and for its threads to
    /// end. Blocks for at most about `within`.
    pub fn shutdown(mut self, within: Duration) {
        self.phase.send_replace(ThreadPhase::Close(within));
        for thread in self.threads.drain(..) {
            // Its panic has raised its alarm.
            let _ = thread.join();
        }
    }
}

async fn serve(
    local: Rc<Local>,
    listener: std::net::TcpListener,
    inbox: Inbox,
    mut phases: watch::Receiver<ThreadPhase>,
    alarm: &Alarm,
) {
    let accepting = match TcpListener::from_std(listener) {
        Ok(listener) => run_guarded(&local, "taking players in", accept(listener, local.clone())),
        Err(error) => return alarm.raise(system("a gateway thread cannot listen", error)),
    };
    let dispatching = run_guarded(&local, "telling players", dispatch(local.clone(), inbox));
    let waking = run_guarded(&local, "telling the rooms", wake_shards(local.clone()));
    // The sender's end counts as an order to end at once.
    let serving = phases.wait_for(|phase| *phase != ThreadPhase::Serve).await.map(|phase| *phase);
    accepting.abort();
    let last = match serving {
        Ok(ThreadPhase::Drain) => phases
            .wait_for(|phase| matches!(phase, ThreadPhase::Close(_)))
            .await
            .map(|phase| *phase),
        other => other,
    };
    local.ending.set(true);
    if let Ok(ThreadPhase::Close(within)) = last {
        local.begin_last_words();
        local.closing.notify_one();
        let quiet = async {
            while local.live() > 0 {
                local.quiet.notified().await;
            }
        };
        if timeout(within, quiet).await.is_err() {
            // They were told, and come back or not as if they had hung up.
            let sockets = local.live();
            tracing::info!(sockets, "players who did not answer the close are left behind");
        }
    }
    dispatching.abort();
    waking.abort();
    local.wake_told();
}

/// A task that all players of this thread need: its panic is the keeper's.
fn run_guarded(
    local: &Local,
    what: &str,
    work: impl Future<Output = ()> + 'static,
) -> JoinHandle<()> {
    let alarm = local.shared.parts.alarms.part(format!("{what} on a gateway thread"));
    spawn_local(async move {
        let _alarm = alarm;
        work.await;
    })
}

/// Runs behind the tasks of all sockets that were ready when the first of them told a shard something.
async fn wake_shards(local: Rc<Local>) {
    loop {
        local.telling.notified().await;
        local.wake_told();
    }
}

/// Sorts what the owner sends to the sockets' tasks. What came before the gateway goes down is passed on before
/// the sockets are told.
async fn dispatch(local: Rc<Local>, mut inbox: Inbox) {
    let mut open = true;
    loop {
        tokio::select! {
            biased;
            batch = inbox.recv(), if open => match batch {
                Some(batch) => {
                    let now = local.shared.parts.clock.now();
                    local.switchboard.deliver(now, batch, local.stats());
                }
                None => open = false,
            },
            () = local.closing.notified() => local.switchboard.close_all(&Farewell::new(
                Close::Restarting,
                reason!("PLY-0118 the keeper restarts, come back in a moment"),
            )),
        }
    }
}
