//! What may be asked of the control thread, and the handle to ask with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use playon_store::RoomLog;
use playon_types::ids::{Epoch, ReleaseId, RoomId};
use playon_types::ply;
use tokio::sync::oneshot;

use crate::config::LogLevels;
use crate::control::catalog::Catalog;
use crate::control::commands::unknown;
use crate::control::views::{
    AsleepFilter, AsleepPage, DeployAnswer, Queues, ReleaseView, RoomView, WayBackView,
};
use crate::data::artifacts::{Artifact, Artifacts};
use crate::error::Coded;
use crate::gateway::GatewayStats;
use crate::messages::{FromOperator, Reply, ToControl};
use crate::metrics::{Metrics, Recent};
use crate::process::alarm::Alarms;
use crate::time::clock::Clock;

/// The way to a running keeper, from any thread of its process.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) news: Sender<ToControl>,
    pub(crate) catalog: Arc<RwLock<Catalog>>,
    pub(crate) artifacts: Arc<Artifacts>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stats: Arc<GatewayStats>,
    pub(crate) clock: Clock,
    pub(crate) epoch: Epoch,
    pub(crate) players_at: Arc<OnceLock<SocketAddr>>,
    pub(crate) data: PathBuf,
    pub(crate) store: Arc<dyn RoomLog>,
    pub(crate) queues: Queues,
    pub(crate) recent: Arc<Recent>,
    pub(crate) log: Option<Arc<dyn LogLevels>>,
    pub(crate) alarms: Alarms,
}

impl Handle {
    /// Says in the status what does not work, or that all does.
    pub(crate) fn note_ailing(&self, error: Option<&Coded>) {
        let mut catalog = self.catalog.write().unwrap_or_else(PoisonError::into_inner);
        catalog.ailing = error.map(ToString::to_string);
    }

    /// Releases of workers that the keeper has started, with a process of each.
    pub(crate) fn executables_in_use(&self) -> Vec<(ReleaseId, u32)> {
        let catalog = self.catalog();
        let spawned = catalog.workers.values().filter(|worker| worker.spawned);
        let mut found: Vec<_> = spawned.map(|worker| (worker.release, worker.pid)).collect();
        found.sort_unstable();
        found.dedup_by_key(|(release, _)| *release);
        found
    }
}

fn gone() -> Coded {
    Coded::new(ply!("PLY-0508"), "the keeper is stopping", "ask again when it is back")
}

fn no_levels(why: &str) -> Coded {
    let remedy = "write `debug`, or `info,playon_keeper::gateway=debug`";
    Coded::new(ply!("PLY-0531"), format!("these are no levels of the log: {why}"), remedy)
}

impl Handle {
    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> FromOperator) -> Result<T, Coded> {
        let (reply, answer) = oneshot::channel();
        self.news.send(ToControl::Operator(request(reply))).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// What the keeper knows. The guard must not be held for long: the control thread waits for it.
    pub fn catalog(&self) -> RwLockReadGuard<'_, Catalog> {
        self.catalog.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stored executables.
    pub fn artifacts(&self) -> &Artifacts {
        &self.artifacts
    }

    /// Adds a stored executable as a release. Without a label one is made from the hint, or from the hash.
    ///
    /// # Errors
    /// When the label belongs to another release (`PLY-0510`) or nothing can be stored.
    pub async fn add_release(
        &self,
        artifact: Artifact,
        label: Option<String>,
        hint: Option<String>,
    ) -> Result<ReleaseView, Coded> {
        self.ask(|reply| FromOperator::AddRelease { artifact, label, hint, reply }).await
    }

    /// Begins a deploy of a known release, given by label or hash; with `now` rooms move in the middle of a round.
    ///
    /// # Errors
    /// When there is no such release (`PLY-0511`) or nothing can be stored.
    pub async fn deploy(&self, release: String, now: bool) -> Result<DeployAnswer, Coded> {
        self.ask(|reply| FromOperator::Deploy { release, now, reply }).await
    }

    /// What [`Handle::rollback`] without a release would do now.
    ///
    /// # Errors
    /// When there is no way back (`PLY-0512`).
    pub async fn way_back(&self) -> Result<WayBackView, Coded> {
        self.ask(|reply| FromOperator::WayBack { reply }).await
    }

    /// Takes rooms to that release, or to the one they were on before the last deploy that took effect. A room that cannot go
    /// keeps no other.
    ///
    /// # Errors
    /// When there is no way back (`PLY-0512`), no such release (`PLY-0511`) or nothing can be stored.
    pub async fn rollback(&self, to: Option<String>, now: bool) -> Result<DeployAnswer, Coded> {
        self.ask(|reply| FromOperator::Rollback { to, now, reply }).await
    }

    /// What this process logs.
    ///
    /// # Errors
    /// When its log cannot be changed from here (`PLY-0531`).
    pub fn log_levels(&self) -> Result<String, Coded> {
        self.log.as_ref().map(|log| log.get()).ok_or_else(|| no_levels("the log is not ours"))
    }

    /// Logs from now on what this says.
    ///
    /// # Errors
    /// As [`Handle::log_levels`], and when it makes no sense.
    pub fn set_log_levels(&self, levels: &str) -> Result<(), Coded> {
        let log = self.log.as_ref().ok_or_else(|| no_levels("the log is not ours"))?;
        log.set(levels).map_err(|why| no_levels(&format!("{levels}: {why}")))
    }

    /// One room, in memory or at rest.
    ///
    /// # Errors
    /// When there is none (`PLY-0514`), or the store cannot say.
    pub async fn room(&self, room: RoomId) -> Result<RoomView, Coded> {
        if let Some(found) = self.catalog().room(room) {
            return Ok(found);
        }
        let found = self.ask(|reply| FromOperator::RoomAtRest { room, reply }).await?;
        found.ok_or_else(|| unknown(room))
    }

    /// Rooms at rest, some at a time.
    ///
    /// # Errors
    /// When the store cannot say.
    pub async fn asleep(&self, filter: AsleepFilter) -> Result<AsleepPage, Coded> {
        self.ask(|reply| FromOperator::Asleep { filter, reply }).await
    }

    /// Ends a room in memory, a halted one too, or at rest: its players are sent away and what is stored of it is deleted.
    /// Answers with the room as it was, once that is safe.
    ///
    /// # Errors
    /// When there is no such room (`PLY-0514`), or the store cannot say whether there is (`PLY-0570`).
    pub async fn close_room(&self, room: RoomId) -> Result<RoomView, Coded> {
        self.ask(|reply| FromOperator::CloseRoom { room, reply }).await
    }

    /// Takes no new rooms from now on.
    ///
    /// # Errors
    /// When the keeper is stopping.
    pub async fn drain(&self) -> Result<(), Coded> {
        self.ask(|reply| FromOperator::Drain { reply }).await
    }
}
