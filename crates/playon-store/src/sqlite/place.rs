//! Whether the files that are open are still the ones at their paths.
//!
//! A file that is open goes on to take writes and syncs when its name is gone: nothing fails, and nothing of it is found again.
//! So the writer looks after every commit, before anybody is told that it is safe, and when it is asked to. A look is a few
//! calls that touch no disk.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::sqlite::DATABASE_FILE;
use crate::sqlite::content::Content;
use crate::sqlite::wal;

/// What a look found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Everything is where it was.
    There,
    /// Whether it is cannot be seen, and why. What is open has names still.
    Unseen(String),
    /// The write-ahead log has lost its name, and nothing else has: what is open of it can be copied into the database.
    LogGone(String),
    /// What is written reaches nobody.
    Gone(String),
}

/// Device and number: two paths that have both alike lead to one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId(u64, u64);

impl FileId {
    fn of(meta: &Metadata) -> Self {
        Self(meta.dev(), meta.ino())
    }
}

/// A file that must keep its name.
#[derive(Debug)]
struct NamedFile {
    path: PathBuf,
    identity: FileId,
}

impl NamedFile {
    fn at(path: PathBuf) -> io::Result<Self> {
        let identity = FileId::of(&fs::metadata(&path)?);
        Ok(Self { path, identity })
    }

    /// A file that is open, whatever its path leads to by now.
    fn open(path: PathBuf, file: &File) -> io::Result<Self> {
        let identity = FileId::of(&file.metadata()?);
        Ok(Self { path, identity })
    }

    /// What its path leads to, or how it does not.
    fn find(&self) -> Result<Metadata, Sight> {
        let path = self.path.display();
        match fs::metadata(&self.path) {
            Ok(meta) if FileId::of(&meta) == self.identity => Ok(meta),
            Ok(_) => Err(Sight::Gone(format!("{path} is another one now"))),
            Err(error) if is_gone(&error) => Err(Sight::Gone(format!("{path} is gone"))),
            Err(error) => Err(Sight::Unseen(format!("{path}: {error}"))),
        }
    }
}

/// Whether nothing is there any more; other errors say nothing of that.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, StaleNetworkFileHandle};
    matches!(error.kind(), NotFound | NotADirectory | StaleNetworkFileHandle)
}

/// The directory and the files of the engine in it.
#[derive(Debug)]
pub(crate) struct DataPlace {
    folder: NamedFile,
    database: NamedFile,
    log: NamedFile,
    index: NamedFile,
    /// Open from before the engine's connections until after them: closing it gives up the process's locks on the file.
    content: File,
    log_content: File,
    /// The database as the last checkpoint left it.
    settled: Content,
    /// Whether another one is under way. What somebody else writes is told from what it writes when it has ended, of which the log
    /// has all until then.
    changing: bool,
}

impl DataPlace {
    /// The database of a directory, opened to look at; to be had before the engine opens it.
    pub(crate) fn open_content(dir: &Path) -> io::Result<File> {
        File::open(dir.join(DATABASE_FILE))
    }

    /// What is open in `dir`, once the engine has made all its files. `content` is the database.
    pub(crate) fn note(dir: &Path, content: File) -> io::Result<Self> {
        let path = |suffix: &str| dir.join(format!("{DATABASE_FILE}{suffix}"));
        let log_content = File::open(path("-wal"))?;
        Ok(Self {
            folder: NamedFile::at(dir.to_owned())?,
            database: NamedFile::open(path(""), &content)?,
            log: NamedFile::open(path("-wal"), &log_content)?,
            index: NamedFile::at(path("-shm"))?,
            settled: Content::of(&content)?,
            content,
            log_content,
            changing: false,
        })
    }

    /// A checkpoint begins: the database changes from here on.
    pub(crate) const fn unsettle(&mut self) {
        self.changing = true;
    }

    /// Whether a checkpoint has begun.
    pub(crate) const fn is_changing(&self) -> bool {
        self.changing
    }

