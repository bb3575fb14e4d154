//! The one thread that writes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use playon_types::ids::RoomId;
use rusqlite::Connection;

use crate::contract::Batch;
use crate::contract::Done;
use crate::error::{OpenError, StoreError};
use crate::lock::DirLock;
use crate::sqlite::SqliteOptions;
use crate::sqlite::apply::{Books, Group};
use crate::sqlite::checkpoint::Checkpointer;
use crate::sqlite::connect;
use crate::sqlite::place::{DataPlace, Sight};
use crate::sqlite::tables::Put;
use crate::watermark::{Watermark, WatermarkFile};

/// Batches between two looks for rooms that hold up the head of the log.
const WISH_EVERY_BATCHES: u64 = 16;

/// Commands answered by one transaction; what waits beyond them goes into the next one.
const GROUP_COMMANDS_MAX: usize = 4_096;

/// Who wants to hear which rooms hold up the head of the log.
pub(crate) type Wanted = Arc<Mutex<Option<Box<dyn Fn(Vec<RoomId>) + Send>>>>;

/// What the writer is asked to do.
pub(crate) enum WriterCommand {
    /// Make a batch safe.
    Batch(Batch, Answer),
    /// Make a row of a small table safe.
    Put(Put, Answer),
    /// The checkpointer is done with a round; the pages it left, or what went wrong.
    Checkpointed(Result<u64, String>),
    /// Look whether the data directory is still what is open.
    Look(Box<dyn FnOnce(Result<Option<String>, StoreError>) + Send>),
    /// Write what waits, checkpoint, end.
    Close(Answer),
}

/// Somebody who waits for an outcome. One who is dropped unanswered is told that the store has stopped.
pub(crate) struct Answer(Option<Done>);

impl Answer {
    pub(crate) fn new(done: Done) -> Self {
        Self(Some(done))
    }

    pub(crate) fn give(mut self, outcome: Result<(), StoreError>) {
        if let Some(done) = self.0.take() {
            done(outcome);
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            done(Err(StoreError::Stopped("it is closed".to_owned())));
        }
    }
}

/// The writer's state.
pub(crate) struct Writer {
    pub(crate) conn: Connection,
    pub(crate) books: Books,
    pub(crate) options: SqliteOptions,
    pub(crate) watermark: WatermarkFile,
    pub(crate) wanted: Wanted,
    pub(crate) checkpointer: Checkpointer,
    /// Pages in the write-ahead log as of the last commit; set by the engine's hook.
    pub(crate) wal_pages: Arc<AtomicU64>,
    /// Transactions made safe since the opening.
    pub(crate) syncs: Arc<AtomicU64>,
    /// Why nothing more is written, as everybody is told from then on.
    pub(crate) stopped: Option<StoreError>,
    /// The batch at which rooms are next asked for snapshots.
    pub(crate) next_wish: u64,
    pub(crate) dir: PathBuf,
    /// Closed after the connections.
    pub(crate) place: DataPlace,
    /// Let go of last.
    pub(crate) lock: DirLock,
}

impl Writer {
    /// Runs until closed.
    pub(crate) fn run(mut self, commands: &Receiver<WriterCommand>) {
        while let Ok(first) = commands.recv() {
            let mut group = vec![first];
            let mut bytes = 0;
            while bytes < self.options.group_bytes_max
                && group.len() < GROUP_COMMANDS_MAX
                && let Ok(next) = commands.try_recv()
            {
                bytes += next.bytes();
                group.push(next);
            }
            if let Some(closing) = self.group(group) {
                let outcome = self.close();
                closing.give(outcome);
                return;
            }
        }
    }

    /// Writes everything in the group. Returns the one who asked to close.
    fn group(&mut self, group: Vec<WriterCommand>) -> Option<Answer> {
        let mut closing = None;
        let mut writes = Vec::with_capacity(group.len());
        let mut looks = Vec::new();
        for command in group {
            match command {
                WriterCommand::Checkpointed(Ok(rest)) => self.finish_round(rest),
                WriterCommand::Checkpointed(Err(why)) => {
                    self.stop(&StoreError::Io(format!("checkpoint: {why}")))
                }
                WriterCommand::Close(answer) => closing = Some(answer),
                WriterCommand::Look(tell) => looks.push(tell),
                write => writes.push(write),
            }
        }
        if !writes.is_empty() {
            self.write(writes);
        }
        for tell in looks {
            tell(self.look());
        }
        closing
    }

