//! Lines of a worker that are more than that: they are shown with the room that they are about.

use std::time::Duration;

use playon_types::code::Code;
use playon_types::ids::RoomId;
use playon_types::ply;
use playon_types::reason::Reason;
use playon_wire::attach::{LogLevel, LogLine};
use tokio::time::Instant;

/// What such lines say: the room is slow, or will not come back as it is.
const NOTED: [Code; 2] = [ply!("PLY-0415"), ply!("PLY-0446")];

/// Such lines of one worker in a second; further ones are in the log only.
const NOTES_PER_SECOND_MAX: u32 = 64;

/// Bytes of such a line that are shown.
const NOTE_BYTES_MAX: usize = 512;

/// How many of them a worker has had.
#[derive(Debug)]
pub(super) struct Notes {
    count: u32,
    until: Instant,
}

impl Notes {
    pub(super) const fn new(now: Instant) -> Self {
        Self { count: 0, until: now }
    }

    /// What is to be shown of the line, if it is one of these.
    pub(super) fn take(&mut self, now: Instant, line: &LogLine) -> Option<(RoomId, String)> {
        let loud = matches!(line.level, LogLevel::Error | LogLevel::Warn);
        let room = line.room.filter(|_| loud)?;
        let code = Reason::read(line.text.as_str()).code()?;
        if !NOTED.contains(&code) {
            return None;
        }
        if now >= self.until {
            (self.count, self.until) = (0, now + Duration::from_secs(1));
        }
        self.count += 1;
        let shown = line.text.get(..line.text.floor_char_boundary(NOTE_BYTES_MAX))?;
        (self.count <= NOTES_PER_SECOND_MAX).then(|| (room, shown.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: RoomId = RoomId([1; 16]);

    fn line(level: LogLevel, room: Option<RoomId>, text: &str) -> LogLine {
        LogLine { level, room, text: text.to_owned() }
    }

    #[test]
    fn only_what_says_so_loudly_of_a_room_is_shown_with_it() {
        let now = Instant::now();
        let mut notes = Notes::new(now);
        let slow = "PLY-0415 its batches take long";
        let late = "PLY-0446 it does not come back";
        let shown = |line: &LogLine| notes.take(now, line).map(|(_, what)| what);
        let lines = [
            line(LogLevel::Warn, Some(ROOM), slow),
            line(LogLevel::Error, Some(ROOM), late),
            line(LogLevel::Info, Some(ROOM), slow),
            line(LogLevel::Warn, None, slow),
            line(LogLevel::Warn, Some(ROOM), "PLY-0428 the game panicked"),
            line(LogLevel::Warn, Some(ROOM), "it says PLY-0415"),
        ];
        let of_each: Vec<_> = lines.iter().map(shown).collect();
        assert_eq!(of_each[..2], [Some(slow.to_owned()), Some(late.to_owned())]);
        assert!(of_each[2..].iter().all(Option::is_none), "{of_each:?}");
    }

    #[test]
    fn a_worker_that_says_much_is_shown_in_part() {
        let now = Instant::now();
        let mut notes = Notes::new(now);
        let long = format!("PLY-0415 {}", "ü".repeat(NOTE_BYTES_MAX));
        let said = line(LogLevel::Warn, Some(ROOM), &long);
        let shown = (0..200).filter_map(|_| notes.take(now, &said)).collect::<Vec<_>>();
        assert_eq!(shown.len(), NOTES_PER_SECOND_MAX as usize);
        assert!(shown.iter().all(|(_, what)| what.len() <= NOTE_BYTES_MAX && what.ends_with('ü')));
        assert!(notes.take(now + Duration::from_secs(1), &said).is_some());
    }
}
