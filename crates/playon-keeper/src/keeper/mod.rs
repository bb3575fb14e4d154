//! A whole keeper, from its data directory to its last thread.

mod configured;
mod parts;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use playon_store::{RoomLog, Store};
use tokio::sync::{oneshot, watch};

use crate::config::KeeperConfig;
use crate::control::{Control, Handle, Queues};
use crate::data::artifacts::Artifacts;
use crate::data::dir::{DataDir, write_private};
use crate::data::watch::{DataWatch, WatchSetup};
use crate::error::{Coded, data_dir, store_error, store_failed};
use crate::gateway::{Extra, Gateway};
use crate::links::Doors;
use crate::messages::{FromOperator, ToControl, ToShard};
use crate::owner::Shards;
use crate::process::runtime::RuntimeThread;
use crate::time::age::Age;
use crate::time::calendar::Calendar;
use crate::workers::Passes;

use parts::{
    context, control_setup, handle, hub, open_store, shared_secret, start_gateway, start_links,
    start_recovery, start_shards, start_supervisor, sweep,
};

/// Part of `stop_timeout` that rooms get to store what they hold.
const ROOMS_SHARE: u32 = 2;

/// A running keeper. It must be ended with [`Keeper::stop`]; dropped, its threads go on until the process ends.
#[derive(Debug)]
pub struct Keeper {
    handle: Handle,
    data: DataDir,
    age: Age,
    admin_at: SocketAddr,
    gateway: Option<Gateway>,
    shards: Shards,
    shard_threads: Vec<JoinHandle<()>>,
    control: Option<JoinHandle<()>>,
    links: RuntimeThread,
    admin: RuntimeThread,
    watch: Option<DataWatch>,
    log: Arc<dyn RoomLog>,
    failure: watch::Receiver<Option<Coded>>,
    stop_timeout: Duration,
}

impl Keeper {
    /// Starts a keeper; it serves when this returns, although rooms may still be read back.
    ///
    /// # Errors
    /// When the data directory, an address or a resource of the system cannot be had. Nothing is left running then but
    /// threads that have nothing to do.
    pub fn start(config: &KeeperConfig) -> Result<Self, Coded> {
        Self::start_with(config, |_| None)
    }

    /// As [`Keeper::start`], with requests below `/demo` of the player port answered by what `extra` makes.
    ///
    /// # Errors
    /// As [`Keeper::start`].
    pub fn start_with(
        config: &KeeperConfig,
        extra: impl FnOnce(&Handle) -> Option<Extra>,
    ) -> Result<Self, Coded> {
        let data = DataDir::open(&config.data)?;
        // The store holds the lock of the directory; nothing in it is touched before.
        let store: Arc<dyn Store> = Arc::new(open_store(&data)?);
        let started = Self::start_on(config, data, Arc::clone(&store), extra);
        if started.is_err() {
            let _ = store.close();
        }
        started
    }

    fn start_on(
        config: &KeeperConfig,
        data: DataDir,
        store: Arc<dyn Store>,
        extra: impl FnOnce(&Handle) -> Option<Extra>,
    ) -> Result<Self, Coded> {
        let calendar = Calendar::open(store.as_ref()).map_err(|error| store_error(&error))?;
        let (context, news, failure) = context(config, &data, Arc::clone(&store), calendar);
        let artifacts =
            Arc::new(Artifacts::open(data.artifacts(), config.bounds.artifact_bytes_max)?);
        sweep(&artifacts, store.as_ref())?;
        let passes = Arc::new(Passes::new(shared_secret(&data)?));
        let hub = Arc::new(hub(config, &context, Arc::clone(&passes)));
        let (gates, inboxes) = crate::gateway::inboxes(config.gateway_threads.into());
        let shard_threads = start_shards(config, &context, &hub, &gates)?;
        let supervisor = start_supervisor(config, &data, &context, passes)?;
        let (links, doors) = start_links(&data, &context, &hub)?;
        let queues = Queues { shards: context.shards.clone(), hub: Arc::clone(&hub), gates };
        let handle = handle(config, &context, &data, artifacts, queues);
        let setup = control_setup(config, &context, &hub, supervisor, &handle);
        // Addresses first: what is taken by somebody else is found out before any worker is started.
        let gateway = start_gateway(config, &context, inboxes, extra(&handle))?;
        let _ = handle.players_at.set(gateway.local_addr());
        let (admin, admin_at) = crate::admin::start(config, &data, &handle)?;
        let control = Control::start(setup, news)?;
        let mut keeper = Self {
            handle,
            data,
            age: context.age.clone(),
            admin_at,
            gateway: Some(gateway),
            shards: context.shards.clone(),
            shard_threads,
            control: Some(control),
            links,
            admin,
            watch: None,
            log: store,
            failure,
            stop_timeout: config.bounds.stop_timeout,
        };
        let begun = start_recovery(config, &context)
            .and_then(|()| keeper.add_releases(config))
            .and_then(|()| keeper.write_addresses(false))
            .and_then(|()| keeper.start_watch(doors));
        match begun {
            Ok(()) => Ok(keeper),
            Err(error) => {
                // The first error is the one to tell.
                let _ = keeper.stop();
                Err(error)
            }
        }
    }

