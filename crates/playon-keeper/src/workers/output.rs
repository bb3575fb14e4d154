//! What workers print, line by line into the keeper's log.
//!
//! A worker may print as much as it likes: it is always read, so that no game waits for its log, and never more of it is
//! kept than the log of the keeper can bear.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::log::text::escape;
use crate::process::alarm::{self, Alarm};

/// Bytes of one line; the rest of a longer one becomes the next line.
const LINE_BYTES_MAX: u64 = 8 << 10;

/// Lines of one stream that are logged per second in the long run; the others are read and left out, which is said.
pub(super) const OUTPUT_LINES_PER_SECOND: u32 = 200;

/// Bytes of one stream that are logged per second in the long run; as [`OUTPUT_LINES_PER_SECOND`].
pub(super) const OUTPUT_BYTES_PER_SECOND: u32 = 64 << 10;

/// Seconds of both that may be logged at once after a quiet time: a panic with its stack is one burst.
const BURST_SECONDS: u32 = 10;

/// Last lines of standard error that are remembered, for the reason why the worker ended.
const LAST_LINES: usize = 8;

/// Characters of a last line that a reason holds, before those that act on a terminal are spelled out.
const LAST_CHARS_MAX: usize = 200;

/// How long the end of a process waits for its last lines to be read. They are there, unless a process that it started
/// itself keeps the stream open.
pub(super) const LAST_WAIT: Duration = Duration::from_millis(100);

/// The last lines that a worker printed on standard error.
#[derive(Clone, Debug, Default)]
pub(super) struct LastLines(Arc<Mutex<VecDeque<String>>>);

impl LastLines {
    fn push(&self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LAST_LINES {
            lines.pop_front();
        }
        let cut: String = line.trim().chars().take(LAST_CHARS_MAX).collect();
        lines.push_back(escape(&cut).into_owned());
    }

    /// The line that says most about why it ended: the last that is not a hint on how to learn more.
    pub(super) fn reason(&self) -> Option<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let says = |line: &&String| !line.starts_with("note: ");
        lines.iter().rev().find(says).cloned()
    }
}

/// What may be logged now.
#[derive(Debug)]
struct Meter {
    lines: f64,
    bytes: f64,
    at: Instant,
    left_out: u64,
}

impl Meter {
    /// Lines that may be logged at once after a quiet time.
    const LINES_MAX: f64 = (OUTPUT_LINES_PER_SECOND * BURST_SECONDS) as f64;
    /// Bytes of such lines.
    const BYTES_MAX: f64 = (OUTPUT_BYTES_PER_SECOND * BURST_SECONDS) as f64;

    fn new(at: Instant) -> Self {
        Self { lines: Self::LINES_MAX, bytes: Self::BYTES_MAX, at, left_out: 0 }
    }

    /// Whether a line may be logged, and how many before it were not, which is to be said first.
    fn take(&mut self, now: Instant, bytes: usize) -> Option<u64> {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        let fill = |level: f64, rate: u32, max: f64| (level + seconds * f64::from(rate)).min(max);
        self.lines = fill(self.lines, OUTPUT_LINES_PER_SECOND, Self::LINES_MAX);
        self.bytes = fill(self.bytes, OUTPUT_BYTES_PER_SECOND, Self::BYTES_MAX);
        // Lines are at most some KiB.
        let bytes = f64::from(u32::try_from(bytes).unwrap_or(u32::MAX));
        if self.lines < 1.0 || self.bytes < bytes {
            self.left_out += 1;
            return None;
        }
        self.lines -= 1.0;
        self.bytes -= bytes;
        // Not after each second line: what flows over goes on flowing over.
        let due = self.left_out > 0 && self.lines > f64::from(OUTPUT_LINES_PER_SECOND) / 4.0;
        Some(if due { std::mem::take(&mut self.left_out) } else { 0 })
    }
}

/// Whose stream it is.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) name: &'static str,
    pub(super) label: Arc<str>,
    pub(super) pid: u32,
    /// Where its last lines are remembered.
    pub(super) last: Option<LastLines>,
    /// Dropped at its end.
    pub(super) open: Option<Sender<()>>,
}

impl Stream {
    /// Copies the stream into the log until it ends. Without a thread for it the stream is closed.
    pub(super) fn capture(self, from: impl Read + Send + 'static, alarm: Alarm) {
        let pid = self.pid;
        let copy = move |_: &Alarm| {
            self.copy(from);
            drop(self.open);
        };
        if let Err(error) = alarm::spawn(format!("log-{pid}"), alarm, copy) {
            tracing::warn!(pid, %error, "a worker's output is not captured");
        }
    }

    fn copy(&self, from: impl Read) {
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        let mut meter = Meter::new(Instant::now());
        while matches!(next_line(&mut reader, &mut line), Ok(count) if count > 0) {
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end();
            if let Some(last) = &self.last {
                last.push(text);
            }
            let Some(left_out) = meter.take(Instant::now(), line.len()) else { continue };
            self.tell(left_out);
            let (release, pid, stream) = (&*self.label, self.pid, self.name);
            tracing::info!(target: "worker", release, pid, stream, "{text}");
        }
        self.tell(meter.left_out);
    }

    fn tell(&self, left_out: u64) {
        if left_out > 0 {
            let (release, pid, stream) = (&*self.label, self.pid, self.name);
            tracing::warn!(
                release,
                pid,
                stream,
                lines = left_out,
                "PLY-0462 a worker prints too much, lines are left out"
            );
        }
    }
}

fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    line.clear();
    reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_exceeds_the_rate_is_left_out_and_counted_and_the_rest_is_kept() {
        let began = Instant::now();
        let mut meter = Meter::new(began);
        let burst = u64::from(OUTPUT_LINES_PER_SECOND * BURST_SECONDS);
        assert_eq!(
            (0..2 * burst).filter(|_| meter.take(began, 10).is_some()).count() as u64,
            burst
        );
        assert_eq!(meter.take(began + Duration::from_secs(1), 10), Some(burst), "said once");
        assert_eq!(meter.take(began + Duration::from_secs(1), 10), Some(0));
    }

    #[test]
    fn long_lines_are_bounded_by_their_bytes() {
        let began = Instant::now();
        let mut meter = Meter::new(began);
        let line = 8 << 10;
        let taken = (0..1_000).filter(|_| meter.take(began, line).is_some()).count();
        assert_eq!(taken, (OUTPUT_BYTES_PER_SECOND * BURST_SECONDS) as usize / line);
    }

    #[test]
    fn the_reason_is_the_last_line_that_says_something() {
        let last = LastLines::default();
        assert_eq!(last.reason(), None);
        (0..100).for_each(|n| last.push(&format!("line {n}")));
        last.push("/lib/libc.so.6: version `GLIBC_2.99' not found");
        last.push("note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace");
        last.push("   ");
        assert_eq!(last.reason().unwrap(), "/lib/libc.so.6: version `GLIBC_2.99' not found");
        assert!(last.0.lock().unwrap().len() <= LAST_LINES);
        last.push(&format!("\u{1b}[31m{}", "ä".repeat(5_000)));
        let reason = last.reason().unwrap();
        assert!(!reason.contains('\u{1b}') && reason.contains("ää"), "{reason}");
        assert!(reason.chars().count() < 2 * LAST_CHARS_MAX);
    }
}
