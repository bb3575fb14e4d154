//! The way of log lines to a stream that may not be read.
//!
//! Standard error is often a pipe. If nobody reads it any more, whoever writes to it waits for ever: a keeper that logged
//! directly would stand still, thread by thread, while rooms are played. So nobody but one thread ever waits for the
//! stream. What does not fit the queue is dropped and counted, and that is said as soon as lines flow again.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::log::text::{escape, escape_coloured};

/// Bytes of lines that may wait for one stream, each with [`LINE_COST_BYTES`] more. A line beyond it is dropped and
/// counted (`playon_log_lines_dropped`).
pub const LOG_WAITING_BYTES_MAX: usize = 4 << 20;

/// Bytes of one line; the rest of a longer one is cut off, which is said at its end.
pub const LOG_LINE_BYTES_MAX: usize = 64 << 10;

/// What a line takes beside its bytes.
const LINE_COST_BYTES: usize = 64;

/// Has panics logged instead of printed: a thread that cannot print its panic would stand still before anyone is told.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let thread = thread::current();
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let what = info.payload_as_str().unwrap_or_default();
        let stack = Backtrace::capture();
        let stack = (stack.status() == BacktraceStatus::Captured).then(|| stack.to_string());
        tracing::error!(thread = thread.name(), place, what, stack, "a thread has panicked");
    }));
}

/// Libraries that log the bytes they carry, keys of players and of operators among them, below the level of `info`.
const TALKATIVE: [&str; 4] = ["tungstenite", "tokio_tungstenite", "hyper", "hyper_util"];

/// Whether such a line may hold a key. No log is to keep it, whatever levels are asked for.
pub fn may_hold_secrets(line: &tracing::Metadata<'_>) -> bool {
    let library = line.target().split("::").next().unwrap_or_default();
    *line.level() > tracing::Level::INFO && TALKATIVE.contains(&library)
}

/// What is written to one stream, in order. Copies share the queue.
#[derive(Clone, Debug)]
pub struct LogQueue(Arc<LogShared>);

#[derive(Debug)]
struct LogShared {
    colours: bool,
    waiting: Mutex<WaitingLines>,
    more: Condvar,
    quiet: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct WaitingLines {
    lines: VecDeque<Box<str>>,
    bytes: usize,
    /// The thread is writing what it has taken out.
    writing: bool,
    /// Lines dropped of which nothing has been said yet.
    untold: u64,
}

impl LogQueue {
    /// Starts the thread that writes to `stream`. It ends with the process. With `colours`, those of a log are left in.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(
        name: &str,
        stream: impl Write + Send + 'static,
        colours: bool,
    ) -> io::Result<Self> {
        let shared = Arc::new(LogShared {
            colours,
            waiting: Mutex::default(),
            more: Condvar::new(),
            quiet: Condvar::new(),
            dropped: AtomicU64::new(0),
        });
        let theirs = Arc::clone(&shared);
        thread::Builder::new().name(name.to_owned()).spawn(move || theirs.write_all(stream))?;
        Ok(Self(shared))
    }

    /// Hands over one line, without its end, and never waits. Characters that act on a terminal are written out, so it
    /// stays one line.
    pub fn push(&self, line: &str) {
        self.0.push(line);
    }

    /// Lines that were dropped because nobody read the stream, or because it took them no more.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Waits until everything is written, but not longer than that. Whether it is.
    pub fn flush(&self, within: Duration) -> bool {
        let until = Instant::now() + within;
        let mut waiting = self.0.lock();
        while waiting.writing || !waiting.lines.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let woken = self.0.quiet.wait_timeout(waiting, left);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// For those who write lines as bytes: each write is one line.
    pub fn writer(&self) -> LogWriter {
        LogWriter(self.clone())
    }
}

impl LogShared {
    fn lock(&self) -> MutexGuard<'_, WaitingLines> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: &str) {
        let line = if self.colours { escape_coloured(line) } else { escape(line) };
        let line = cut(&line);
        let mut waiting = self.lock();
        let cost = line.len() + LINE_COST_BYTES;
        if waiting.bytes + cost > LOG_WAITING_BYTES_MAX {
            waiting.untold += 1;
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.bytes += cost;
        waiting.lines.push_back(line);
        drop(waiting);
        self.more.notify_one();
    }

