//! The data directory under a running keeper: whether it is still there, and what is deleted in it beside the store.
//!
//! The store looks for its files with every batch. A keeper whose rooms do nothing has no batches, so it is asked to look every
//! second, too. Small files that others need to find the keeper are made again when they are missing; nothing is written into a
//! directory that has taken the place of the right one.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use playon_store::RoomLog;
use playon_types::ids::ReleaseId;
use playon_types::ply;

use crate::control::Handle;
use crate::data::dir::{DataDir, make_folder, write_private};
use crate::error::{Coded, store_failed, system};
use crate::links::{Doors, bind};
use crate::messages::ToControl;
use crate::process::alarm::{self, Alarm};
use crate::time::age::Age;

/// How often the data directory is looked at. A keeper whose rooms do nothing notices so late that it is gone.
pub(crate) const LOOKED_AT_EVERY: Duration = Duration::from_secs(1);

const REMEDY: &str = "make it writable again for the keeper's user; the keeper goes on by itself";
const REMEDY_EXECUTABLE: &str = "deploy the release again before its worker ends";

/// What the watch looks after.
pub(crate) struct WatchSetup {
    pub(crate) data: DataDir,
    pub(crate) log: Arc<dyn RoomLog>,
    pub(crate) age: Age,
    pub(crate) handle: Handle,
    pub(crate) doors: Doors,
}

/// The running watch.
#[derive(Debug)]
pub(crate) struct DataWatch {
    quit: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl DataWatch {
    /// Starts it; the small files of the keeper are all there by now.
    ///
    /// # Errors
    /// When they cannot be read, or there is no thread to be had.
    pub(crate) fn start(setup: WatchSetup) -> Result<Self, Coded> {
        let mut kept = Vec::new();
        for path in [setup.data.addresses(), setup.data.admin_token(), setup.data.worker_secret()] {
            let bytes = fs::read(&path).map_err(|error| trouble(&path, &error))?;
            kept.push((path, bytes));
        }
        let (quit, told) = mpsc::channel();
        let alarm = setup.handle.alarms.part("the watch over the data directory");
        let mut thread = WatchThread { setup, kept, hopeless: BTreeSet::new(), ailing: None };
        let spawned = alarm::spawn("watch", alarm, move |alarm| thread.run(&told, alarm));
        let thread = spawned.map_err(|error| system("no thread for the watch", error))?;
        Ok(Self { quit, thread: Some(thread) })
    }

    /// Nothing new is begun from here on.
    pub(crate) fn quit(&self) {
        // A thread that is gone has ended by itself.
        let _ = self.quit.send(());
    }

    /// Waits for its end.
    pub(crate) fn join(&mut self) {
        self.quit();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

struct WatchThread {
    setup: WatchSetup,
    /// Files that others find the keeper by, with what is in them.
    kept: Vec<(PathBuf, Vec<u8>)>,
    /// Releases whose executables cannot be had back.
    hopeless: BTreeSet<ReleaseId>,
    ailing: Option<Coded>,
}

impl WatchThread {
    fn run(&mut self, told: &Receiver<()>, alarm: &Alarm) {
        while let Err(RecvTimeoutError::Timeout) = told.recv_timeout(LOOKED_AT_EVERY) {
            alarm.busy();
            if !self.look() {
                return;
            }
            alarm.idle();
        }
    }

    /// Looks once. Tells whether there is any more to look at.
    fn look(&mut self) -> bool {
        let found = match self.setup.log.in_place() {
            Ok(None) => self.mend().err(),
            Ok(Some(why)) => Some(Coded::new(ply!("PLY-0241"), unusable(why), REMEDY)),
            Err(error) => {
                let error = store_failed(&error);
                // Whatever the control thread is at.
                self.setup.handle.alarms.raise(error.clone());
                let _ = self.setup.handle.news.send(ToControl::Failed(error));
                return false;
            }
        };
        self.note(found);
        true
    }

    /// Says what is wrong when that changes.
    fn note(&mut self, found: Option<Coded>) {
        if self.ailing == found {
            return;
        }
        match &found {
            Some(error) => {
                tracing::error!(%error, remedy = error.remedy, "the keeper goes on, but not everything works")
            }
            None => tracing::info!("the data directory is as it should be again"),
        }
        self.setup.handle.note_ailing(found.as_ref());
        self.ailing = found;
    }

    /// Makes what is missing, all that can be made. The first thing that cannot is the error.
    fn mend(&mut self) -> Result<(), Coded> {
        let age = self.setup.age.write().map_err(|error| trouble(&self.setup.data.age(), &error));
        let folder = self.mend_folder();
        let files = self.mend_files();
        let socket = self.mend_socket();
        let executables = self.mend_executables();
        age.and(folder).and(files).and(socket).and(executables)
    }

    fn mend_folder(&self) -> Result<(), Coded> {
        let folder = self.setup.data.artifacts();
        if is_missing(&folder)? {
            make_folder(&folder)?;
            said(&folder);
        }
        Ok(())
    }

    fn mend_files(&self) -> Result<(), Coded> {
        for (path, bytes) in &self.kept {
            if is_missing(path)? {
                write_private(path, bytes).map_err(|error| trouble(path, &error))?;
                said(path);
            }
        }
        Ok(())
    }

    /// Workers that are attached do not notice; those that are started find the new one.
    fn mend_socket(&self) -> Result<(), Coded> {
        let path = self.setup.data.attach_socket();
        if is_missing(&path)? {
            self.setup.doors.open(bind(&path)?);
            said(&path);
        }
        Ok(())
    }

    /// A process holds its executable open, so that of a worker can be had back from it.
    fn mend_executables(&mut self) -> Result<(), Coded> {
        let Self { setup, hopeless, .. } = self;
        for (release, pid) in setup.handle.executables_in_use() {
            if setup.handle.artifacts.path(release).is_some() {
                hopeless.remove(&release);
                continue;
            }
            let path = PathBuf::from(format!("/proc/{pid}/exe"));
            let had_back = !hopeless.contains(&release)
                && setup.handle.artifacts.restore(release, &path).is_ok_and(|right| right);
            if !had_back {
                hopeless.insert(release);
                let label = setup.handle.catalog().label(release);
                let message = format!("the executable of release {label} is gone");
                return Err(Coded::new(ply!("PLY-0242"), message, REMEDY_EXECUTABLE));
            }
            said(&setup.data.artifacts().join(release.to_string()));
        }
        Ok(())
    }
}

fn is_missing(path: &Path) -> Result<bool, Coded> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(trouble(path, &error)),
    }
}

fn said(path: &Path) {
    tracing::warn!(path = %path.display(), "somebody has deleted what the keeper needs, it is made again");
}

fn trouble(path: &Path, error: &io::Error) -> Coded {
    Coded::new(ply!("PLY-0241"), unusable(format!("{}: {error}", path.display())), REMEDY)
}

fn unusable(why: String) -> String {
    format!("the data directory cannot be used: {why}")
}
