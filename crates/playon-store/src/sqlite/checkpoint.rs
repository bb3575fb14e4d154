//! Moves the write-ahead log into the database without holding up the writer.
//!
//! A second connection copies what is there, which takes as long as the disk takes. Meanwhile the writer goes
//! on, so something is always left. Once little is left, the writer copies that itself, between two
//! transactions; then nothing is, and its next commit starts the log anew. Until then the log is kept from that, so that it can be
//! held against the database.

use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use rusqlite::Connection;

use crate::sqlite::connect::{self, PAGE_BYTES};
use crate::sqlite::writer::WriterCommand;

/// Rounds on the second connection before the writer finishes whatever is left.
const ROUNDS_MAX: u32 = 4;

/// The way to the writer, which is also told of a panic: it would wait for the end of the round for ever, and the log grow.
struct CheckpointTold(Sender<WriterCommand>);

impl Drop for CheckpointTold {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let why = "its thread has panicked".to_owned();
            // A writer that is gone waits for nothing.
            let _ = self.0.send(WriterCommand::Checkpointed(Err(why)));
        }
    }
}

/// The writer's handle of the thread.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    /// Reads the log as it was when a round began, for as long as it runs: a log that is read does not start anew.
    pin: Connection,
    rounds: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    wal_bytes_max: u64,
    /// Rounds done since the log was last found too long; 0 when none is running.
    round: u32,
    pages: u64,
    /// Pages at which to begin the next time.
    begin_at: u64,
}

impl Checkpointer {
    /// Starts the thread with a connection of its own, and another one that only reads.
    pub(crate) fn start(
        conn: Connection,
        pin: Connection,
        wal_bytes_max: u64,
        commands: Sender<WriterCommand>,
    ) -> std::io::Result<Self> {
        let (rounds, orders) = mpsc::channel();
        let thread =
            std::thread::Builder::new().name("playon-checkpoint".to_owned()).spawn(move || {
                let commands = CheckpointTold(commands);
                while orders.recv().is_ok() {
                    let outcome = connect::checkpoint(&conn)
                        .map(|(pages, copied)| (pages - copied).max(0).cast_unsigned())
                        .map_err(|error| error.to_string());
                    if commands.0.send(WriterCommand::Checkpointed(outcome)).is_err() {
                        return;
                    }
                }
            })?;
        let begin_at = wal_bytes_max / PAGE_BYTES;
        Ok(Self {
            pin,
            rounds: Some(rounds),
            thread: Some(thread),
            wal_bytes_max,
            round: 0,
            pages: 0,
            begin_at,
        })
    }

    /// Notes how long the log is after a commit, and begins a round when it is too long. Returns whether the
    /// log has started anew.
    pub(crate) fn saw(&mut self, pages: u64) -> rusqlite::Result<bool> {
        let restarted = pages < self.pages;
        self.pages = pages;
        if restarted {
            self.begin_at = self.wal_bytes_max / PAGE_BYTES;
        }
        if self.round == 0 && pages > self.begin_at {
            self.begin_at = pages + self.wal_bytes_max / PAGE_BYTES / 4;
            self.order()?;
        }
        Ok(restarted)
    }

    /// Whether the database is being written to.
    pub(crate) const fn is_at_it(&self) -> bool {
        self.round > 0
    }

    /// Whether what a round has left is small enough for the writer; if not, begins another round.
    pub(crate) fn is_small(&mut self, left: u64) -> rusqlite::Result<bool> {
        // What was written since the round ended counts as little: it is at most a few groups.
        if left * PAGE_BYTES <= self.wal_bytes_max / 8 || self.round >= ROUNDS_MAX {
            self.round = 0;
            self.let_go()?;
            return Ok(true);
        }
        self.order()?;
        Ok(false)
    }

    fn order(&mut self) -> rusqlite::Result<()> {
        self.let_go()?;
        self.pin.execute_batch("BEGIN")?;
        self.pin.query_row("SELECT epoch FROM keeper", [], |_| Ok(()))?;
        self.round += 1;
        if let Some(rounds) = &self.rounds {
            // A thread that is gone has sent its error already.
            let _ = rounds.send(());
        }
        Ok(())
    }

    fn let_go(&self) -> rusqlite::Result<()> {
        if self.pin.is_autocommit() { Ok(()) } else { self.pin.execute_batch("ROLLBACK") }
    }

    /// Ends the thread and waits for it.
    pub(crate) fn end(&mut self) {
        self.rounds = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the checkpoint thread panicked");
        }
        if let Err(error) = self.let_go() {
            tracing::warn!(%error, "the write-ahead log is still read");
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.end();
    }
}