    /// Where players connect.
    pub fn players_at(&self) -> SocketAddr {
        self.gateway.as_ref().map_or(self.admin_at, Gateway::local_addr)
    }

    /// Where the admin API listens.
    pub const fn admin_at(&self) -> SocketAddr {
        self.admin_at
    }

    /// The data directory.
    pub const fn data(&self) -> &DataDir {
        &self.data
    }

    /// The way to the running keeper.
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// How long an orderly stop may take.
    pub(crate) const fn stop_timeout(&self) -> Duration {
        self.stop_timeout
    }

    /// Becomes `Some` when the keeper cannot go on and must be stopped.
    pub fn failure(&self) -> watch::Receiver<Option<Coded>> {
        self.failure.clone()
    }

    fn start_watch(&mut self, doors: Doors) -> Result<(), Coded> {
        self.watch = Some(DataWatch::start(WatchSetup {
            data: self.data.clone(),
            log: Arc::clone(&self.log),
            age: self.age.clone(),
            handle: self.handle.clone(),
            doors,
        })?);
        Ok(())
    }

    /// So that the `playon` command finds the keeper of a data directory.
    fn write_addresses(&self, stopping: bool) -> Result<(), Coded> {
        let facts = serde_json::json!({
            "pid": std::process::id(),
            "admin": self.admin_at.to_string(),
            "players": self.players_at().to_string(),
            "stopping": stopping,
        });
        let path = self.data.addresses();
        write_private(&path, format!("{facts}\n").as_bytes())
            .map_err(|error| data_dir(format!("cannot write {}: {error}", path.display())))
    }

    /// Ends the keeper in order, within about `stop_timeout`: takes no more connections, stores what rooms hold, tells
    /// players to come back, ends the workers, closes the store.
    ///
    /// # Errors
    /// When the last batches could not be made safe.
    pub fn stop(mut self) -> Result<(), Coded> {
        tracing::info!("the keeper stops");
        if let Some(watch) = &self.watch {
            watch.quit();
        }
        // Nothing is written into a directory that has taken the place of this one.
        if self.data.is_there() {
            // Only the next keeper reads that; it looks at the process as well.
            let _ = self.write_addresses(true);
        }
        if let Some(gateway) = &self.gateway {
            gateway.drain();
        }
        // Whatever else has failed, what rooms hold can be stored if the store works.
        if !self.has_lost_store() {
            self.quiet_rooms();
        }
        if let Some(gateway) = self.gateway.take() {
            gateway.shutdown(self.stop_timeout / 5);
        }
        let _ = self.handle.news.send(ToControl::Quit);
        if let Some(control) = self.control.take() {
            let _ = control.join();
        }
        self.shards.push_each(|| ToShard::Quit);
        for thread in self.shard_threads.drain(..) {
            let _ = thread.join();
        }
        self.links.stop();
        self.admin.stop();
        if let Some(mut watch) = self.watch.take() {
            watch.join();
        }
        if self.data.is_there() {
            // With the store the directory and the ports are the next keeper's. Without the age seats are kept for longer.
            let _ = self.age.write();
            let _ = std::fs::remove_file(self.data.attach_socket());
            let _ = std::fs::remove_file(self.data.addresses());
        }
        self.log.close().map_err(|error| store_failed(&error))
    }

    fn has_lost_store(&self) -> bool {
        self.failure.borrow().as_ref().is_some_and(|error| error.code.is_of_store())
    }

    /// Waits until every shard has stored everything, but not for ever: what is not safe then was never acknowledged.
    fn quiet_rooms(&self) {
        let (reply, mut answer) = oneshot::channel();
        if self.handle.news.send(ToControl::Operator(FromOperator::Stop { reply })).is_err() {
            return;
        }
        let until = Instant::now() + self.stop_timeout / ROOMS_SHARE;
        while matches!(answer.try_recv(), Err(oneshot::error::TryRecvError::Empty)) {
            if self.has_lost_store() {
                return;
            }
            if Instant::now() >= until {
                tracing::warn!("not all rooms came to rest in time");
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

#[cfg(test)]
mod tests;