    fn write_all(&self, mut stream: impl Write) {
        loop {
            let line = self.take();
            let written = stream.write_all(line.as_bytes()).and_then(|()| stream.flush());
            let mut waiting = self.lock();
            waiting.bytes -= line.len() + LINE_COST_BYTES;
            waiting.writing = false;
            if written.is_err() {
                // Nobody holds the other end, or the disk is full. It may come back.
                waiting.untold += 1;
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
            // Told when there is room for more than the telling.
            let flows = written.is_ok() && waiting.bytes < LOG_WAITING_BYTES_MAX / 2;
            let lines = if flows { std::mem::take(&mut waiting.untold) } else { 0 };
            let quiet = waiting.lines.is_empty();
            drop(waiting);
            if quiet {
                self.quiet.notify_all();
            }
            if lines > 0 {
                tracing::warn!(lines, "PLY-0541 lines of the log were dropped, nobody read them");
            }
        }
    }

    fn take(&self) -> Box<str> {
        let mut waiting = self.lock();
        loop {
            if let Some(line) = waiting.lines.pop_front() {
                waiting.writing = true;
                return line;
            }
            waiting = self.more.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The line with its end, not longer than a line may be.
fn cut(line: &str) -> Box<str> {
    const REST: &str = " .. cut off";
    let mut whole = String::with_capacity(line.len().min(LOG_LINE_BYTES_MAX) + REST.len() + 1);
    if line.len() <= LOG_LINE_BYTES_MAX {
        whole.push_str(line);
    } else {
        whole.push_str(&line[..line.floor_char_boundary(LOG_LINE_BYTES_MAX)]);
        whole.push_str(REST);
    }
    whole.push('\n');
    whole.into_boxed_str()
}

/// Takes lines as bytes.
#[derive(Debug)]
pub struct LogWriter(LogQueue);

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        self.0.push(&String::from_utf8_lossy(line));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// A stream that takes a line only when it is let.
    struct Gate {
        let_in: mpsc::Receiver<io::Result<()>>,
        taken: mpsc::Sender<String>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.let_in.recv().unwrap_or(Ok(()))?;
            let _ = self.taken.send(String::from_utf8(bytes.to_vec()).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    type Pass = mpsc::Sender<io::Result<()>>;

    fn gate() -> (LogQueue, Pass, mpsc::Receiver<String>) {
        let (pass, let_in) = mpsc::channel();
        let (taken, lines) = mpsc::channel();
        (LogQueue::start("log", Gate { let_in, taken }, false).unwrap(), pass, lines)
    }

    #[test]
    fn nobody_waits_for_a_stream_that_is_not_read_and_what_is_dropped_is_counted() {
        let (queue, pass, lines) = gate();
        let line = "x".repeat(1 << 10);
        let sent = 2 * LOG_WAITING_BYTES_MAX / line.len();
        (0..sent).for_each(|_| queue.push(&line));
        assert!(!queue.flush(Duration::from_millis(10)), "nothing was read");
        let dropped = usize::try_from(queue.dropped()).unwrap();
        assert!(dropped > sent / 3 && dropped < sent, "{dropped} of {sent}");
        drop(pass);
        assert!(queue.flush(PATIENCE));
        assert_eq!(lines.try_iter().count(), sent - dropped);
        queue.push("after");
        assert!(queue.flush(PATIENCE));
        assert_eq!(lines.try_iter().collect::<Vec<_>>(), ["after\n"]);
    }

    #[test]
    fn a_stream_that_fails_is_tried_again_with_the_next_line() {
        let (queue, pass, lines) = gate();
        pass.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
        pass.send(Ok(())).unwrap();
        queue.push("lost");
        queue.push("told");
        assert!(queue.flush(PATIENCE));
        assert_eq!((queue.dropped(), lines.recv().unwrap()), (1, "told\n".to_owned()));
    }

    #[test]
    fn one_write_is_one_line_whatever_is_in_it() {
        let (queue, pass, lines) = gate();
        drop(pass);
        queue.writer().write_all(b"a\nINFO forged\x1b[2J\xff\n").unwrap();
        queue.push(&"y".repeat(LOG_LINE_BYTES_MAX + 1));
        assert!(queue.flush(PATIENCE));
        assert_eq!(lines.recv().unwrap(), "a\\nINFO forged\\u001b[2J\u{fffd}\n");
        let long = lines.recv().unwrap();
        assert!(long.ends_with("y .. cut off\n") && long.len() < LOG_LINE_BYTES_MAX + 64);
    }
}