    /// A checkpoint has ended that has copied `copied` of the `pages` frames of the log, which has not begun anew meanwhile. What is
    /// in the database stays as it is until the next one.
    ///
    /// # Errors
    /// When somebody else has written the database, or when that cannot be seen.
    pub(crate) fn settle(&mut self, pages: u64, copied: u64) -> Result<(), Sight> {
        let path = self.database.path.display();
        let unseen = |error: io::Error| Sight::Unseen(format!("{path}: {error}"));
        let settled = Content::of(&self.content).map_err(unseen)?;
        let is_ours = match self.settled.is_ours(&self.content, &self.log_content, pages, copied) {
            // It ends before a page that it must have.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
            other => other.map_err(unseen)?,
        };
        if !is_ours {
            return Err(Sight::Gone(format!(
                "{path} was written over by somebody else during a checkpoint; the log still has what was acknowledged since"
            )));
        }
        (self.settled, self.changing) = (settled, false);
        Ok(())
    }

    /// Looks. The write-ahead log has at least `pages` pages.
    pub(crate) fn look(&mut self, pages: u64) -> Sight {
        match self.find(pages) {
            Ok(()) => Sight::There,
            // What cannot be seen may be gone all the same: then nothing has a name any more.
            Err(Sight::Unseen(why)) if !self.has_names() => Sight::Gone(why),
            Err(sight) => sight,
        }
    }

    fn find(&mut self, pages: u64) -> Result<(), Sight> {
        self.folder.find()?;
        let database = self.database.find()?;
        self.find_content(&database)?;
        self.index.find()?;
        let log = self.log.find().map_err(|sight| match sight {
            Sight::Gone(why) => Sight::LogGone(why),
            other => other,
        })?;
        self.find_log_content(&log, pages)
    }

    /// Finds out whether somebody else has written the database. A file that was only touched is the same.
    fn find_content(&mut self, meta: &Metadata) -> Result<(), Sight> {
        if self.changing || self.settled.is_untouched(meta) {
            return Ok(());
        }
        match Content::of(&self.content) {
            Ok(found) if found.is_same(&self.settled) => {
                self.settled = found;
                Ok(())
            }
            _ => {
                let path = self.database.path.display();
                Err(Sight::Gone(format!("{path} was written over by somebody else")))
            }
        }
    }

