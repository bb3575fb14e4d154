//! For how long keepers of a data directory have run, all together: the clock by which empty seats are kept.
//!
//! Rooms sleep, keepers are replaced, and a seat that nobody comes back to is still to be free after its hold. The wall clock
//! would count outages too, and may be set; so what is counted is the time in which some keeper ran. It is written down
//! every second, by the watch over the directory, in place and without a sync: a killed keeper takes at most that second back, and a power failure a few more.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;

use playon_types::time::Span;

use crate::time::clock::Clock;

/// The age of a directory's keepers, this one included.
#[derive(Clone, Debug)]
pub(crate) struct Age {
    path: PathBuf,
    before: Span,
    clock: Clock,
}

impl Age {
    /// Reads the age at which the last keeper was seen. A file that is not there or makes no sense is age 0: empty seats are
    /// then kept anew.
    pub(crate) fn read(path: PathBuf, clock: Clock) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let before = Span(text.trim().parse().unwrap_or(0));
        Self { path, before, clock }
    }

    /// The age at which this keeper began.
    pub(crate) const fn before(&self) -> Span {
        self.before
    }

    /// Writes down how old keepers are by now.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self) -> io::Result<()> {
        let age = self.before.0.saturating_add(self.clock.now().0);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&self.path)?;
        // Always as long, and in one piece: there is no moment at which it cannot be read.
        file.write_all_at(format!("{age:020}\n").as_bytes(), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_goes_on_from_keeper_to_keeper_without_what_lay_between() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("age");
        let first = Age::read(path.clone(), Clock::new());
        assert_eq!(first.before(), Span::ZERO);
        fs::write(&path, format!("{:020}\n", 7_000_000)).unwrap();
        let second = Age::read(path.clone(), Clock::new());
        assert_eq!(second.before(), Span::secs(7));
        second.write().unwrap();
        let third = Age::read(path.clone(), Clock::new()).before();
        assert!(third >= Span::secs(7) && third < Span::secs(60), "{third:?}");
        for nonsense in ["", "-1", "soon", "99999999999999999999999"] {
            fs::write(&path, nonsense).unwrap();
            assert_eq!(Age::read(path.clone(), Clock::new()).before(), Span::ZERO);
        }
    }
}