    fn write(&mut self, writes: Vec<WriterCommand>) {
        if let Some(error) = self.stopped.clone() {
            return writes.into_iter().for_each(|write| write.answer(Err(error.clone())));
        }
        let mut safe = Vec::with_capacity(writes.len());
        let mut refused = Vec::new();
        match self.transaction(writes, &mut safe, &mut refused) {
            Ok(broken) => {
                safe.into_iter().for_each(|answer| answer.give(Ok(())));
                if let Some(error) = broken {
                    self.stop(&error);
                    tell(refused, error);
                }
                self.look_after();
            }
            Err(error) => {
                self.stop(&error);
                safe.append(&mut refused);
                tell(safe, error);
            }
        }
    }

    /// One transaction. Answers at once who is refused for reasons of his own; of the others, `safe` are
    /// those whose writes are in it, `refused` one that broke the rules and those that came after. Returns how it broke them.
    fn transaction(
        &mut self,
        writes: Vec<WriterCommand>,
        safe: &mut Vec<Answer>,
        refused: &mut Vec<Answer>,
    ) -> Result<Option<StoreError>, StoreError> {
        let epoch = self.books.epoch;
        let mut broken = None;
        let written = {
            let mut writes = writes.into_iter();
            let begun = Group::begin(&self.conn, &mut self.books);
            let mut group = match begun {
                Ok(group) => group,
                Err(error) => {
                    safe.extend(writes.filter_map(WriterCommand::into_answer));
                    return Err(error);
                }
            };
            for write in writes.by_ref() {
                match write {
                    WriterCommand::Batch(batch, answer) => match group.add(batch) {
                        Ok(()) => safe.push(answer),
                        Err(error) => {
                            broken = Some(error);
                            refused.push(answer);
                            break;
                        }
                    },
                    WriterCommand::Put(put, answer) => match group.put(&put) {
                        Ok(Ok(())) => safe.push(answer),
                        Ok(Err(own)) => answer.give(Err(own)),
                        Err(error) => {
                            safe.push(answer);
                            safe.extend(writes.filter_map(WriterCommand::into_answer));
                            return Err(error);
                        }
                    },
                    WriterCommand::Checkpointed(_)
                    | WriterCommand::Look(_)
                    | WriterCommand::Close(_) => {}
                }
            }
            refused.extend(writes.filter_map(WriterCommand::into_answer));
            group.commit()?
        };
        self.syncs.fetch_add(1, Ordering::Relaxed);
        if let Some(batch) = written {
            self.find_place()?;
            self.watermark
                .raise(Watermark { epoch, batch })
                .map_err(|e| StoreError::Io(format!("the watermark cannot be written: {e}")))?;
        }
        Ok(broken)
    }

    /// After a commit: asks for snapshots, begins a checkpoint.
    fn look_after(&mut self) {
        let last = self.books.last;
        let restarted = match self.checkpointer.saw(self.pages()) {
            Ok(restarted) => restarted,
            Err(error) => return self.stop(&StoreError::Io(format!("checkpoint: {error}"))),
        };
        if self.checkpointer.is_at_it() {
            self.place.unsettle();
        }
        if restarted {
            self.books.ledger.wal_restarted(last);
        }
        if self.books.ledger.bytes() > self.options.log_bytes_max && last >= self.next_wish {
            self.next_wish = last + WISH_EVERY_BATCHES;
            let rooms = self.books.ledger.wanted(self.options.log_bytes_max);
            let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(wanted) = wanted.as_ref().filter(|_| !rooms.is_empty()) {
                wanted(rooms);
            }
        }
    }

    /// Goes on once the checkpointer is done with a round and has left `rest` pages.
    fn finish_round(&mut self, rest: u64) {
        if self.stopped.is_some() {
            return;
        }
        let failed = |error| StoreError::Io(format!("checkpoint: {error}"));
        let outcome = match self.checkpointer.is_small(rest).map_err(failed) {
            Ok(true) => self.finish_checkpoint(),
            Ok(false) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            self.stop(&error);
        }
    }

    /// Copies the small rest that the checkpointer left, so that the write-ahead log starts anew with the next commit, and not
    /// before it is seen that the database has what was in it.
    fn finish_checkpoint(&mut self) -> Result<(), StoreError> {
        let failed = |why: String| StoreError::Io(format!("checkpoint: {why}"));
        let (pages, copied) =
            connect::checkpoint(&self.conn).map_err(|error| failed(error.to_string()))?;
        tracing::debug!(pages, copied, "the write-ahead log is checkpointed");
        let [pages, copied] = [pages, copied].map(|pages| pages.max(0).cast_unsigned());
        self.place.settle(pages, copied).map_err(|sight| match sight {
            Sight::Gone(why) | Sight::LogGone(why) => StoreError::Displaced(why),
            Sight::Unseen(why) => failed(why),
            Sight::There => failed("it cannot be told what it has done".to_owned()),
        })
    }