    /// Finds out whether somebody else has written the log: it is as long as what was written, and begins as logs do.
    fn find_log_content(&self, meta: &Metadata, pages: u64) -> Result<(), Sight> {
        if pages == 0 {
            return Ok(());
        }
        let path = self.log.path.display();
        let mut magic = [0; 4];
        match self.log_content.read_exact_at(&mut magic, 0) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
                Err(Sight::Unseen(format!("{path}: {error}")))
            }
            Ok(()) if meta.len() >= wal::bytes(pages) && wal::is_log(magic) => Ok(()),
            _ => Err(Sight::Gone(format!("{path} was written over by somebody else"))),
        }
    }

    fn has_names(&self) -> bool {
        [&self.content, &self.log_content]
            .iter()
            .all(|file| file.metadata().is_ok_and(|meta| meta.nlink() > 0))
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::sqlite::connect::{self, PAGE_BYTES};

    /// A database of some pages that is open, and what looks after it.
    struct Open {
        dir: tempfile::TempDir,
        conn: Connection,
        /// Keeps the log from beginning anew, as the checkpointer does while it is at it.
        pin: Connection,
        place: DataPlace,
    }

    impl Open {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            File::create(dir.path().join(DATABASE_FILE)).unwrap();
            let content = DataPlace::open_content(dir.path()).unwrap();
            let conn = connect::writer(dir.path(), true).unwrap();
            connect::use_wal(&conn, 1 << 20, 1 << 20).unwrap();
            conn.execute_batch("CREATE TABLE row (id INTEGER PRIMARY KEY, body BLOB)").unwrap();
            write(&conn, 1..40);
            assert!(connect::checkpoint_whole(&conn).unwrap());
            let place = DataPlace::note(dir.path(), content).unwrap();
            let pin = connect::reader(dir.path()).unwrap();
            Self { dir, conn, pin, place }
        }

        fn file(&self) -> PathBuf {
            self.dir.path().join(DATABASE_FILE)
        }

        fn begin(&mut self) {
            self.pin.execute_batch("BEGIN").unwrap();
            self.pin.query_row("SELECT count(*) FROM row", [], |_| Ok(())).unwrap();
            self.place.unsettle();
        }

        fn checkpoint(&self) -> (u64, u64) {
            let (pages, copied) = connect::checkpoint(&self.conn).unwrap();
            (pages.cast_unsigned(), copied.cast_unsigned())
        }

        /// The end of a checkpoint, after which nothing has changed.
        fn settle(&mut self) -> Result<(), Sight> {
            self.pin.execute_batch("ROLLBACK").unwrap();
            let (pages, copied) = self.checkpoint();
            self.place.settle(pages, copied)?;
            assert_eq!(self.place.look(pages), Sight::There);
            Ok(())
        }
    }

    /// Rows that each fill a page.
    fn write(conn: &Connection, ids: std::ops::Range<i64>) {
        for id in ids {
            conn.execute("REPLACE INTO row VALUES (?1, randomblob(7000))", [id]).unwrap();
        }
    }

    fn is_gone(outcome: Result<(), Sight>) {
        assert!(
            matches!(&outcome, Err(Sight::Gone(why)) if why.contains("checkpoint")),
            "{outcome:?}"
        );
    }

    #[test]
    fn what_a_checkpoint_has_copied_is_ours() {
        let mut open = Open::new();
        for rows in [30..35, 1..60, 200..201, 59..70] {
            write(&open.conn, rows.clone());
            open.begin();
            open.checkpoint();
            write(&open.conn, rows);
            open.settle().unwrap();
        }
    }

    #[test]
    fn a_copy_written_over_it_during_a_checkpoint_is_noticed() {
        // Of before the checkpoint, and of the one before that.
        for earlier in [false, true] {
            let mut open = Open::new();
            let first = fs::read(open.file()).unwrap();
            write(&open.conn, 20..45);
            open.begin();
            open.settle().unwrap();
            let second = fs::read(open.file()).unwrap();
            write(&open.conn, 40..60);
            open.begin();
            open.checkpoint();
            fs::write(open.file(), if earlier { first } else { second }).unwrap();
            is_gone(open.settle());
        }
    }

    #[test]
    fn an_older_copy_that_the_checkpoint_goes_on_to_write_into_is_noticed() {
        let mut open = Open::new();
        let first = fs::read(open.file()).unwrap();
        write(&open.conn, 1..45);
        open.begin();
        open.settle().unwrap();
        write(&open.conn, 40..60);
        open.begin();
        fs::write(open.file(), first).unwrap();
        is_gone(open.settle());
    }

    #[test]
    fn a_database_that_is_emptied_or_cut_during_a_checkpoint_is_noticed() {
        for bytes in [0, 3 * PAGE_BYTES, 50 * PAGE_BYTES + 1] {
            let mut open = Open::new();
            write(&open.conn, 20..80);
            open.begin();
            open.checkpoint();
            fs::OpenOptions::new().write(true).open(open.file()).unwrap().set_len(bytes).unwrap();
            is_gone(open.settle());
        }
    }

    /// As under a backup: of pages that it has copied in part nothing is known.
    #[test]
    fn a_checkpoint_that_a_reader_holds_up_is_ours_as_well() {
        let mut open = Open::new();
        write(&open.conn, 20..50);
        let reader = connect::reader(open.dir.path()).unwrap();
        reader.execute_batch("BEGIN").unwrap();
        reader.query_row("SELECT count(*) FROM row", [], |_| Ok(())).unwrap();
        write(&open.conn, 45..60);
        open.begin();
        let (pages, copied) = open.checkpoint();
        assert!(copied < pages && copied > 0);
        open.settle().unwrap();
        drop(reader);
        write(&open.conn, 1..3);
        open.begin();
        open.settle().unwrap();
    }
}
