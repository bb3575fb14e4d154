//! What workers print, line by line into the keeper's log.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::thread;

/// Bytes of one line; the rest of a longer one becomes the next line.
const LINE_BYTES_MAX: u64 = 8 << 10;

/// Copies one stream of a worker into the log until it ends. Without a thread for it the stream is closed.
pub(super) fn capture(
    stream: impl Read + Send + 'static,
    name: &'static str,
    label: &Arc<str>,
    pid: u32,
) {
    let label = Arc::clone(label);
    let copy = move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        loop {
            line.clear();
            match reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {
                    let text = String::from_utf8_lossy(&line);
                    tracing::info!(target: "worker", release = %label, pid, stream = name, "{}", text.trim_end());
                }
            }
        }
    };
    let spawned =
        thread::Builder::new().name(format!("log-{pid}")).stack_size(128 << 10).spawn(copy);
    if let Err(error) = spawned {
        tracing::warn!(pid, %error, "a worker's output is not captured");
    }
}