    fn stop(&mut self, error: &StoreError) {
        if self.stopped.is_none() {
            tracing::error!(epoch = self.books.epoch.0, %error, "the store stops for good");
            self.stopped = Some(later(error));
        }
    }

    fn pages(&self) -> u64 {
        self.wal_pages.load(Ordering::Relaxed)
    }

    /// Whether what was written reaches the data directory; why that cannot be seen, if it cannot.
    fn find_place(&mut self) -> Result<Option<String>, StoreError> {
        match self.place.look(self.pages()) {
            Sight::There => Ok(None),
            Sight::Unseen(why) => Ok(Some(why)),
            Sight::Gone(why) => Err(StoreError::Displaced(why)),
            Sight::LogGone(why) => {
                let saved = self.save_log();
                let then = if saved {
                    "what was in it is in the database"
                } else {
                    "what was in it is lost"
                };
                Err(StoreError::Displaced(format!("{why}; {then}")))
            }
        }
    }

    /// Copies what the open log holds into the database, which has kept its name. Tells whether that is all of it.
    fn save_log(&mut self) -> bool {
        self.checkpointer.end();
        let copied = connect::checkpoint(&self.conn);
        matches!(copied, Ok((pages, copied)) if pages == copied)
    }

    /// As after a commit, and besides at what a commit does not need: the lock and the watermark.
    fn look(&mut self) -> Result<Option<String>, StoreError> {
        if let Some(error) = &self.stopped {
            return Err(error.clone());
        }
        let looked = self.find_place().and_then(|unseen| match unseen {
            Some(why) => Ok(Some(why)),
            None => self.look_closer(),
        });
        if let Err(error) = &looked {
            self.stop(error);
        }
        looked
    }

    fn look_closer(&mut self) -> Result<Option<String>, StoreError> {
        let mark = Watermark { epoch: self.books.epoch, batch: self.books.last };
        match self.lock.keep(&self.dir) {
            Ok(()) => {}
            Err(error @ OpenError::Locked { .. }) => {
                return Err(StoreError::Displaced(format!("its lock was taken: {error}")));
            }
            Err(error) => return Ok(Some(error.to_string())),
        }
        Ok(self.watermark.keep(&self.dir, mark).err().map(|error| error.to_string()))
    }

    fn close(&mut self) -> Result<(), StoreError> {
        self.checkpointer.end();
        if let Some(error) = &self.stopped {
            return Err(error.clone());
        }
        // Moved away without being written to since, it has not been looked for.
        let found = self
            .find_place()
            .and_then(|_| if self.place.is_changing() { self.finish_checkpoint() } else { Ok(()) });
        if let Err(error) = found {
            self.stop(&error);
            return Err(error);
        }
        self.stopped = Some(closed());
        if !connect::checkpoint_whole(&self.conn)? {
            tracing::debug!("a reader keeps the write-ahead log from being emptied");
        }
        Ok(())
    }
}

/// Tells the first what went wrong, and the others that the store has stopped.
fn tell(answers: Vec<Answer>, error: StoreError) {
    let later = later(&error);
    let mut told = Some(error);
    for answer in answers {
        answer.give(Err(told.take().unwrap_or_else(|| later.clone())));
    }
}

/// What those are told who come after an error. That the directory is gone is told to everybody.
fn later(error: &StoreError) -> StoreError {
    match error {
        StoreError::Displaced(_) => error.clone(),
        _ => StoreError::Stopped(error.to_string()),
    }
}

fn closed() -> StoreError {
    StoreError::Stopped("it is closed".to_owned())
}

impl WriterCommand {
    fn bytes(&self) -> usize {
        match self {
            Self::Batch(batch, _) => {
                let records = batch.records.iter().map(|record| record.body.len());
                let rests = batch.sleeps.iter().map(|rest| &rest.row);
                let rows = batch.snapshots.iter().chain(rests).map(|row| row.body.len());
                records.chain(rows).sum()
            }
            Self::Put(..) | Self::Checkpointed(_) | Self::Look(_) | Self::Close(_) => 0,
        }
    }

    fn into_answer(self) -> Option<Answer> {
        match self {
            Self::Batch(_, answer) | Self::Put(_, answer) | Self::Close(answer) => Some(answer),
            Self::Checkpointed(_) | Self::Look(_) => None,
        }
    }

    fn answer(self, outcome: Result<(), StoreError>) {
        if let Some(answer) = self.into_answer() {
            answer.give(outcome);
        }
    }
}

/// Sends a command; when the writer is gone, dropping the command tells whoever waits.
pub(crate) fn send(commands: &Sender<WriterCommand>, command: WriterCommand) {
    drop(commands.send(command));
}
