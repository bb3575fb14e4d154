//! The store of one data directory: what its contracts ask for goes to the thread that writes, or to a connection that reads.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use bytes::Bytes;
use playon_types::ids::{Epoch, RoomId};
use rusqlite::Connection;

use crate::contract::{
    Batch, Decision, Decisions, DeployRow, Done, ReleaseRow, Releases, RestGroup, RestingRoom,
    RestingRooms, RoomLog, StoredRoom,
};
use crate::damage::RoomDamage;
use crate::error::{OpenError, StoreError};
use crate::lock::from_io;
use crate::sqlite::checkpoint::Checkpointer;
use crate::sqlite::fault::SqliteFault;
use crate::sqlite::judge::{self, Judged};
use crate::sqlite::tables::{self, Put};
use crate::sqlite::writer::{Answer, Wanted, Writer, WriterCommand, send};
use crate::sqlite::{SqliteOptions, connect, open, rests, rooms};

/// The embedded store of one data directory.
pub struct SqliteStore {
    dir: PathBuf,
    epoch: Epoch,
    syncs: Arc<AtomicU64>,
    /// The epoch before which it was last restored or repaired.
    rewound: Epoch,
    commands: Sender<WriterCommand>,
    wanted: Wanted,
    /// What opening found, until it is recovered.
    found: Mutex<Option<Judged>>,
    /// For questions; gone when the store is closed.
    reader: Mutex<Option<Connection>>,
    /// For lists and counts, which may take a while; gone when the store is closed. A room that is touched does not wait for
    /// them.
    looker: Mutex<Option<Connection>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteStore {
    /// Opens the store in `dir`, creating both if needed, verifies it, and raises the epoch.
    ///
    /// The log is read once here and kept in memory until the first [`recover`](RoomLog::recover); that takes
    /// at most as many bytes as the log has.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing that was there is overwritten.
    pub fn open(dir: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        let opened = open::open(dir, &options)?;
        let sql = |error| connect::open_error(dir, &error);
        let reader = connect::reader(dir).map_err(sql)?;
        let looker = connect::reader(dir).map_err(sql)?;
        let side = connect::writer(dir, false).map_err(sql)?;
        let (commands, orders) = mpsc::channel();
        let pin = connect::reader(dir).map_err(sql)?;
        let checkpointer = Checkpointer::start(side, pin, options.wal_bytes_max, commands.clone())
            .map_err(|e| from_io(dir, &e))?;
        let wanted = Wanted::default();
        let epoch = opened.books.epoch;
        let syncs = Arc::<AtomicU64>::default();
        let writer = Writer {
            conn: opened.conn,
            books: opened.books,
            options,
            watermark: opened.watermark,
            wanted: Arc::clone(&wanted),
            checkpointer,
            wal_pages: opened.wal_pages,
            syncs: Arc::clone(&syncs),
            stopped: None,
            next_wish: 0,
            dir: dir.to_owned(),
            place: opened.place,
            lock: opened.lock,
        };
        let thread = std::thread::Builder::new()
            .name("playon-store".to_owned())
            .spawn(move || writer.run(&orders))
            .map_err(|e| from_io(dir, &e))?;
        Ok(Self {
            looker: Mutex::new(Some(looker)),
            dir: dir.to_owned(),
            epoch,
            syncs,
            rewound: opened.rewound,
            commands,
            wanted,
            found: Mutex::new(Some(opened.judged)),
            reader: Mutex::new(Some(reader)),
            writer: Mutex::new(Some(thread)),
        })
    }

    /// The data directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn put(&self, put: Put) -> Result<(), StoreError> {
        self.ask(|answer| WriterCommand::Put(put, answer))
    }

    /// Sends a command and waits for the answer.
    fn ask(&self, command: impl FnOnce(Answer) -> WriterCommand) -> Result<(), StoreError> {
        let (tell, told) = mpsc::channel();
        let answer = Answer::new(Box::new(move |outcome| drop(tell.send(outcome))));
        send(&self.commands, command(answer));
        told.recv().unwrap_or_else(|_| Err(StoreError::Stopped("its thread is gone".to_owned())))
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, SqliteFault>,
    ) -> Result<T, StoreError> {
        read_with(&self.reader, read)
    }

    fn look<T>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, SqliteFault>,
    ) -> Result<T, StoreError> {
        read_with(&self.looker, look)
    }
}

impl RoomLog for SqliteStore {
    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn submit(&self, batch: Batch, done: Done) {
        send(&self.commands, WriterCommand::Batch(batch, Answer::new(done)));
    }

    fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    /// The first call gives the rooms as they were found at opening, whatever was submitted since; a later one
    /// reads everything again, and includes what was submitted.
    fn recover(
        &self,
        each: &mut dyn FnMut(Result<StoredRoom, RoomDamage>),
    ) -> Result<(), StoreError> {
        let found = held(&self.found).take();
        // A connection of its own: a long recovery must not keep a touched room from being loaded.
        if held(&self.reader).is_none() {
            return Err(StoreError::Stopped("it is closed".to_owned()));
        }
        let conn = connect::reader(&self.dir)?;
        let tx = conn.unchecked_transaction()?;
        let (judged, except) = match found {
            Some(judged) => (judged, Some(self.epoch)),
            None => (judge::judge(&tx).map_err(SqliteFault::into_store)?, None),
        };
        rooms::recover(&tx, judged, self.rewound, except, each).map_err(SqliteFault::into_store)
    }

    fn on_snapshots_wanted(&self, wanted: Box<dyn Fn(Vec<RoomId>) + Send>) {
        *held(&self.wanted) = Some(wanted);
    }

    fn in_place(&self) -> Result<Option<String>, StoreError> {
        let (tell, told) = mpsc::channel();
        let tell = Box::new(move |seen| drop(tell.send(seen)));
        send(&self.commands, WriterCommand::Look(tell));
        told.recv().unwrap_or_else(|_| Err(StoreError::Stopped("its thread is gone".to_owned())))
    }

    fn close(&self) -> Result<(), StoreError> {
        let Some(thread) = held(&self.writer).take() else {
            return Err(StoreError::Stopped("it is closed".to_owned()));
        };
        // A reader would keep the write-ahead log from being emptied.
        drop(held(&self.reader).take());
        drop(held(&self.looker).take());
        if thread.thread().id() == std::thread::current().id() {
            // Called from a `Done`: the thread ends when it gets there, nobody can wait for it here.
            send(&self.commands, WriterCommand::Close(Answer::new(Box::new(drop))));
            return Ok(());
        }
        let outcome = self.ask(WriterCommand::Close);
        let joined =
            thread.join().map_err(|_| StoreError::Stopped("its thread panicked".to_owned()));
        outcome.and(joined)
    }
}

impl RestingRooms for SqliteStore {
    fn load_sleeping(&self, room: RoomId) -> Result<Option<StoredRoom>, StoreError> {
        self.read(|conn| rooms::load_sleeping(conn, room, self.rewound))
    }

    fn rest_groups(&self) -> Result<Vec<RestGroup>, StoreError> {
        self.look(rests::groups)
    }

    fn rests(&self, after: Option<RoomId>, limit: usize) -> Result<Vec<RestingRoom>, StoreError> {
        self.look(|conn| rests::page(conn, after, limit))
    }

    fn rests_of(
        &self,
        group: &RestGroup,
        after: Option<(u64, RoomId)>,
        by_ms: u64,
        limit: usize,
    ) -> Result<Vec<RestingRoom>, StoreError> {
        self.look(|conn| rests::of_group(conn, group, after, by_ms, limit))
    }

    fn rest(&self, room: RoomId) -> Result<Option<RestingRoom>, StoreError> {
        self.look(|conn| rests::one(conn, room))
    }
}

impl Decisions for SqliteStore {
    fn decide(&self, decision: Decision) -> Result<(), StoreError> {
        self.put(Put::Decision(decision))
    }

    fn setting(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        self.read(|conn| tables::setting(conn, name))
    }

    fn deploys(&self, limit: usize) -> Result<Vec<DeployRow>, StoreError> {
        self.read(|conn| tables::deploys(conn, limit))
    }
}

impl Releases for SqliteStore {
    fn put_release(&self, release: ReleaseRow) -> Result<(), StoreError> {
        self.put(Put::Release(release))
    }

    fn releases(&self) -> Result<Vec<ReleaseRow>, StoreError> {
        self.read(tables::releases)
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        match self.close() {
            Ok(()) | Err(StoreError::Stopped(_)) => {}
            Err(error) => tracing::error!(%error, "the store was not closed in good order"),
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("dir", &self.dir)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

fn read_with<T>(
    reader: &Mutex<Option<Connection>>,
    read: impl FnOnce(&Connection) -> Result<T, SqliteFault>,
) -> Result<T, StoreError> {
    match held(reader).as_ref() {
        Some(reader) => read(reader).map_err(SqliteFault::into_store),
        None => Err(StoreError::Stopped("it is closed".to_owned())),
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
